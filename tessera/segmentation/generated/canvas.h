// Pictures while they are painted: planes of floats, nominally in [0, 1], rows without gaps.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace tessera::segmentation::generated {

using Rgb = std::array<float, 3>;

struct Plane {
  int height = 0, width = 0;
  std::vector<float> values;  // (H, W)

  Plane() = default;
  Plane(int height, int width, float value = 0) { reset(height, width, value); }

  /// Another size, all pixels `value`; keeps the memory.
  void reset(int new_height, int new_width, float value = 0) {
    height = new_height;
    width = new_width;
    values.assign(size_t(height) * width, value);
  }
  float* row(int y) { return values.data() + size_t(y) * width; }
  const float* row(int y) const { return values.data() + size_t(y) * width; }
};

struct Canvas {
  std::array<Plane, 3> channels;

  Canvas(int height, int width)
      : channels{Plane(height, width), Plane(height, width), Plane(height, width)} {}
  int height() const { return channels[0].height; }
  int width() const { return channels[0].width; }
};

/// Half-open rectangle of pixels.
struct Box {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  int width() const { return x1 - x0; }
  int height() const { return y1 - y0; }
  bool is_empty() const { return x0 >= x1 || y0 >= y1; }
};

/// Gaussian blur in place; what lies beyond an edge repeats the edge. Deviations below 0.25 pixels
/// do nothing; above 3 three box filters stand in for the Gaussian, which costs the same for any
/// deviation.
void blur(Plane& plane, float deviation);

inline Rgb mix(const Rgb& a, const Rgb& b, float share_of_b) {
  return {a[0] + (b[0] - a[0]) * share_of_b, a[1] + (b[1] - a[1]) * share_of_b,
          a[2] + (b[2] - a[2]) * share_of_b};
}

inline Rgb scaled(const Rgb& colour, float factor) {
  return {colour[0] * factor, colour[1] * factor, colour[2] * factor};
}

}  // namespace tessera::segmentation::generated
