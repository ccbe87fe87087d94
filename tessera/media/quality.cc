#include "tessera/media/quality.h"

#include <array>
#include <cmath>
#include <limits>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

constexpr int kWindow = kMinSsimSide;
constexpr int kRadius = kWindow / 2;
constexpr double kSigma = 1.5;
constexpr double kC1 = (0.01 * 255) * (0.01 * 255);
constexpr double kC2 = (0.03 * 255) * (0.03 * 255);

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> weights;
  double sum = 0;
  for (int i = 0; i < kWindow; ++i) {
    const double distance = (i - kRadius) / kSigma;
    sum += weights[i] = std::exp(-0.5 * distance * distance);
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

int64_t squared_error(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  TESSERA_CHECK(a.size() == b.size() && !a.empty(),
                "[psnr] both pictures must have the same size and at least one pixel, got: ",
                a.size(), " and ", b.size(), " bytes");
  int64_t sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int difference = int(a[i]) - b[i];
    sum += difference * difference;
  }
  return sum;
}

double to_decibels(double squared_error, double count) {
  if (squared_error == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 * count / squared_error);
}

// The five moments under the window at one position: E a, E b, E aa, E bb, E ab.
constexpr int kMoments = 5;

double similarity(const double* moments, size_t stride) {
  const double mean_a = moments[0], mean_b = moments[stride];
  const double variance_a = moments[2 * stride] - mean_a * mean_a;
  const double variance_b = moments[3 * stride] - mean_b * mean_b;
  const double covariance = moments[4 * stride] - mean_a * mean_b;
  return (2 * mean_a * mean_b + kC1) * (2 * covariance + kC2) /
         ((mean_a * mean_a + mean_b * mean_b + kC1) * (variance_a + variance_b + kC2));
}

// Mean over one channel. The window is separable: each output row first sums its 11 source rows
// into five lines of moments, then sums along those lines.
double channel_ssim(const uint8_t* a, const uint8_t* b, int height, int width) {
  static const std::array<double, kWindow> weights = gaussian();
  const size_t stride = width, valid = width - kWindow + 1;
  std::vector<double> lines(kMoments * stride), sums(kMoments * valid);
  double total = 0;
  for (int y = 0; y + kWindow <= height; ++y) {
    std::fill(lines.begin(), lines.end(), 0.0);
    for (int k = 0; k < kWindow; ++k) {
      const double weight = weights[k];
      const uint8_t* row_a = a + size_t(y + k) * width * 3;
      const uint8_t* row_b = b + size_t(y + k) * width * 3;
      for (size_t x = 0; x < stride; ++x) {
        const double value_a = row_a[3 * x], value_b = row_b[3 * x];
        lines[x] += weight * value_a;
        lines[stride + x] += weight * value_b;
        lines[2 * stride + x] += weight * value_a * value_a;
        lines[3 * stride + x] += weight * value_b * value_b;
        lines[4 * stride + x] += weight * value_a * value_b;
      }
    }
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int moment = 0; moment < kMoments; ++moment) {
      for (int k = 0; k < kWindow; ++k) {
        const double* line = lines.data() + moment * stride + k;
        double* sum = sums.data() + moment * valid;
        for (size_t x = 0; x < valid; ++x) sum[x] += weights[k] * line[x];
      }
    }
    for (size_t x = 0; x < valid; ++x) total += similarity(sums.data() + x, valid);
  }
  return total / (double(valid) * (height - kWindow + 1));
}

}  // namespace

double psnr(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return to_decibels(double(squared_error(a, b)), double(a.size()));
}

double ssim(std::span<const uint8_t> a, std::span<const uint8_t> b, int height, int width) {
  TESSERA_CHECK(height >= kWindow && width >= kWindow,
                "[ssim] sides must be at least 11, the window's, got: ", width, "x", height);
  const size_t bytes = size_t{3} * height * width;
  TESSERA_CHECK(a.size() == bytes && b.size() == bytes, "[ssim] both pictures must have ", bytes,
                " bytes, got: ", a.size(), " and ", b.size());
  double sum = 0;
  for (int c = 0; c < 3; ++c) sum += channel_ssim(a.data() + c, b.data() + c, height, width);
  return sum / 3;
}

FilmQuality compare_films(const Frames& a, const Frames& b, Executor& executor) {
  check_frames(a, "compare_films");
  check_frames(b, "compare_films");
  TESSERA_CHECK(a.num_frames == b.num_frames && a.height == b.height && a.width == b.width,
                "[compare_films] both films must have the same size and number of frames, got: ",
                a.num_frames, " of ", a.width, "x", a.height, " and ", b.num_frames, " of ",
                b.width, "x", b.height);
  FilmQuality quality;
  quality.frame_psnr.resize(a.num_frames);
  quality.frame_ssim.resize(a.num_frames);
  std::vector<int64_t> errors(a.num_frames);
  executor.parallel_for(a.num_frames, [&](int64_t index, int) {
    const auto frame_a = a.frame(int(index)), frame_b = b.frame(int(index));
    errors[index] = squared_error(frame_a, frame_b);
    quality.frame_psnr[index] = to_decibels(double(errors[index]), double(frame_a.size()));
    quality.frame_ssim[index] = ssim(frame_a, frame_b, a.height, a.width);
  });
  double error = 0;
  for (int i = 0; i < a.num_frames; ++i) {
    error += double(errors[i]);
    quality.ssim += quality.frame_ssim[i] / a.num_frames;
  }
  quality.psnr = to_decibels(error, double(a.rgb.size()));
  return quality;
}

}  // namespace tessera::media
