#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/sampling.h"

namespace tessera::segmentation {
namespace {

/// Samples along a side of a grid pixel that spans `step` source pixels: two a source pixel.
int samples_along(double step) { return std::clamp(static_cast<int>(std::ceil(2 * step)), 2, 8); }

/// Part of a mask with its padding filled in. pixels: bit 0 foreground, bit 4 inside the image or
/// reflected from it.
struct PaddedMask {
  Region region;
  std::vector<uint8_t> pixels;
};
constexpr uint8_t kInside = 1 << 4;

struct MaskSource {
  const std::vector<uint8_t>& mask;
  int height, width;
  Padding padding;
};

PaddedMask copy_region(const MaskSource& source, const Region& region) {
  PaddedMask copy{region, std::vector<uint8_t>(size_t{1} * region.height * region.width)};
  const auto xs = padded_indices(region.x, region.width, source.width, source.padding);
  const auto ys = padded_indices(region.y, region.height, source.height, source.padding);
  uint8_t* to = copy.pixels.data();
  for (const int y : ys) {
    for (const int x : xs) {
      const bool is_inside = x >= 0 && y >= 0;
      const bool is_foreground =
          is_inside && !source.mask.empty() && source.mask[size_t{1} * y * source.width + x] != 0;
      *to++ = static_cast<uint8_t>((is_inside ? kInside : 0) | is_foreground);
    }
  }
  return copy;
}

/// affine: grid pixels -> source pixels. count: samples along a side of a grid pixel, at most 8.
MaskGrid sample_grid(const MaskSource& source, const Affine& affine, int side, int count) {
  MaskGrid grid{side, {}, std::vector<uint8_t>(size_t{1} * side * side)};
  if (!source.mask.empty()) grid.target.resize(grid.valid.size());
  // Samples lie up to half a grid pixel beyond the centres; one pixel more against rounding.
  const double reach_x = (std::abs(affine.column_x) + std::abs(affine.row_x)) / 2;
  const double reach_y = (std::abs(affine.column_y) + std::abs(affine.row_y)) / 2;
  const int margin = static_cast<int>(std::max(reach_x, reach_y)) + 1;
  const PaddedMask mask = copy_region(source, region_of(affine, side, margin));
  const Affine inside = inside_region(affine, mask.region);
  // Sums of 64 samples at most: foreground in the low bits, inside in those from bit 16 on.
  std::vector<int> sums(side);
  for (int row = 0; row < side; ++row) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int sample = 0; sample < count * count; ++sample) {
      const int i = sample / count, j = sample % count;
      const double r = row + (i + 0.5) / count - 0.5;
      const double c = (j + 0.5) / count - 0.5;
      const double x0 = inside.x0 + c * inside.column_x + r * inside.row_x;
      const double y0 = inside.y0 + c * inside.column_y + r * inside.row_y;
      for (int column = 0; column < side; ++column) {
        const int x = static_cast<int>(x0 + column * inside.column_x);
        const int y = static_cast<int>(y0 + column * inside.column_y);
        const int value = mask.pixels[size_t{1} * y * mask.region.width + x];
        sums[column] += (value & 1) + ((value & kInside) << 12);
      }
    }
    for (int column = 0; column < side; ++column) {
      const size_t at = size_t{1} * row * side + column;
      grid.valid[at] = 2 * (sums[column] >> 16) >= count * count;
      if (!grid.target.empty()) grid.target[at] = 2 * (sums[column] & 0xffff) >= count * count;
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
