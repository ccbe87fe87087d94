#include "tessera/segmentation/data/upsample.h"

#include <algorithm>

namespace tessera::segmentation {

LinearTaps::LinearTaps(int from, int to) : taps_(to) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (int i = 0; i < to; ++i) {
    const float at = std::max(0.0F, scale * (static_cast<float>(i) + 0.5F) - 0.5F);
    const int low = std::min(static_cast<int>(at), from - 1);
    taps_[i] = {low, std::min(low + 1, from - 1), at - static_cast<float>(low)};
  }
}

void LinearTaps::mix_rows(std::span<const float> map, int position, std::span<float> row) const {
  const Tap& tap = taps_[position];
  const float* low = map.data() + tap.low * row.size();
  const float* high = map.data() + tap.high * row.size();
  for (size_t i = 0; i < row.size(); ++i) row[i] = low[i] + tap.fraction * (high[i] - low[i]);
}

std::vector<float> upsample_bilinear(std::span<const float> map, int from_height, int from_width,
                                     int height, int width, int keep_height, int keep_width) {
  const LinearTaps rows(from_height, height), columns(from_width, width);
  std::vector<float> result(size_t{1} * keep_height * keep_width);
  std::vector<float> row(from_width);
  for (int y = 0; y < keep_height; ++y) {
    rows.mix_rows(map, y, row);
    float* to = result.data() + size_t{1} * y * keep_width;
    for (int x = 0; x < keep_width; ++x) to[x] = columns.at(row, x);
  }
  return result;
}

}  // namespace tessera::segmentation
