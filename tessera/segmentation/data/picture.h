// A square picture as a network takes it, and how source images are sampled into one.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/media/frames.h"

namespace tessera::segmentation {

/// planes: (3, side, side), 8-bit RGB.
struct Picture {
  int side = 0;
  std::vector<uint8_t> planes;
};

/// What a view or tile shows beyond the source image.
enum class Padding {
  kMean,     ///< SAM's mean colour, rounded: zero after normalisation, as SAM pads
  kReflect,  ///< the image mirrored at its outer edges, mask included
};

/// A square of the source image, in its pixels: (0, 0) is the outer corner of the first pixel. The
/// picture's axes are turned and mirrored against the source's:
///   source = centre + R(rotation) * diag(+-1, +-1) * (u, v) * side,  u and v in [-1/2, 1/2].
struct Window {
  float centre_x = 0, centre_y = 0;
  /// Source pixels that the picture's side spans.
  float side = 1;
  float rotation_degrees = 0;
  bool flip_horizontal = false, flip_vertical = false;
};

/// Samples the window at `side` x `side` pixels, bilinear between source pixel centres; where the
/// window holds more source pixels than the picture, the source is first shrunk with a triangle
/// filter, so that nothing aliases. `image` is RGB. Cost: about 3 ms for 512 x 512 on one core.
Picture sample_picture(const media::Image& image, const Window& window, int side, Padding padding);

/// A mask on a picture's grid; target and valid: (side, side) of 0 and 1.
struct MaskGrid {
  int side = 0;
  std::vector<uint8_t> target;
  /// 0 where the picture shows padding of kMean: nothing is known there. Reflected pixels carry a
  /// reflected target and are valid.
  std::vector<uint8_t> valid;
};

/// The same window of a mask, (height, width) of 0 and 1. A grid pixel is foreground when at least
/// half of its area is, judged by 2 x 2 to 8 x 8 samples; padding of kMean is background.
MaskGrid sample_mask(const std::vector<uint8_t>& mask, int height, int width, const Window& window,
                     int side, Padding padding);

/// The whole image as SAM takes it: longest side to `side`, the other to floor(x * scale + 0.5),
/// top left, padded right and below with the mean colour. Shrinking is filtered (triangle, as
/// torch's antialias=True), enlarging bilinear with align_corners=false.
Picture whole_picture(const media::Image& image, int side);

/// The whole mask in the same geometry: `mask_side` pixels for the longest side and its padding.
/// valid is 0 where more than half of a grid pixel is padding.
MaskGrid whole_mask(const std::vector<uint8_t>& mask, int height, int width, int side,
                    int mask_side);

/// Height and width of the image part of whole_picture.
struct Extent {
  int height = 0, width = 0;
};
Extent whole_extent(int height, int width, int side);

}  // namespace tessera::segmentation
