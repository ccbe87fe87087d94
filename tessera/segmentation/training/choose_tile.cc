#include <algorithm>
#include <cstdio>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/tiles.h"
#include "tessera/segmentation/training/trainer.h"

namespace tessera::segmentation {
namespace {

constexpr size_t kMaxMasks = 100;

std::string percent(double value) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.3f", value);
  return text;
}

}  // namespace

TileChoice choose_tile(const Dataset& dataset, const std::vector<size_t>& images, int asked,
                       int mask_size, int picture_size) {
  std::vector<std::shared_ptr<const LoadedSample>> samples;
  std::vector<MaskView> masks;
  // Evenly spread over the ids; an empty mask says nothing.
  const size_t step = std::max<size_t>(1, images.size() / kMaxMasks);
  for (size_t i = 0; i < images.size() && masks.size() < kMaxMasks; i += step) {
    if (dataset.foreground_pixels(images[i]) == 0) continue;
    samples.push_back(dataset.load(images[i]));
    const auto& image = samples.back()->image;
    masks.push_back({image.height, image.width, &samples.back()->mask});
  }
  const auto ceiling = [&](int tile) {
    if (masks.empty()) return 1.0;
    return resolution_ceiling(masks, tile, default_stride(tile), mask_size, picture_size);
  };
  const std::string rule =
      concat("(masks of ", mask_size, " pixels; over ", masks.size(), " training masks)");
  if (asked != kAutoTile) {
    const double best = ceiling(asked);
    const std::string what = asked == 0 ? "whole images" : concat("tiles of ", asked, " pixels");
    return {asked, best,
            concat("resolution ceiling of ", what, ": Dice ", percent(best), " ", rule)};
  }
  const double whole = ceiling(0);
  if (whole >= kAutoTileCeiling) {
    return {0, whole,
            concat("whole images: their resolution ceiling is Dice ", percent(whole), " ", rule)};
  }
  const double tiled = ceiling(mask_size);
  return {mask_size, tiled,
          concat("tiles of ", mask_size, " pixels: the resolution ceiling of whole images is Dice ",
                 percent(whole), ", of tiles ", percent(tiled), " ", rule)};
}

}  // namespace tessera::segmentation
