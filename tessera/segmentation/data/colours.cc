#include "tessera/segmentation/data/colours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

using Table = std::array<uint8_t, 256>;

// Rec. 601.
constexpr double kLuma[3] = {0.299, 0.587, 0.114};

uint8_t to_level(double value) { return static_cast<uint8_t>(std::clamp(value, 0.0, 255.0) + 0.5); }

std::span<uint8_t> plane_of(Picture& picture, int channel) {
  const size_t size = picture.planes.size() / 3;
  return {picture.planes.data() + size * channel, size};
}

double mean_level(std::span<const uint8_t> plane, const std::array<double, 256>& levels) {
  // Four counters a level: equal neighbours would wait for each other's sum.
  std::array<std::array<uint32_t, 256>, 4> counts{};
  const size_t whole = plane.size() / 4 * 4;
  for (size_t i = 0; i < whole; i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) ++counts[lane][plane[i + lane]];
  }
  for (size_t i = whole; i < plane.size(); ++i) ++counts[0][plane[i]];
  double sum = 0;
  for (size_t level = 0; level < 256; ++level) {
    for (const auto& lane : counts) sum += lane[level] * levels[level];
  }
  return sum / static_cast<double>(plane.size());
}

/// Inversion, gamma, brightness and contrast: one table for the three channels.
Table tone_table(Picture& picture, const ColourShift& shift) {
  std::array<double, 256> levels;
  for (int i = 0; i < 256; ++i) {
    const double value = shift.is_inverted ? 255 - i : i;
    levels[i] = std::clamp(255 * std::pow(value / 255, shift.gamma) * shift.brightness, 0.0, 255.0);
  }
  double grey = 0;
  if (shift.contrast != 1) {
    for (int c = 0; c < 3; ++c) grey += kLuma[c] * mean_level(plane_of(picture, c), levels);
  }
  Table table;
  for (int i = 0; i < 256; ++i) table[i] = to_level(grey + (levels[i] - grey) * shift.contrast);
  return table;
}

using Matrix = std::array<std::array<float, 3>, 3>;

/// Turns and stretches the chroma plane of YIQ and leaves the luma; rows: R, G, B out.
Matrix chroma_matrix(double saturation, double hue) {
  const double angle = 2 * std::numbers::pi * hue;
  const double cosine = saturation * std::cos(angle), sine = saturation * std::sin(angle);
  // RGB -> YIQ and back (NTSC 1953, with Rec. 601 luma).
  constexpr double kToYiq[3][3] = {{kLuma[0], kLuma[1], kLuma[2]},
                                   {0.595716, -0.274453, -0.321263},
                                   {0.211456, -0.522591, 0.311135}};
  constexpr double kFromIq[3][2] = {{0.9563, 0.6210}, {-0.2721, -0.6474}, {-1.1070, 1.7046}};
  Matrix matrix;
  for (int in = 0; in < 3; ++in) {
    const double i = cosine * kToYiq[1][in] - sine * kToYiq[2][in];
    const double q = sine * kToYiq[1][in] + cosine * kToYiq[2][in];
    for (int out = 0; out < 3; ++out) {
      matrix[out][in] =
          static_cast<float>(kToYiq[0][in] + kFromIq[out][0] * i + kFromIq[out][1] * q);
    }
  }
  return matrix;
}

uint8_t round_level(float value) {
  return static_cast<uint8_t>(static_cast<int>(std::min(std::max(value, 0.0F), 255.0F) + 0.5F));
}

void multiply(Picture& picture, const Matrix& matrix) {
  // Copies of the pixels in blocks: the compiler vectorises what cannot alias.
  constexpr size_t kBlock = 256;
  const Matrix m = matrix;
  const size_t size = picture.planes.size() / 3;
  float rgb[3][kBlock];
  for (size_t begin = 0; begin < size; begin += kBlock) {
    const size_t count = std::min(kBlock, size - begin);
    for (int c = 0; c < 3; ++c) {
      const uint8_t* from = picture.planes.data() + c * size + begin;
      for (size_t i = 0; i < count; ++i) rgb[c][i] = from[i];
    }
    for (int c = 0; c < 3; ++c) {
      uint8_t* to = picture.planes.data() + c * size + begin;
      const float red = m[c][0], green = m[c][1], blue = m[c][2];
      for (size_t i = 0; i < count; ++i) {
        to[i] = round_level(red * rgb[0][i] + green * rgb[1][i] + blue * rgb[2][i]);
      }
    }
  }
}

float symmetric(Random& random, float range) { return range * (2 * random.uniform() - 1); }

}  // namespace

void check_colour_settings(const ColourSettings& settings, const std::string& function) {
  const auto check = [&function](const char* name, float value, float highest) {
    TESSERA_CHECK(value >= 0 && value <= highest, "[", function, "] ", name, " must be in [0, ",
                  highest, "], got: ", value);
  };
  check("brightness", settings.brightness, 0.95F);
  check("contrast", settings.contrast, 0.95F);
  check("saturation", settings.saturation, 1);
  check("hue", settings.hue, 0.5F);
  check("gamma", settings.gamma, 4);
  check("invert_probability", settings.invert_probability, 1);
}

ColourShift draw_colours(const ColourSettings& settings, Random& random) {
  ColourShift shift;
  shift.brightness = 1 + symmetric(random, settings.brightness);
  shift.contrast = 1 + symmetric(random, settings.contrast);
  shift.saturation = 1 + symmetric(random, settings.saturation);
  shift.hue = symmetric(random, settings.hue);
  shift.gamma = std::exp(symmetric(random, std::log1p(settings.gamma)));
  shift.is_inverted = random.uniform() < settings.invert_probability;
  return shift;
}

void shift_colours(Picture& picture, const ColourShift& shift) {
  if (picture.planes.empty()) return;
  if (shift.is_inverted || shift.gamma != 1 || shift.brightness != 1 || shift.contrast != 1) {
    const Table table = tone_table(picture, shift);
    for (uint8_t& value : picture.planes) value = table[value];
  }
  if (shift.saturation != 1 || shift.hue != 0) {
    multiply(picture, chroma_matrix(shift.saturation, shift.hue));
  }
}

void jitter_colours(Picture& picture, const ColourSettings& settings, uint64_t seed) {
  Random random(seed);
  shift_colours(picture, draw_colours(settings, random));
}

}  // namespace tessera::segmentation
