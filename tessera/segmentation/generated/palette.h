// Colours by chance.
#pragma once

#include "tessera/segmentation/generated/canvas.h"
#include "tessera/segmentation/generated/chance.h"

namespace tessera::segmentation::generated {

/// Hue in turns (wraps), saturation and value in [0, 1].
Rgb from_hsv(float hue, float saturation, float value);

inline Rgb grey(float level) { return {level, level, level}; }

/// Root of the mean squared difference of the channels.
float colour_distance(const Rgb& a, const Rgb& b);

/// The colour made brighter or darker by up to `amount` (a share) and tinted by a third of that;
/// greys stay grey.
Rgb varied(const Rgb& colour, float amount, Random& random);

/// The colours that go together in one picture.
struct Palette {
  enum class Tone { kNatural, kMonochrome, kGrey, kSaturated, kPastel };
  Tone tone = Tone::kNatural;
  float hue = 0;  // of a monochrome palette
};

Palette draw_palette(Random& random);
Rgb draw_colour(const Palette& palette, Random& random);

/// A colour of the palette at least `distance` from `ground`, as far as a few tries allow.
Rgb draw_contrasting(const Palette& palette, const Rgb& ground, float distance, Random& random);

}  // namespace tessera::segmentation::generated
