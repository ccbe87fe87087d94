// Pictures and masks in another size.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/media/frames.h"

namespace tessera::media {

/// Bilinear with the filter widened when shrinking: what torchvision and SAM do to 8-bit pictures
/// through Pillow's `Image.resize((width, height), Image.BILINEAR)`. Along x first, then along y,
/// each rounded to 8 bits, in Pillow's fixed-point arithmetic: equal bit for bit, but where newer
/// Pillows (13 was seen to) go along y first to save work; then within 1 grey level. 1 to 4
/// channels, each for itself. Throws InvalidArgument for sides below 1.
Image resize_bilinear_antialias(const Image& image, int height, int width);

/// Nearest pixel, centres corresponding: source index floor((i + 0.5) * from / to), as Pillow's
/// NEAREST. Invents no value, so it is for masks. Throws InvalidArgument for sides below 1.
Image resize_nearest(const Image& image, int height, int width);

/// As above for a mask or label map. data: (from_height, from_width).
std::vector<uint8_t> resize_nearest(std::span<const uint8_t> data, int from_height, int from_width,
                                    int height, int width);

/// The window of height x width whose upper left corner is at (top, left), which may be negative;
/// what lies outside the picture is `fill`. So it crops and pads. Throws InvalidArgument for sides
/// below 1.
Image window(const Image& image, int top, int left, int height, int width, uint8_t fill = 0);

/// Sides of a picture shrunk, its shape kept, so that the longer side is at most `longest` (>= 1).
struct Sides {
  int height = 0, width = 0;
};
Sides fit_inside(int height, int width, int longest);

}  // namespace tessera::media
