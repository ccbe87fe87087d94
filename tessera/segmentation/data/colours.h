// Random changes of colour, the same for every pixel of a picture.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/core/random.h"
#include "tessera/segmentation/data/picture.h"

namespace tessera::segmentation {

/// How far colours may move; all zero leaves them alone.
struct ColourSettings {
  float brightness = 0.2f;  ///< factor in [1 - x, 1 + x]
  float contrast = 0.2f;    ///< factor in [1 - x, 1 + x], about the picture's mean grey
  float saturation = 0.2f;  ///< factor in [1 - x, 1 + x]
  float hue = 0.03f;        ///< turn in [-x, x], of a whole turn; x <= 0.5
  float gamma = 0.2f;       ///< exponent in [1 / (1 + x), 1 + x], uniform in its logarithm
  float invert_probability = 0;

  bool operator==(const ColourSettings&) const = default;
};

/// One draw.
struct ColourShift {
  float brightness = 1, contrast = 1, saturation = 1, hue = 0, gamma = 1;
  bool is_inverted = false;

  bool operator==(const ColourShift&) const = default;
};

ColourShift draw_colours(const ColourSettings& settings, Random& random);

/// Applies a draw in place, in this order: inversion, gamma, brightness, contrast, then saturation
/// and hue about the grey axis (YIQ). Values are rounded once after contrast and once at the end.
void shift_colours(Picture& picture, const ColourShift& shift);

/// draw_colours and shift_colours from a seed: the fresh change that g's input gets at each step.
void jitter_colours(Picture& picture, const ColourSettings& settings, uint64_t seed);

/// Throws InvalidArgument, in the name of `function`, for a setting outside its range.
void check_colour_settings(const ColourSettings& settings, const std::string& function);

}  // namespace tessera::segmentation
