// The shapes that objects can have.
#pragma once

#include "tessera/core/random.h"
#include "tessera/segmentation/generated/chance.h"
#include "tessera/segmentation/generated/raster.h"

namespace tessera::segmentation::generated {

enum class ShapeFamily {
  kEllipse,
  kSuperellipse,  ///< between diamond and rectangle
  kBlob,          ///< radius is a short Fourier series of the angle
  kConvex,        ///< polygon
  kConcave,       ///< polygon
  kStar,
  kFlower,  ///< round lobes
  kRing,    ///< with a round hole
  kHoled,   ///< blob with one to three holes
  kCrescent,
  kDrop,
  kBudding,  ///< union of two to four blobs
  kWorm,     ///< bent capsule
  kRibbon,   ///< long and thin
  kStrokes,  ///< like a letter: a few joined strokes
};
inline constexpr int kNumShapeFamilies = 15;

/// What the objects of a kind have in common.
struct ShapeStyle {
  ShapeFamily family = ShapeFamily::kEllipse;
  Range elongation = {1, 1.3f};  ///< length over width
  float roughness = 0.1f;        ///< 0 smooth to 1 ragged
  float proportion = 0.5f;       ///< 0 to 1: depth of a star, hole of a ring, width of a stroke
  int count = 5;                 ///< corners, lobes
  int rounding = 0;              ///< times that corners are cut
  bool is_round = true;          ///< the family's objects are blob-like
};

ShapeStyle draw_style(ShapeFamily family, Random& random);

/// A random outline, inside about the unit disc around the origin, in a random direction.
Outline draw_outline(const ShapeStyle& style, Random& random);

/// Turned (turns), enlarged to `radius` and moved.
Outline placed(const Outline& outline, float turns, float radius, Point centre);

}  // namespace tessera::segmentation::generated
