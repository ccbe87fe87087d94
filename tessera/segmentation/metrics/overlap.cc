#include "tessera/segmentation/metrics/overlap.h"

#include "tessera/core/error.h"

namespace tessera::segmentation {

Overlap overlap(std::span<const uint8_t> predicted, std::span<const uint8_t> truth) {
  TESSERA_CHECK(predicted.size() == truth.size(),
                "[overlap] both masks must have the same size, got: ", predicted.size(), " and ",
                truth.size(), " pixels");
  int64_t in_predicted = 0, in_truth = 0, in_both = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    in_predicted += predicted[i] != 0;
    in_truth += truth[i] != 0;
    in_both += predicted[i] != 0 && truth[i] != 0;
  }
  const int64_t in_either = in_predicted + in_truth - in_both;
  if (in_either == 0) return {1.0, 1.0};
  return {2.0 * in_both / static_cast<double>(in_predicted + in_truth),
          in_both / static_cast<double>(in_either)};
}

}  // namespace tessera::segmentation
