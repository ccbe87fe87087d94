// Where the pixels of a picture lie in its source; private to the folder.
#pragma once

#include "tessera/segmentation/data/picture.h"

namespace tessera::segmentation {

/// A picture's pixel (column, row), counted from its centre, in source pixels:
/// x = x0 + column * column_x + row * row_x, and y likewise. (0, 0) of the source is the outer
/// corner of its first pixel.
struct Affine {
  double x0, y0, column_x, column_y, row_x, row_y;
};

Affine affine_of(const Window& window, int side);

/// The index inside [0, size) that a mirror at both outer edges shows at `index`.
int reflect(int index, int size);

/// Throws InvalidArgument for windows and sides that cannot be sampled.
void check_sampling(const Window& window, int side);

}  // namespace tessera::segmentation
