#include "tessera/segmentation/generated/palette.h"

#include <algorithm>
#include <cmath>

namespace tessera::segmentation::generated {

Rgb from_hsv(float hue, float saturation, float value) {
  Rgb result;
  for (int c = 0; c < 3; ++c) {
    // Each channel is a trapezoid of the hue: 1 within 1/6 of its own colour, 0 beyond 1/3.
    float away = hue - static_cast<float>(c) / 3;
    away = std::fabs(away - std::floor(away + 0.5f));
    const float share = std::clamp(2 - 6 * away, 0.0f, 1.0f);
    result[c] = value * (1 - saturation * (1 - share));
  }
  return result;
}

float colour_distance(const Rgb& a, const Rgb& b) {
  float sum = 0;
  for (int c = 0; c < 3; ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return std::sqrt(sum / 3);
}

Rgb varied(const Rgb& colour, float amount, Random& random) {
  const float factor = 1 + amount * draw(random, {-1, 1});
  const bool is_grey = colour[0] == colour[1] && colour[1] == colour[2];
  Rgb result = scaled(colour, factor);
  for (float& channel : result) {
    const float tint = amount * draw(random, {-0.33f, 0.33f});
    if (!is_grey) channel += tint * 0.5f;
    channel = std::clamp(channel, 0.0f, 1.0f);
  }
  return result;
}

Palette draw_palette(Random& random) {
  const auto tone = static_cast<Palette::Tone>(pick(random, {0.36f, 0.16f, 0.18f, 0.15f, 0.15f}));
  return {tone, random.uniform()};
}

Rgb draw_colour(const Palette& palette, Random& random) {
  const float hue = random.uniform(), a = random.uniform(), b = random.uniform();
  switch (palette.tone) {
    case Palette::Tone::kNatural:
      return from_hsv(hue, 0.05f + 0.5f * a, 0.12f + 0.8f * b);
    case Palette::Tone::kMonochrome:
      return from_hsv(palette.hue + 0.06f * (hue - 0.5f), 0.1f + 0.7f * a, 0.1f + 0.85f * b);
    case Palette::Tone::kGrey:
      return grey(0.04f + 0.92f * b);
    case Palette::Tone::kSaturated:
      return from_hsv(hue, 0.6f + 0.4f * a, 0.3f + 0.7f * b);
    case Palette::Tone::kPastel:
      return from_hsv(hue, 0.08f + 0.3f * a, 0.65f + 0.33f * b);
  }
  return {};
}

Rgb draw_contrasting(const Palette& palette, const Rgb& ground, float distance, Random& random) {
  Rgb best = {};
  float best_distance = -1;
  for (int attempt = 0; attempt < 10 && best_distance < distance; ++attempt) {
    const Rgb colour = draw_colour(palette, random);
    const float from_ground = colour_distance(colour, ground);
    if (from_ground > best_distance) {
      best_distance = from_ground;
      best = colour;
    }
  }
  return best;
}

}  // namespace tessera::segmentation::generated
