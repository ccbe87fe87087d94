#include "tessera/media/image_resize.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

// Pillow's arithmetic (src/libImaging/Resample.c): weights in double, normalised, then rounded to
// fixed point with 22 bits, which leaves room for 8-bit samples and the sum's overshoot.
constexpr int kPrecisionBits = 32 - 8 - 2;

// Which input samples make one output sample.
struct Taps {
  int first = 0;
  std::vector<int> weights;  // fixed point
};

std::vector<Taps> bilinear_taps(int from, int to) {
  const double scale = double(from) / to;
  const double reach = std::max(scale, 1.0);  // the triangle's half width in input samples
  std::vector<Taps> all(to);
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, int(std::floor(centre - reach + 0.5)));
    const int end = std::min(from, int(std::floor(centre + reach + 0.5)));
    std::vector<double> weights;
    double sum = 0;
    for (int k = first; k < end; ++k) {
      weights.push_back(std::max(0.0, 1 - std::abs((k - centre + 0.5) / reach)));
      sum += weights.back();
    }
    all[i].first = first;
    for (const double weight : weights) {
      all[i].weights.push_back(int(std::floor(0.5 + weight / sum * (1 << kPrecisionBits))));
    }
  }
  return all;
}

uint8_t rounded(int sum) { return uint8_t(std::clamp(sum >> kPrecisionBits, 0, 255)); }

constexpr int kHalf = 1 << (kPrecisionBits - 1);

Image resize_rows(const Image& image, int width) {
  Image out = make_image(image.height, width, image.channels);
  const auto taps = bilinear_taps(image.width, width);
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* row = image.data.data() + size_t(y) * image.width * image.channels;
    uint8_t* to = out.data.data() + size_t(y) * width * image.channels;
    for (const Taps& tap : taps) {
      int sums[4] = {kHalf, kHalf, kHalf, kHalf};
      const uint8_t* from = row + size_t(tap.first) * image.channels;
      for (const int weight : tap.weights) {
        for (int c = 0; c < image.channels; ++c) sums[c] += weight * *from++;
      }
      for (int c = 0; c < image.channels; ++c) *to++ = rounded(sums[c]);
    }
  }
  return out;
}

Image resize_columns(const Image& image, int height) {
  Image out = make_image(height, image.width, image.channels);
  const size_t row = size_t(image.width) * image.channels;
  const auto taps = bilinear_taps(image.height, height);
  std::vector<int> sums(row);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* from = image.data.data() + taps[y].first * row;
    for (const int weight : taps[y].weights) {
      for (size_t i = 0; i < row; ++i) sums[i] += weight * from[i];
      from += row;
    }
    std::transform(sums.begin(), sums.end(), out.data.begin() + y * row, rounded);
  }
  return out;
}

void check_target(int height, int width, const char* function) {
  TESSERA_CHECK(height >= 1 && width >= 1, "[", function, "] sides must be >= 1, got: ", height,
                " x ", width);
}

std::vector<int> nearest_indices(int from, int to) {
  std::vector<int> indices(to);
  const double scale = double(from) / to;
  for (int i = 0; i < to; ++i) indices[i] = std::min(from - 1, int((i + 0.5) * scale));
  return indices;
}

}  // namespace

Image resize_bilinear_antialias(const Image& image, int height, int width) {
  check_image(image, "resize_bilinear_antialias");
  check_target(height, width, "resize_bilinear_antialias");
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return resize_columns(image, height);
  const Image rows = resize_rows(image, width);
  return height == image.height ? rows : resize_columns(rows, height);
}

Image resize_nearest(const Image& image, int height, int width) {
  check_image(image, "resize_nearest");
  check_target(height, width, "resize_nearest");
  Image out = make_image(height, width, image.channels);
  const auto rows = nearest_indices(image.height, height);
  const auto columns = nearest_indices(image.width, width);
  uint8_t* to = out.data.data();
  for (const int y : rows) {
    for (const int x : columns) {
      const uint8_t* from = &image.data[(size_t(y) * image.width + x) * image.channels];
      to = std::copy(from, from + image.channels, to);
    }
  }
  return out;
}

std::vector<uint8_t> resize_nearest(std::span<const uint8_t> data, int from_height, int from_width,
                                    int height, int width) {
  Image image = make_image(from_height, from_width, 1);
  TESSERA_CHECK(data.size() == image.data.size(), "[resize_nearest] data must have ", from_height,
                " x ", from_width, " values, got: ", data.size());
  image.data.assign(data.begin(), data.end());
  return resize_nearest(image, height, width).data;
}

Image window(const Image& image, int top, int left, int height, int width, uint8_t fill) {
  check_image(image, "window");
  check_target(height, width, "window");
  Image out = make_image(height, width, image.channels);
  std::fill(out.data.begin(), out.data.end(), fill);
  // The part of the window's columns that lies inside the picture; 64 bits, since corners may be
  // anywhere.
  const int64_t begin = std::max<int64_t>(0, -int64_t{left});
  const int64_t end = std::min<int64_t>(width, int64_t{image.width} - left);
  for (int64_t y = 0; y < height; ++y) {
    const int64_t source = top + y;
    if (source < 0 || source >= image.height || begin >= end) continue;
    const uint8_t* from = &image.data[(source * image.width + left + begin) * image.channels];
    std::copy(from, from + (end - begin) * image.channels,
              &out.data[(y * width + begin) * image.channels]);
  }
  return out;
}

Sides fit_inside(int height, int width, int longest) {
  TESSERA_CHECK(height >= 1 && width >= 1 && longest >= 1,
                "[fit_inside] sides must be >= 1, got: ", height, " x ", width, " in ", longest);
  const int longer = std::max(height, width);
  if (longer <= longest) return {height, width};
  const double scale = double(longest) / longer;
  return {std::max(1, int(std::lround(height * scale))),
          std::max(1, int(std::lround(width * scale)))};
}

}  // namespace tessera::media
