#include "tessera/segmentation/data/tiles.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/upsample.h"
#include "tessera/segmentation/metrics/overlap.h"

namespace tessera::segmentation {
namespace {

/// Tile edges along one axis.
std::vector<int> edges_along(int length, int tile, int stride) {
  if (length <= tile) return {-((tile - length) / 2)};
  const int last = length - tile;
  const int gaps = (last + stride - 1) / stride;
  std::vector<int> edges(gaps + 1);
  for (int i = 0; i <= gaps; ++i) {
    edges[i] = static_cast<int>((int64_t{2} * i * last + gaps) / (2 * gaps));
  }
  return edges;
}

Window window_of(const TilePlan& plan, size_t index) {
  const TileOrigin origin = plan.origins.at(index);
  const auto side = static_cast<float>(plan.tile);
  return {origin.x + side / 2, origin.y + side / 2, side, 0, false, false};
}

/// Raised cosine over a tile's side. The floor keeps the outermost pixels of an image, which only
/// one tile may hold, well above rounding.
std::vector<float> blend_profile(int tile) {
  constexpr double kFloor = 1e-3;
  std::vector<float> profile(tile);
  for (int i = 0; i < tile; ++i) {
    const double sine = std::sin(std::numbers::pi * (i + 0.5) / tile);
    profile[i] = static_cast<float>(kFloor + (1 - kFloor) * sine * sine);
  }
  return profile;
}

}  // namespace

TilePlan tile_plan(int height, int width, int tile, int stride) {
  TESSERA_CHECK(height >= 1 && width >= 1, "[tile_plan] sides must be >= 1, got: ", height, " x ",
                width);
  TESSERA_CHECK(tile >= 0 && tile <= 16'384, "[tile_plan] tile must be in [0, 16384], got: ", tile);
  if (tile == 0) return {height, width, 0, {TileOrigin{}}};
  TESSERA_CHECK(stride >= 1 && stride <= tile, "[tile_plan] stride must be in [1, ", tile,
                "], got: ", stride);
  TilePlan plan{height, width, tile, {}};
  const std::vector<int> xs = edges_along(width, tile, stride);
  for (const int y : edges_along(height, tile, stride)) {
    for (const int x : xs) plan.origins.push_back({y, x});
  }
  return plan;
}

int default_stride(int tile) { return std::max(1, tile * 3 / 4); }

Picture tile_picture(const media::Image& image, const TilePlan& plan, size_t index, int side) {
  TESSERA_CHECK(image.height == plan.height && image.width == plan.width,
                "[tile_picture] the image must have the plan's size ", plan.height, " x ",
                plan.width, ", got: ", image.height, " x ", image.width);
  if (plan.tile == 0) return whole_picture(image, side);
  return sample_picture(image, window_of(plan, index), side, Padding::kReflect);
}

MaskGrid tile_mask(const std::vector<uint8_t>& mask, const TilePlan& plan, size_t index,
                   int mask_side, int picture_side) {
  if (plan.tile == 0) return whole_mask(mask, plan.height, plan.width, picture_side, mask_side);
  return sample_mask(mask, plan.height, plan.width, window_of(plan, index), mask_side,
                     Padding::kReflect);
}

TileBlender::TileBlender(TilePlan plan, int mask_side, int picture_side)
    : plan_(std::move(plan)),
      mask_side_(mask_side),
      picture_side_(picture_side),
      is_added_(plan_.origins.size()) {
  TESSERA_CHECK(mask_side >= 1 && picture_side >= 1,
                "[tile_blender] sides must be >= 1, got: ", mask_side, " and ", picture_side);
  if (plan_.tile == 0) return;
  profile_ = blend_profile(plan_.tile);
  mean_.resize(size_t{1} * plan_.height * plan_.width);
  weight_.resize(mean_.size());
}

void TileBlender::add(size_t index, std::span<const float> logits) {
  TESSERA_CHECK(index < is_added_.size() && !is_added_[index], "[tile_blender] each of the ",
                is_added_.size(), " tiles once, got: tile ", index,
                index < is_added_.size() ? " again" : "");
  TESSERA_CHECK(logits.size() == size_t{1} * mask_side_ * mask_side_,
                "[tile_blender] logits must be ", mask_side_, " x ", mask_side_,
                ", got: ", logits.size(), " values");
  is_added_[index] = true;
  if (plan_.tile == 0) {
    mean_.assign(logits.begin(), logits.end());
    return;
  }
  const TileOrigin origin = plan_.origins[index];
  const int tile = plan_.tile;
  const LinearTaps taps(mask_side_, tile);
  std::vector<float> row(mask_side_);
  const int x_begin = std::max(0, -origin.x), x_end = std::min(tile, plan_.width - origin.x);
  const int y_begin = std::max(0, -origin.y), y_end = std::min(tile, plan_.height - origin.y);
  for (int y = y_begin; y < y_end; ++y) {
    taps.mix_rows(logits, y, row);
    const size_t at = size_t{1} * (origin.y + y) * plan_.width + origin.x;
    for (int x = x_begin; x < x_end; ++x) {
      const float weight = profile_[y] * profile_[x];
      const float total = weight_[at + x] += weight;
      mean_[at + x] += weight / total * (taps.at(row, x) - mean_[at + x]);
    }
  }
}

std::vector<float> TileBlender::finish() {
  const auto missing = std::count(is_added_.begin(), is_added_.end(), false);
  TESSERA_CHECK(missing == 0, "[tile_blender] all ", is_added_.size(),
                " tiles must be added, got: ", missing, " missing");
  if (plan_.tile != 0) return std::move(mean_);
  const Extent extent = whole_extent(plan_.height, plan_.width, picture_side_);
  const std::vector<float> large = upsample_bilinear(mean_, mask_side_, mask_side_, picture_side_,
                                                     picture_side_, extent.height, extent.width);
  return upsample_bilinear(large, extent.height, extent.width, plan_.height, plan_.width,
                           plan_.height, plan_.width);
}

double resolution_ceiling(std::span<const MaskView> masks, int tile, int stride, int mask_side,
                          int picture_side) {
  TESSERA_CHECK(!masks.empty(), "[resolution_ceiling] at least one mask, got: none");
  double sum = 0;
  for (const MaskView& mask : masks) {
    const TilePlan plan = tile_plan(mask.height, mask.width, tile, stride);
    TileBlender blender(plan, mask_side, picture_side);
    std::vector<float> logits(size_t{1} * mask_side * mask_side);
    for (size_t i = 0; i < plan.origins.size(); ++i) {
      const MaskGrid grid = tile_mask(*mask.pixels, plan, i, mask_side, picture_side);
      std::transform(grid.target.begin(), grid.target.end(), logits.begin(),
                     [](uint8_t value) { return value != 0 ? 1.0F : -1.0F; });
      blender.add(i, logits);
    }
    const std::vector<float> blended = blender.finish();
    std::vector<uint8_t> predicted(blended.size());
    std::transform(blended.begin(), blended.end(), predicted.begin(),
                   [](float logit) { return static_cast<uint8_t>(logit > 0); });
    sum += overlap(predicted, *mask.pixels).dice;
  }
  return sum / static_cast<double>(masks.size());
}

}  // namespace tessera::segmentation
