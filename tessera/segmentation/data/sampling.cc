#include "tessera/segmentation/data/sampling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/error.h"

namespace tessera::segmentation {

Affine affine_of(const Window& window, int side) {
  const double angle = window.rotation_degrees * std::numbers::pi / 180;
  // Multiples of a right angle are exact, so that such views copy pixels.
  const bool is_right_angle = std::remainder(window.rotation_degrees, 90.0F) == 0;
  const auto snap = [&](double value) { return is_right_angle ? std::round(value) : value; };
  const double cosine = snap(std::cos(angle)), sine = snap(std::sin(angle));
  const double step = static_cast<double>(window.side) / side;
  const double u = window.flip_horizontal ? -step : step;
  const double v = window.flip_vertical ? -step : step;
  Affine affine{0, 0, cosine * u, sine * u, -sine * v, cosine * v};
  const double first = 0.5 - side / 2.0;  // centre of pixel 0 against the picture's centre
  affine.x0 = window.centre_x + first * (affine.column_x + affine.row_x);
  affine.y0 = window.centre_y + first * (affine.column_y + affine.row_y);
  return affine;
}

namespace {

/// The index inside [0, size) that a mirror at both outer edges shows at `index`.
int reflect(int index, int size) {
  const int period = 2 * size;
  int wrapped = index % period;
  if (wrapped < 0) wrapped += period;
  return wrapped < size ? wrapped : period - 1 - wrapped;
}

}  // namespace

std::vector<int> padded_indices(int first, int count, int size, Padding padding) {
  std::vector<int> indices(count);
  for (int i = 0; i < count; ++i) {
    const int at = first + i;
    const bool is_inside = at >= 0 && at < size;
    indices[i] = is_inside ? at : padding == Padding::kReflect ? reflect(at, size) : -1;
  }
  return indices;
}

Region region_of(const Affine& affine, int side, int margin) {
  const double last = side - 1;
  const double xs[4] = {affine.x0, affine.x0 + last * affine.column_x,
                        affine.x0 + last * affine.row_x,
                        affine.x0 + last * (affine.column_x + affine.row_x)};
  const double ys[4] = {affine.y0, affine.y0 + last * affine.column_y,
                        affine.y0 + last * affine.row_y,
                        affine.y0 + last * (affine.column_y + affine.row_y)};
  const auto [low_x, high_x] = std::minmax_element(xs, xs + 4);
  const auto [low_y, high_y] = std::minmax_element(ys, ys + 4);
  const auto floor_to_int = [](double value) { return static_cast<int>(std::floor(value)); };
  Region region;
  region.x = floor_to_int(*low_x - 0.5) - margin;
  region.y = floor_to_int(*low_y - 0.5) - margin;
  region.width = floor_to_int(*high_x - 0.5) + 2 + margin - region.x;
  region.height = floor_to_int(*high_y - 0.5) + 2 + margin - region.y;
  return region;
}

Affine inside_region(const Affine& affine, const Region& region) {
  Affine inside = affine;
  inside.x0 -= region.x;
  inside.y0 -= region.y;
  return inside;
}

void check_sampling(const Window& window, int side) {
  TESSERA_CHECK(side >= 1 && side <= 16'384,
                "[picture] the side must be in [1, 16384], got: ", side);
  TESSERA_CHECK(window.side > 0 && window.side <= 1e6F && std::isfinite(window.rotation_degrees) &&
                    std::abs(window.centre_x) <= 1e6F && std::abs(window.centre_y) <= 1e6F,
                "[picture] the window's side must be in (0, 1e6] and its centre in [-1e6, 1e6], "
                "got: ",
                window.side, " at ", window.centre_x, ", ", window.centre_y);
}

Extent whole_extent(int height, int width, int side) {
  TESSERA_CHECK(height >= 1 && width >= 1 && side >= 1,
                "[whole_extent] sides must be >= 1, got: ", height, " x ", width, " into ", side);
  const double scale = side / static_cast<double>(std::max(height, width));
  const auto scaled = [&](int length) {
    return std::clamp(static_cast<int>(std::floor(length * scale + 0.5)), 1, side);
  };
  return {scaled(height), scaled(width)};
}

}  // namespace tessera::segmentation
