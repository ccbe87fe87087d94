// Drawing masks on pictures: tint and contour, and where a prediction is right and wrong.
#pragma once

#include <cstdint>
#include <span>

#include "tessera/media/frames.h"

namespace tessera::media {

struct Colour {
  uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

/// Colours that people with any common colour blindness tell apart (Okabe and Ito 2008), light
/// enough for dark fluorescence, strong enough for bright field.
inline constexpr Colour kPredictionColour{240, 228, 66};  // yellow
inline constexpr Colour kTruthColour{86, 180, 233};       // sky blue
inline constexpr Colour kFoundColour{236, 240, 241};      // true positive: near white
inline constexpr Colour kExtraColour{230, 120, 0};        // false positive: orange
inline constexpr Colour kMissedColour{40, 130, 230};      // false negative: blue

/// `rgb` with the mask's nonzero pixels tinted, and its outline drawn solid: the pixels of the mask
/// nearer than `contour_width` to a pixel outside it (the picture's edge does not count). mask: (H,
/// W). opacity in [0, 1], contour_width >= 0 in pixels. Throws InvalidArgument when sizes do not
/// agree or `rgb` has not 3 channels.
Image draw_overlay(const Image& rgb, std::span<const uint8_t> mask,
                   const Colour& colour = kPredictionColour, double opacity = 0.35,
                   int contour_width = 1);

/// The picture in dim grey; found, extra and missed pixels in the three colours above. Masks: (H,
/// W), nonzero is foreground. Throws InvalidArgument as draw_overlay.
Image draw_errors(const Image& rgb, std::span<const uint8_t> predicted,
                  std::span<const uint8_t> truth);

}  // namespace tessera::media
