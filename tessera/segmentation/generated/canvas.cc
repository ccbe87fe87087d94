#include "tessera/segmentation/generated/canvas.h"

#include <algorithm>

#include "tessera/segmentation/generated/exact_math.h"

namespace tessera::segmentation::generated {
namespace {

/// Half of a symmetric kernel: [0] is the middle.
std::vector<float> gaussian_kernel(float deviation) {
  const int radius = std::max(1, static_cast<int>(2.6f * deviation + 0.5f));
  std::vector<float> kernel(radius + 1);
  float sum = 0;
  for (int i = 0; i <= radius; ++i) {
    const float x = static_cast<float>(i) / deviation;
    kernel[i] = exponential(-0.5f * x * x);
    sum += i == 0 ? kernel[i] : 2 * kernel[i];
  }
  for (float& weight : kernel) weight /= sum;
  return kernel;
}

/// A row with `radius` repeated pixels on both sides.
void copy_padded(const float* row, int width, int radius, std::vector<float>& padded) {
  padded.resize(size_t(width) + 2 * radius);
  std::fill_n(padded.begin(), radius, row[0]);
  std::copy_n(row, width, padded.begin() + radius);
  std::fill_n(padded.begin() + radius + width, radius, row[width - 1]);
}

void convolve_rows(Plane& plane, const std::vector<float>& kernel) {
  const int radius = static_cast<int>(kernel.size()) - 1, width = plane.width;
  std::vector<float> padded;
  for (int y = 0; y < plane.height; ++y) {
    float* row = plane.row(y);
    copy_padded(row, width, radius, padded);
    const float* middle = padded.data() + radius;
    for (int x = 0; x < width; ++x) row[x] = kernel[0] * middle[x];
    for (int k = 1; k <= radius; ++k) {
      const float weight = kernel[k];
      for (int x = 0; x < width; ++x) row[x] += weight * (middle[x - k] + middle[x + k]);
    }
  }
}

void convolve_columns(Plane& plane, const std::vector<float>& kernel) {
  const int radius = static_cast<int>(kernel.size()) - 1, width = plane.width;
  const Plane source = plane;
  const auto source_row = [&](int y) { return source.row(std::clamp(y, 0, source.height - 1)); };
  for (int y = 0; y < plane.height; ++y) {
    float* row = plane.row(y);
    for (int x = 0; x < width; ++x) row[x] *= kernel[0];
    for (int k = 1; k <= radius; ++k) {
      const float *above = source_row(y - k), *below = source_row(y + k);
      const float weight = kernel[k];
      for (int x = 0; x < width; ++x) row[x] += weight * (above[x] + below[x]);
    }
  }
}

void box_rows(Plane& plane, int radius) {
  const float scale = 1.0f / static_cast<float>(2 * radius + 1);
  std::vector<float> padded;
  for (int y = 0; y < plane.height; ++y) {
    float* row = plane.row(y);
    copy_padded(row, plane.width, radius, padded);
    float sum = 0;
    for (int x = 0; x < 2 * radius; ++x) sum += padded[x];
    for (int x = 0; x < plane.width; ++x) {
      sum += padded[x + 2 * radius];
      row[x] = sum * scale;
      sum -= padded[x];
    }
  }
}

void box_columns(Plane& plane, int radius) {
  const float scale = 1.0f / static_cast<float>(2 * radius + 1);
  const Plane source = plane;
  const int width = plane.width;
  const auto source_row = [&](int y) { return source.row(std::clamp(y, 0, source.height - 1)); };
  std::vector<float> sum(width, 0.0f);
  for (int y = -radius; y < radius; ++y) {
    const float* row = source_row(y);
    for (int x = 0; x < width; ++x) sum[x] += row[x];
  }
  for (int y = 0; y < plane.height; ++y) {
    float* row = plane.row(y);
    const float *entering = source_row(y + radius), *leaving = source_row(y - radius);
    for (int x = 0; x < width; ++x) {
      const float total = sum[x] + entering[x];
      row[x] = total * scale;
      sum[x] = total - leaving[x];
    }
  }
}

}  // namespace

void blur(Plane& plane, float deviation) {
  if (deviation < 0.25f || plane.values.empty()) return;
  if (deviation <= 3) {
    const auto kernel = gaussian_kernel(deviation);
    convolve_rows(plane, kernel);
    convolve_columns(plane, kernel);
    return;
  }
  // A box of 2 r + 1 pixels has the variance r (r + 1) / 3; three of them have r (r + 1).
  const int radius = std::max(1, static_cast<int>(deviation));
  for (int pass = 0; pass < 3; ++pass) {
    box_rows(plane, radius);
    box_columns(plane, radius);
  }
}

}  // namespace tessera::segmentation::generated
