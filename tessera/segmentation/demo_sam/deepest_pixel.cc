#include "tessera/segmentation/demo_sam/deepest_pixel.h"

#include <algorithm>
#include <vector>

#include "tessera/core/error.h"

namespace tessera::segmentation {

DeepPixel deepest_pixel(std::span<const uint8_t> region, int height, int width) {
  TESSERA_ASSERT(region.size() == size_t(height) * width);
  // With a rim of zeros, so that no step needs a test.
  const int stride = width + 2;
  std::vector<int> depth(size_t(height + 2) * stride, 0);
  const auto at = [&](int y, int x) { return depth.data() + size_t(y + 1) * stride + x + 1; };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      if (region[size_t(y) * width + x] == 0) continue;
      int* d = at(y, x);
      *d = std::min({d[-1] + 3, d[-stride] + 3, d[-stride - 1] + 4, d[-stride + 1] + 4});
    }
  }
  DeepPixel deepest;
  for (int y = height - 1; y >= 0; --y) {
    for (int x = width - 1; x >= 0; --x) {
      int* d = at(y, x);
      if (*d == 0) continue;
      *d = std::min({*d, d[1] + 3, d[stride] + 3, d[stride + 1] + 4, d[stride - 1] + 4});
      if (*d >= deepest.depth) deepest = {y, x, *d};
    }
  }
  return deepest;
}

CorrectiveClick corrective_click(std::span<const uint8_t> predicted, std::span<const uint8_t> truth,
                                 int height, int width) {
  std::vector<uint8_t> missing(truth.size()), extra(truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    missing[i] = truth[i] != 0 && predicted[i] == 0;
    extra[i] = truth[i] == 0 && predicted[i] != 0;
  }
  const DeepPixel in = deepest_pixel(missing, height, width);
  const DeepPixel out = deepest_pixel(extra, height, width);
  if (in.depth == 0 && out.depth == 0) {
    const DeepPixel own = deepest_pixel(truth, height, width);
    return {own.y, own.x, true};
  }
  return in.depth >= out.depth ? CorrectiveClick{in.y, in.x, true}
                               : CorrectiveClick{out.y, out.x, false};
}

}  // namespace tessera::segmentation
