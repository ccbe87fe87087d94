#include "tessera/segmentation/data/near_duplicates.h"

#include <bit>
#include <cmath>

#include "tessera/media/image_resize.h"

namespace tessera::segmentation {
namespace {

constexpr int kMaxDifferentBits = 4;
constexpr double kMinCorrelation = 0.98;

media::Image grey_of(const media::Image& image) {
  media::Image grey = media::make_image(image.height, image.width, 1);
  for (size_t i = 0; i < grey.data.size(); ++i) {
    const uint8_t* rgb = image.data.data() + 3 * i;
    grey.data[i] = static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
  }
  return grey;
}

double correlation(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum_a += a[i];
    sum_b += b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    ab += a[i] * b[i];
  }
  const auto n = static_cast<double>(a.size());
  const double variance_a = aa - sum_a * sum_a / n, variance_b = bb - sum_b * sum_b / n;
  if (variance_a <= 0 || variance_b <= 0) return variance_a == variance_b ? 1 : 0;
  return (ab - sum_a * sum_b / n) / std::sqrt(variance_a * variance_b);
}

}  // namespace

Fingerprint fingerprint_of(const media::Image& image) {
  const media::Image grey = grey_of(image);
  Fingerprint fingerprint;
  fingerprint.height = image.height;
  fingerprint.width = image.width;
  const media::Image small = media::resize_bilinear_antialias(grey, 8, 9);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      const uint8_t* at = small.data.data() + 9 * y + x;
      fingerprint.hash = fingerprint.hash << 1 | static_cast<uint64_t>(at[1] > at[0]);
    }
  }
  const media::Image thumbnail = media::resize_bilinear_antialias(grey, 16, 16);
  std::copy(thumbnail.data.begin(), thumbnail.data.end(), fingerprint.thumbnail.begin());
  return fingerprint;
}

bool is_near_duplicate(const Fingerprint& a, const Fingerprint& b) {
  return a.height == b.height && a.width == b.width &&
         std::popcount(a.hash ^ b.hash) <= kMaxDifferentBits &&
         correlation(a.thumbnail, b.thumbnail) >= kMinCorrelation;
}

}  // namespace tessera::segmentation
