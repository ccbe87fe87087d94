// Prediction in tiles: cutting a source image into squares, and blending their logits back.
//
// Sampling is that of the training views, so an unturned view and a tile of the same place hold the
// same pixels. Tile 0 is the whole image as SAM takes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/segmentation/data/picture.h"

namespace tessera::segmentation {

/// Left and upper edge in source pixels; below 0 where the image is smaller than the tile.
struct TileOrigin {
  int y = 0, x = 0;
};

struct TilePlan {
  int height = 0, width = 0;
  /// Side in source pixels; 0: one tile, the whole image.
  int tile = 0;
  std::vector<TileOrigin> origins;
};

/// Covers the image with the fewest tiles that are at most `stride` apart, evenly spread, the
/// first and last flush with the edges; an image smaller than a tile lies in its middle. With
/// tile 0, stride is ignored. Throws InvalidArgument unless sides are >= 1, tile >= 0 and stride in
/// [1, tile].
TilePlan tile_plan(int height, int width, int tile, int stride);

/// The stride to use unless told otherwise: three quarters of the tile.
int default_stride(int tile);

/// Tile `index` of the image at `side` x `side` pixels. Throws InvalidArgument when the image has
/// another size than the plan.
Picture tile_picture(const media::Image& image, const TilePlan& plan, size_t index, int side);

/// The truth on the same grid.
MaskGrid tile_mask(const std::vector<uint8_t>& mask, const TilePlan& plan, size_t index,
                   int mask_side, int picture_side);

/// Averages the logits of tiles over the source image, in float.
///
/// Each tile is enlarged to its window (bilinear, align_corners=false) and weighted by a raised
/// cosine that falls towards its edges and is nowhere zero. The average is a running one, so equal
/// logits give exactly that value. With tile 0: bilinear to picture_side, cropped, bilinear to the
/// image, as SAM does.
class TileBlender {
 public:
  TileBlender(TilePlan plan, int mask_side, int picture_side);

  /// logits: (mask_side, mask_side). Each tile once, in any order.
  void add(size_t index, std::span<const float> logits);

  /// (height, width) logits. Throws InvalidArgument when tiles are missing.
  std::vector<float> finish();

 private:
  TilePlan plan_;
  int mask_side_, picture_side_;
  std::vector<float> profile_;        ///< weights along a tile's side
  std::vector<float> mean_, weight_;  ///< (height, width)
  std::vector<bool> is_added_;
};

/// A mask to measure with; pixels: (height, width) of 0 and 1.
struct MaskView {
  int height = 0, width = 0;
  const std::vector<uint8_t>* pixels = nullptr;
};

/// The best mean Dice that masks of `mask_side` pixels a tile can reach on these masks: the truth
/// itself is sampled to the grid, enlarged back, blended, thresholded and scored.
double resolution_ceiling(std::span<const MaskView> masks, int tile, int stride, int mask_side,
                          int picture_side);

/// Below this ceiling of the whole image, `--tile auto` cuts into tiles: sampling alone would then
/// cost a hundredth of Dice. Measured whole, 256 mask pixels: Kvasir-SEG .995, CVC-ClinicDB .993,
/// DSB2018 .987, whose tiles of 256 pixels lose nothing.
inline constexpr double kAutoTileCeiling = 0.99;

}  // namespace tessera::segmentation
