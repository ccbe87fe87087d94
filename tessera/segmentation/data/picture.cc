#include "tessera/segmentation/data/picture.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/media/image_resize.h"
#include "tessera/segmentation/data/sampling.h"

namespace tessera::segmentation {
namespace {

// SAM's pixel mean, (123.675, 116.28, 103.53), to the nearest level.
constexpr uint8_t kMeanColour[3] = {124, 116, 104};

media::Image copy_region(const media::Image& image, const Region& region, Padding padding) {
  media::Image copy = media::make_image(region.height, region.width, 3);
  const std::vector<int> xs = padded_indices(region.x, region.width, image.width, padding);
  const std::vector<int> ys = padded_indices(region.y, region.height, image.height, padding);
  uint8_t* to = copy.data.data();
  for (const int y : ys) {
    const uint8_t* row = y < 0 ? nullptr : image.data.data() + size_t{3} * y * image.width;
    for (const int x : xs) {
      const uint8_t* from = row == nullptr || x < 0 ? kMeanColour : row + size_t{3} * x;
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
      to += 3;
    }
  }
  return copy;
}

// Fractions of a pixel in 1 / 2048: 255 * 2048^2 fits 31 bits.
constexpr int kFractionBits = 11;
constexpr int kOne = 1 << kFractionBits;

struct RowSamples {
  std::vector<int> offset;  // of the upper left neighbour, in bytes
  std::vector<int> weight_x, weight_y;
};

void place_samples(const Affine& affine, int row, int width, int height, RowSamples& samples) {
  const auto side = static_cast<int>(samples.offset.size());
  const double x0 = affine.x0 + row * affine.row_x - 0.5;
  const double y0 = affine.y0 + row * affine.row_y - 0.5;
  for (int column = 0; column < side; ++column) {
    // Rounding may pass the region's edge by less than a fraction.
    const auto x = static_cast<int>((x0 + column * affine.column_x) * kOne + 0.5);
    const auto y = static_cast<int>((y0 + column * affine.column_y) * kOne + 0.5);
    const int left = std::min(std::max(x, 0) >> kFractionBits, width - 2);
    const int top = std::min(std::max(y, 0) >> kFractionBits, height - 2);
    samples.offset[column] = 3 * (top * width + left);
    samples.weight_x[column] = std::clamp(x - (left << kFractionBits), 0, kOne);
    samples.weight_y[column] = std::clamp(y - (top << kFractionBits), 0, kOne);
  }
}

/// Samples a region that holds every neighbour. affine: in the region's pixels.
Picture sample_region(const media::Image& region, const Affine& affine, int side) {
  Picture picture{side, std::vector<uint8_t>(size_t{3} * side * side)};
  RowSamples samples{std::vector<int>(side), std::vector<int>(side), std::vector<int>(side)};
  const size_t plane = size_t{1} * side * side;
  const size_t row_bytes = size_t{3} * region.width;
  for (int row = 0; row < side; ++row) {
    place_samples(affine, row, region.width, region.height, samples);
    uint8_t* to = picture.planes.data() + size_t{1} * row * side;
    for (int column = 0; column < side; ++column) {
      const uint8_t* upper = region.data.data() + samples.offset[column];
      const uint8_t* lower = upper + row_bytes;
      const int x = samples.weight_x[column], y = samples.weight_y[column];
      const int w11 = x * y, w10 = (kOne - x) * y, w01 = x * (kOne - y);
      const int w00 = (kOne - x) * (kOne - y);
      for (int c = 0; c < 3; ++c) {
        const int sum = upper[c] * w00 + upper[c + 3] * w01 + lower[c] * w10 + lower[c + 3] * w11;
        to[c * plane + column] =
            static_cast<uint8_t>((sum + (1 << (2 * kFractionBits - 1))) >> (2 * kFractionBits));
      }
    }
  }
  return picture;
}

void check_rgb(const media::Image& image) {
  media::check_image(image, "picture");
  TESSERA_CHECK(image.channels == 3, "[picture] the image must be RGB, got: ", image.channels,
                " channels");
}

}  // namespace

Picture sample_picture(const media::Image& image, const Window& window, int side, Padding padding) {
  check_sampling(window, side);
  check_rgb(image);
  Affine affine = affine_of(window, side);
  const double step = static_cast<double>(window.side) / side;
  const Region region = region_of(affine, side, step > 1 ? static_cast<int>(2 * step) + 1 : 0);
  media::Image copy = copy_region(image, region, padding);
  double shrink_x = 1, shrink_y = 1;
  if (step > 1) {
    const int width = std::max(2, static_cast<int>(std::lround(region.width / step)));
    const int height = std::max(2, static_cast<int>(std::lround(region.height / step)));
    shrink_x = width / static_cast<double>(region.width);
    shrink_y = height / static_cast<double>(region.height);
    copy = media::resize_bilinear_antialias(copy, height, width);
  }
  affine = inside_region(affine, region);
  affine = {affine.x0 * shrink_x,       affine.y0 * shrink_y,    affine.column_x * shrink_x,
            affine.column_y * shrink_y, affine.row_x * shrink_x, affine.row_y * shrink_y};
  return sample_region(copy, affine, side);
}

Picture whole_picture(const media::Image& image, int side) {
  check_rgb(image);
  const Extent extent = whole_extent(image.height, image.width, side);
  const media::Image scaled = media::resize_bilinear_antialias(image, extent.height, extent.width);
  Picture picture{side, std::vector<uint8_t>(size_t{3} * side * side)};
  for (int c = 0; c < 3; ++c) {
    uint8_t* plane = picture.planes.data() + size_t{1} * c * side * side;
    std::fill(plane, plane + size_t{1} * side * side, kMeanColour[c]);
    for (int y = 0; y < extent.height; ++y) {
      const uint8_t* from = scaled.data.data() + size_t{3} * y * extent.width + c;
      for (int x = 0; x < extent.width; ++x) plane[size_t{1} * y * side + x] = from[size_t{3} * x];
    }
  }
  return picture;
}

}  // namespace tessera::segmentation
