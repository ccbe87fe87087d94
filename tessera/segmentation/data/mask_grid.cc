#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/sampling.h"

namespace tessera::segmentation {
namespace {

/// Samples along a side of a grid pixel that spans `step` source pixels: two a source pixel.
int samples_along(double step) { return std::clamp(static_cast<int>(std::ceil(2 * step)), 2, 8); }

/// A mask that can be asked anywhere; -1 is padding of kMean.
struct MaskSource {
  const std::vector<uint8_t>& mask;
  int height, width;
  Padding padding;

  int at(double x, double y) const {
    auto column = static_cast<int>(std::floor(x)), row = static_cast<int>(std::floor(y));
    if (column < 0 || column >= width || row < 0 || row >= height) {
      if (padding == Padding::kMean) return -1;
      column = reflect(column, width);
      row = reflect(row, height);
    }
    return mask.empty() ? 0 : mask[size_t{1} * row * width + column] != 0;
  }
};

/// affine: grid pixels -> source pixels. count: samples along a side of a grid pixel.
MaskGrid sample_grid(const MaskSource& source, const Affine& affine, int side, int count) {
  MaskGrid grid{side, {}, std::vector<uint8_t>(size_t{1} * side * side)};
  if (!source.mask.empty()) grid.target.resize(grid.valid.size());
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      int foreground = 0, inside = 0;
      for (int i = 0; i < count; ++i) {
        const double r = row + (i + 0.5) / count - 0.5;
        for (int j = 0; j < count; ++j) {
          const double c = column + (j + 0.5) / count - 0.5;
          const int value = source.at(affine.x0 + c * affine.column_x + r * affine.row_x,
                                      affine.y0 + c * affine.column_y + r * affine.row_y);
          inside += value >= 0;
          foreground += value > 0;
        }
      }
      const size_t at = size_t{1} * row * side + column;
      grid.valid[at] = 2 * inside >= count * count;
      if (!grid.target.empty()) grid.target[at] = 2 * foreground >= count * count;
    }
  }
  return grid;
}

void check_mask(const std::vector<uint8_t>& mask, int height, int width) {
  TESSERA_CHECK(
      height >= 1 && width >= 1 && (mask.empty() || mask.size() == size_t{1} * height * width),
      "[mask_grid] the mask must have height x width pixels, got: ", mask.size(), " pixels for ",
      height, " x ", width);
}

}  // namespace

MaskGrid sample_mask(const std::vector<uint8_t>& mask, int height, int width, const Window& window,
                     int side, Padding padding) {
  check_sampling(window, side);
  check_mask(mask, height, width);
  return sample_grid({mask, height, width, padding}, affine_of(window, side), side,
                     samples_along(static_cast<double>(window.side) / side));
}

MaskGrid whole_mask(const std::vector<uint8_t>& mask, int height, int width, int side,
                    int mask_side) {
  check_mask(mask, height, width);
  TESSERA_CHECK(mask_side >= 1, "[mask_grid] the mask's side must be >= 1, got: ", mask_side);
  const Extent extent = whole_extent(height, width, side);
  const double step_x = static_cast<double>(side) / mask_side * width / extent.width;
  const double step_y = static_cast<double>(side) / mask_side * height / extent.height;
  const Affine affine{step_x / 2, step_y / 2, step_x, 0, 0, step_y};
  return sample_grid({mask, height, width, Padding::kMean}, affine, mask_side,
                     samples_along(std::max(step_x, step_y)));
}

}  // namespace tessera::segmentation
