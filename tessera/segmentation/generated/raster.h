// From outlines to pixels.
#pragma once

#include <vector>

#include "tessera/segmentation/generated/canvas.h"

namespace tessera::segmentation::generated {

struct Point {
  float x = 0, y = 0;
};

/// Closed polygons. The area is where the polygons wind around; a polygon that runs the other way
/// cuts a hole, polygons of the same direction unite.
struct Outline {
  std::vector<std::vector<Point>> contours;
};

/// Bounds of the outline, half open, not clipped.
Box bounds_of(const Outline& outline);

/// The share of each pixel of `box` that the outline covers, in [0, 1]. Exact for a single polygon;
/// where two unite in one pixel their shares add up.
/// Source: accumulation of signed areas, as in font-rs (Levien 2016).
void cover(const Outline& outline, const Box& box, Plane& coverage);

/// The distance in pixels from each pixel to the nearest pixel that is covered less than half; 0
/// outside. Chamfer distances, at most 8 % off. Beyond the plane counts as inside, so an object
/// that is cut by the picture's edge has no rim there.
void depth_inside(const Plane& coverage, Plane& depth);

}  // namespace tessera::segmentation::generated
