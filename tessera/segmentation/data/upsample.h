// Bilinear resampling of maps as torch's interpolate(mode="bilinear", align_corners=False) does it;
// private to the folder.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tessera::segmentation {

/// For each of `to` positions along a side, the two of `from` that it lies between. Equal
/// neighbours give exactly their value.
class LinearTaps {
 public:
  LinearTaps(int from, int to);

  float at(std::span<const float> line, int position) const {
    const Tap& tap = taps_[position];
    return line[tap.low] + tap.fraction * (line[tap.high] - line[tap.low]);
  }

  /// Row `position` of a (from, row.size()) map stretched along its first axis.
  void mix_rows(std::span<const float> map, int position, std::span<float> row) const;

 private:
  struct Tap {
    int low, high;
    float fraction;
  };
  std::vector<Tap> taps_;
};

/// (from_height, from_width) -> the upper left (keep_height, keep_width) of (height, width).
std::vector<float> upsample_bilinear(std::span<const float> map, int from_height, int from_width,
                                     int height, int width, int keep_height, int keep_width);

}  // namespace tessera::segmentation
