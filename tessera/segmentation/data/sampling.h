// Where the pixels of a picture lie in its source; private to the folder.
#pragma once

#include <vector>

#include "tessera/segmentation/data/picture.h"

namespace tessera::segmentation {

/// A picture's pixel (column, row), counted from its centre, in source pixels:
/// x = x0 + column * column_x + row * row_x, and y likewise. (0, 0) of the source is the outer
/// corner of its first pixel.
struct Affine {
  double x0, y0, column_x, column_y, row_x, row_y;
};

Affine affine_of(const Window& window, int side);

/// Source index for each of `count` positions from `first`; -1 where there is padding of kMean.
std::vector<int> padded_indices(int first, int count, int size, Padding padding);

/// A rectangle of the source, padding included.
struct Region {
  int x = 0, y = 0, width = 0, height = 0;
};

/// What the bilinear samples at the picture's pixels touch, and `margin` pixels more.
Region region_of(const Affine& affine, int side, int margin);

/// The same map against the region's corner.
Affine inside_region(const Affine& affine, const Region& region);

/// Throws InvalidArgument for windows and sides that cannot be sampled.
void check_sampling(const Window& window, int side);

}  // namespace tessera::segmentation
