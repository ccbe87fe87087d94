#include "tessera/media/overlay.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

void check_sizes(const Image& rgb, std::span<const uint8_t> mask, const char* function) {
  check_image(rgb, function);
  TESSERA_CHECK(rgb.channels == 3, "[", function,
                "] rgb must have 3 channels, got: ", rgb.channels);
  TESSERA_CHECK(mask.size() * 3 == rgb.data.size(), "[", function, "] a mask must have ",
                rgb.height, " x ", rgb.width, " values, got: ", mask.size());
}

// pixel <- colour over pixel.
void blend(uint8_t* pixel, const Colour& colour, double opacity) {
  const uint8_t over[3] = {colour.red, colour.green, colour.blue};
  for (int c = 0; c < 3; ++c) {
    pixel[c] = uint8_t(std::lround(pixel[c] + opacity * (over[c] - pixel[c])));
  }
}

// Pixels of the mask with a 4-neighbour outside it: what a contour of one pixel consists of.
std::vector<uint8_t> outline(std::span<const uint8_t> mask, int height, int width) {
  std::vector<uint8_t> edge(mask.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const size_t i = size_t(y) * width + x;
      if (mask[i] == 0) continue;
      edge[i] = (x > 0 && mask[i - 1] == 0) || (x + 1 < width && mask[i + 1] == 0) ||
                (y > 0 && mask[i - width] == 0) || (y + 1 < height && mask[i + width] == 0);
    }
  }
  return edge;
}

// Widens the outline inwards to `contour_width` pixels, by discs so that its width is even.
std::vector<uint8_t> contour(std::span<const uint8_t> mask, int height, int width,
                             int contour_width) {
  std::vector<uint8_t> edge = outline(mask, height, width);
  if (contour_width == 1) return edge;
  std::vector<uint8_t> wide(mask.size());
  const int reach = contour_width - 1;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      if (edge[size_t(y) * width + x] == 0) continue;
      for (int v = std::max(0, y - reach); v <= std::min(height - 1, y + reach); ++v) {
        for (int u = std::max(0, x - reach); u <= std::min(width - 1, x + reach); ++u) {
          const size_t i = size_t(v) * width + u;
          const int distance = (u - x) * (u - x) + (v - y) * (v - y);
          if (mask[i] != 0 && distance <= reach * reach) wide[i] = 1;
        }
      }
    }
  }
  return wide;
}

}  // namespace

Image draw_overlay(const Image& rgb, std::span<const uint8_t> mask, const Colour& colour,
                   double opacity, int contour_width) {
  check_sizes(rgb, mask, "draw_overlay");
  TESSERA_CHECK(opacity >= 0 && opacity <= 1,
                "[draw_overlay] opacity must be in [0, 1], got: ", opacity);
  TESSERA_CHECK(contour_width >= 0 && contour_width <= 64,
                "[draw_overlay] contour_width must be in [0, 64], got: ", contour_width);
  Image out = rgb;
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] != 0) blend(&out.data[i * 3], colour, opacity);
  }
  if (contour_width == 0) return out;
  const std::vector<uint8_t> line = contour(mask, rgb.height, rgb.width, contour_width);
  for (size_t i = 0; i < mask.size(); ++i) {
    if (line[i] != 0) blend(&out.data[i * 3], colour, 1);
  }
  return out;
}

Image draw_errors(const Image& rgb, std::span<const uint8_t> predicted,
                  std::span<const uint8_t> truth) {
  check_sizes(rgb, predicted, "draw_errors");
  check_sizes(rgb, truth, "draw_errors");
  constexpr double kDim = 0.45;           // so that near white stands out on bright field, too
  constexpr double kFoundOpacity = 0.55;  // structure stays visible where all is well
  constexpr double kWrongOpacity = 0.85;
  Image out = rgb;
  for (size_t i = 0; i < predicted.size(); ++i) {
    uint8_t* pixel = &out.data[i * 3];
    const double grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];  // BT.601
    std::fill(pixel, pixel + 3, uint8_t(std::lround(kDim * grey)));
    const bool is_predicted = predicted[i] != 0, is_true = truth[i] != 0;
    if (is_predicted && is_true) blend(pixel, kFoundColour, kFoundOpacity);
    if (is_predicted && !is_true) blend(pixel, kExtraColour, kWrongOpacity);
    if (!is_predicted && is_true) blend(pixel, kMissedColour, kWrongOpacity);
  }
  return out;
}

}  // namespace tessera::media
