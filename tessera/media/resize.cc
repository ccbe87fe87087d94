#include "tessera/media/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

// Which source samples make one output sample along one axis, edges repeated.
struct Taps {
  int count = 0;               // per output sample
  std::vector<int> positions;  // (outputs, count)
  std::vector<float> weights;  // (outputs, count), each row sums to 1
};

double sinc(double x) {
  const double angle = std::numbers::pi * x;
  return x == 0 ? 1 : std::sin(angle) / angle;
}

double lanczos3(double x) { return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

// Keys 1981, equation 4, with a = -1/2: exact for quadratic signals.
double catmull_rom(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

Taps nearest_taps(int size, int factor) {
  Taps taps{1, {}, {}};
  for (int i = 0; i < size * factor; ++i) {
    taps.positions.push_back(i / factor);
    taps.weights.push_back(1);
  }
  return taps;
}

template <typename Kernel>
Taps kernel_taps(int size, int factor, int radius, const Kernel& kernel) {
  Taps taps{2 * radius, {}, {}};
  for (int i = 0; i < size * factor; ++i) {
    const double centre = (i + 0.5) / factor - 0.5;
    const int first = static_cast<int>(std::floor(centre)) - radius + 1;
    double sum = 0;
    for (int k = 0; k < taps.count; ++k) sum += kernel(first + k - centre);
    for (int k = 0; k < taps.count; ++k) {
      taps.positions.push_back(std::clamp(first + k, 0, size - 1));
      taps.weights.push_back(static_cast<float>(kernel(first + k - centre) / sum));
    }
  }
  return taps;
}

Taps make_taps(int size, int factor, UpscaleFilter filter) {
  switch (filter) {
    case UpscaleFilter::kNearest:
      return nearest_taps(size, factor);
    case UpscaleFilter::kBicubic:
      return kernel_taps(size, factor, 2, catmull_rom);
    case UpscaleFilter::kLanczos3:
      return kernel_taps(size, factor, 3, lanczos3);
  }
  throw InvalidArgument("[upscale] filter is none of the three");
}

// in: (H, W, 3) bytes -> out: (H, W * factor, 3) floats.
void stretch_rows(std::span<const uint8_t> in, int height, int width, const Taps& taps,
                  std::vector<float>* out) {
  const size_t out_width = taps.positions.size() / taps.count;
  for (int y = 0; y < height; ++y) {
    const uint8_t* row = in.data() + size_t(y) * width * 3;
    float* to = out->data() + y * out_width * 3;
    for (size_t x = 0; x < out_width; ++x, to += 3) {
      to[0] = to[1] = to[2] = 0;
      for (int k = 0; k < taps.count; ++k) {
        const float weight = taps.weights[x * taps.count + k];
        const uint8_t* from = row + taps.positions[x * taps.count + k] * 3;
        for (int c = 0; c < 3; ++c) to[c] += weight * from[c];
      }
    }
  }
}

// in: (H, row) floats -> out: (H * factor, row) bytes.
void stretch_columns(const std::vector<float>& in, size_t row, const Taps& taps,
                     std::span<uint8_t> out) {
  std::vector<float> sums(row);
  for (size_t y = 0; y < taps.positions.size() / taps.count; ++y) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int k = 0; k < taps.count; ++k) {
      const float weight = taps.weights[y * taps.count + k];
      const float* from = in.data() + taps.positions[y * taps.count + k] * row;
      for (size_t i = 0; i < row; ++i) sums[i] += weight * from[i];
    }
    for (size_t i = 0; i < row; ++i) {
      out[y * row + i] = static_cast<uint8_t>(std::clamp(sums[i] + 0.5f, 0.0f, 255.0f));
    }
  }
}

}  // namespace

Frames upscale(const Frames& frames, int factor, UpscaleFilter filter, Executor& executor) {
  check_frames(frames, "upscale");
  TESSERA_CHECK(factor >= 1 && factor <= 32'767 / std::max(frames.height, frames.width),
                "[upscale] factor must be >= 1 and leave at most 32767 pixels a side, got: ",
                factor, " for ", frames.width, "x", frames.height);
  const Taps columns = make_taps(frames.width, factor, filter);
  const Taps rows = make_taps(frames.height, factor, filter);
  Frames out =
      make_frames(frames.num_frames, frames.height * factor, frames.width * factor, frames.fps);
  executor.parallel_for(frames.num_frames, [&](int64_t index, int) {
    const size_t row = size_t{3} * out.width;
    std::vector<float> stretched(row * frames.height);
    stretch_rows(frames.frame(int(index)), frames.height, frames.width, columns, &stretched);
    stretch_columns(stretched, row, rows, out.frame(int(index)));
  });
  return out;
}

}  // namespace tessera::media
