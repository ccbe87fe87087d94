#include "tessera/segmentation/metrics/otsu.h"

#include <array>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

std::vector<uint8_t> grey_of(const media::Image& image) {
  media::check_image(image, "otsu_mask");
  TESSERA_CHECK(image.channels == 3 || image.channels == 1,
                "[otsu_mask] the image must be RGB or grey, got: ", image.channels, " channels");
  if (image.channels == 1) return image.data;
  std::vector<uint8_t> grey(image.data.size() / 3);
  for (size_t i = 0; i < grey.size(); ++i) {
    const uint8_t* rgb = image.data.data() + 3 * i;
    grey[i] = static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
  }
  return grey;
}

/// The lowest best threshold, or -1 for a picture of one grey.
int otsu_threshold(const std::array<int64_t, 256>& counts) {
  int64_t pixels = 0, sum = 0;
  for (int i = 0; i < 256; ++i) {
    pixels += counts[i];
    sum += i * counts[i];
  }
  int best = -1;
  double best_variance = 0;
  int64_t below = 0, sum_below = 0;
  for (int t = 0; t < 255; ++t) {
    below += counts[t];
    sum_below += t * counts[t];
    if (below == 0 || below == pixels) continue;
    const auto a = static_cast<double>(below), b = static_cast<double>(pixels - below);
    const double gap =
        static_cast<double>(sum_below) / a - static_cast<double>(sum - sum_below) / b;
    const double variance = a * b * gap * gap;
    if (variance > best_variance) {
      best_variance = variance;
      best = t;
    }
  }
  return best;
}

}  // namespace

std::vector<uint8_t> otsu_mask(const media::Image& image) {
  std::vector<uint8_t> grey = grey_of(image);
  std::array<int64_t, 256> counts{};
  for (const uint8_t value : grey) ++counts[value];
  const int threshold = otsu_threshold(counts);
  if (threshold < 0) return std::vector<uint8_t>(grey.size());
  int64_t bright = 0;
  for (int i = threshold + 1; i < 256; ++i) bright += counts[i];
  const bool is_bright_foreground = 2 * bright <= static_cast<int64_t>(grey.size());
  for (uint8_t& value : grey) value = (value > threshold) == is_bright_foreground;
  return grey;
}

std::vector<uint8_t> all_foreground(const media::Image& image) {
  media::check_image(image, "all_foreground");
  return std::vector<uint8_t>(size_t{1} * image.height * image.width, 1);
}

}  // namespace tessera::segmentation
