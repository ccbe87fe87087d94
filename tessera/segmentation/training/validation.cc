#include "tessera/segmentation/training/validation.h"

#include <cmath>

#include "tessera/segmentation/metrics/overlap.h"

namespace tessera::segmentation {
namespace {

constexpr int kNumThresholds = 13;

double threshold_at(int i) { return (20 + 5 * i) / 100.0; }

}  // namespace

MeanScore validate(Predictor& predictor, const Dataset& dataset, const std::vector<size_t>& images,
                   ThresholdScore* best) {
  MeanScore sum;
  std::vector<double> dice_at(kNumThresholds, 0);
  predictor.predict_all(
      images.size(), [&](size_t i) { return dataset.load(images[i]); },
      [&](size_t, const LoadedSample& sample, const Prediction& prediction) {
        const Overlap score = overlap(prediction.mask(0.5), sample.mask);
        sum.dice += score.dice;
        sum.iou += score.iou;
        if (best == nullptr) return;
        for (int i = 0; i < kNumThresholds; ++i)
          dice_at[i] += overlap(prediction.mask(threshold_at(i)), sample.mask).dice;
      });
  const auto count = static_cast<double>(images.size());
  if (best != nullptr) {
    *best = {0.5, sum.dice / count};
    for (int i = 0; i < kNumThresholds; ++i) {
      const double dice = dice_at[i] / count;
      const bool is_nearer =
          std::abs(threshold_at(i) - 0.5) < std::abs(best->threshold - 0.5) - 1e-9;
      if (dice > best->dice || (dice == best->dice && is_nearer)) *best = {threshold_at(i), dice};
    }
  }
  return {sum.dice / count, sum.iou / count};
}

}  // namespace tessera::segmentation
