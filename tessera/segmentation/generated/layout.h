// Where objects lie.
#pragma once

#include <vector>

#include "tessera/segmentation/generated/chance.h"
#include "tessera/segmentation/generated/raster.h"

namespace tessera::segmentation::generated {

enum class Layout {
  kAnywhere,
  kApart,     ///< with gaps
  kClusters,  ///< crowds around a few places, overlapping
  kTouching,  ///< each beside another one, some free
  kGrid,      ///< uneven rows and columns
  kCurve,     ///< along a curve
};

struct Disc {
  Point centre;
  float radius = 1;
};

/// Chooses the centres of `discs` (radii given) in a picture of extent.x times
/// extent.y pixels. They keep off the
/// `taken` discs if `avoids`, as far as a few tries allow. A centre may lie a little outside.
void place_discs(std::vector<Disc>& discs, Layout layout, Point extent, bool avoids,
                 const std::vector<Disc>& taken, Random& random);

}  // namespace tessera::segmentation::generated
