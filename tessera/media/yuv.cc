#include "tessera/media/yuv.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

struct Weights {
  float red, green, blue;
};

Weights luma_weights(YuvMatrix matrix) {
  return matrix == YuvMatrix::kBt601 ? Weights{0.299f, 0.587f, 0.114f}
                                     : Weights{0.2126f, 0.7152f, 0.0722f};
}

// Excursions of the limited range: luma 219 steps above 16, chroma 224 steps around 128.
constexpr float kLumaSteps = 219.0f / 255.0f;
constexpr float kChromaSteps = 224.0f / 255.0f;

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(std::lround(value), 0l, 255l));
}

void check_sizes(size_t rgb_bytes, const YuvFormat& format, const char* function) {
  TESSERA_CHECK(format.height >= 1 && format.width >= 1, "[", function,
                "] sides must be >= 1, got: ", format.height, " x ", format.width);
  const size_t wanted = size_t{3} * format.height * format.width;
  TESSERA_CHECK(rgb_bytes == wanted, "[", function, "] ", format.height, " x ", format.width,
                " pixels have ", wanted, " bytes, got: ", rgb_bytes);
}

struct ChromaPlanes {
  std::vector<float> cb, cr;  // (H, W), unquantised, around 0
};

// Halves one axis of a (count, step-strided) line. `is_cosited`: the sample lies on the even
// pixel, so [1 2 1] / 4 is centred on it; else between the two, so they are averaged.
float halved(const float* line, int count, int step, int index, bool is_cosited) {
  const int middle = 2 * index, next = std::min(middle + 1, count - 1);
  if (!is_cosited) return 0.5f * (line[middle * step] + line[next * step]);
  const int before = std::max(middle - 1, 0);
  return 0.25f * (line[before * step] + 2 * line[middle * step] + line[next * step]);
}

std::vector<uint8_t> subsample(const std::vector<float>& plane, const YuvFormat& format) {
  const int height = format.height, width = format.width;
  const int half_height = format.chroma_height(), half_width = format.chroma_width();
  std::vector<float> rows(size_t(height) * half_width);  // halved along x only
  for (int y = 0; y < height; ++y) {
    const float* line = plane.data() + size_t(y) * width;
    for (int x = 0; x < half_width; ++x) {
      rows[size_t(y) * half_width + x] =
          halved(line, width, 1, x, format.siting != ChromaSiting::kCentre);
    }
  }
  std::vector<uint8_t> out(size_t(half_height) * half_width);
  for (int y = 0; y < half_height; ++y) {
    for (int x = 0; x < half_width; ++x) {
      out[size_t(y) * half_width + x] =
          to_byte(128 + halved(rows.data() + x, height, half_width, y,
                               format.siting == ChromaSiting::kTopLeft));
    }
  }
  return out;
}

std::vector<uint8_t> quantise(const std::vector<float>& plane) {
  std::vector<uint8_t> out(plane.size());
  std::transform(plane.begin(), plane.end(), out.begin(), [](float v) { return to_byte(128 + v); });
  return out;
}

// Two neighbouring chroma samples and the second one's weight, for one pixel along one axis.
struct Tap {
  int first, second;
  float weight;
};

std::vector<Tap> taps(int pixels, int samples, bool is_halved, bool is_cosited) {
  std::vector<Tap> out(pixels);
  for (int i = 0; i < pixels; ++i) {
    const float at = !is_halved ? float(i) : is_cosited ? 0.5f * i : 0.5f * i - 0.25f;
    const int floor = static_cast<int>(std::floor(at));
    out[i] = {std::clamp(floor, 0, samples - 1), std::clamp(floor + 1, 0, samples - 1), at - floor};
  }
  return out;
}

float interpolate(const std::vector<uint8_t>& plane, int width, const Tap& y, const Tap& x) {
  const auto line = [&](int row) {
    const uint8_t* p = plane.data() + size_t(row) * width;
    return p[x.first] + x.weight * (float(p[x.second]) - p[x.first]);
  };
  const float upper = line(y.first);
  return upper + y.weight * (line(y.second) - upper);
}

}  // namespace

YuvPlanes rgb_to_yuv(std::span<const uint8_t> rgb, const YuvFormat& format) {
  check_sizes(rgb.size(), format, "rgb_to_yuv");
  const Weights w = luma_weights(format.matrix);
  const size_t pixels = rgb.size() / 3;
  YuvPlanes out;
  out.y.resize(pixels);
  ChromaPlanes chroma{std::vector<float>(pixels), std::vector<float>(pixels)};
  for (size_t i = 0; i < pixels; ++i) {
    const float red = rgb[3 * i], green = rgb[3 * i + 1], blue = rgb[3 * i + 2];
    const float luma = w.red * red + w.green * green + w.blue * blue;  // 0 to 255
    out.y[i] = to_byte(16 + kLumaSteps * luma);
    chroma.cb[i] = kChromaSteps * (blue - luma) / (2 * (1 - w.blue));
    chroma.cr[i] = kChromaSteps * (red - luma) / (2 * (1 - w.red));
  }
  const bool is_halved = format.chroma == Chroma::k420;
  out.cb = is_halved ? subsample(chroma.cb, format) : quantise(chroma.cb);
  out.cr = is_halved ? subsample(chroma.cr, format) : quantise(chroma.cr);
  return out;
}

void yuv_to_rgb(const YuvPlanes& planes, const YuvFormat& format, std::span<uint8_t> rgb) {
  check_sizes(rgb.size(), format, "yuv_to_rgb");
  const int chroma_height = format.chroma_height(), chroma_width = format.chroma_width();
  const size_t chroma_size = size_t(chroma_height) * chroma_width;
  TESSERA_CHECK(planes.y.size() == rgb.size() / 3 && planes.cb.size() == chroma_size &&
                    planes.cr.size() == chroma_size,
                "[yuv_to_rgb] planes must have ", rgb.size() / 3, " and ", chroma_size,
                " samples, got: ", planes.y.size(), ", ", planes.cb.size(), ", ", planes.cr.size());
  const Weights w = luma_weights(format.matrix);
  const bool is_halved = format.chroma == Chroma::k420;
  const auto rows =
      taps(format.height, chroma_height, is_halved, format.siting == ChromaSiting::kTopLeft);
  const auto columns =
      taps(format.width, chroma_width, is_halved, format.siting != ChromaSiting::kCentre);
  for (int y = 0; y < format.height; ++y) {
    for (int x = 0; x < format.width; ++x) {
      const size_t i = size_t(y) * format.width + x;
      const float luma = (planes.y[i] - 16.0f) / kLumaSteps;
      const float cb = interpolate(planes.cb, chroma_width, rows[y], columns[x]) - 128;
      const float cr = interpolate(planes.cr, chroma_width, rows[y], columns[x]) - 128;
      const float red = luma + cr / kChromaSteps * 2 * (1 - w.red);
      const float blue = luma + cb / kChromaSteps * 2 * (1 - w.blue);
      rgb[3 * i] = to_byte(red);
      rgb[3 * i + 1] = to_byte((luma - w.red * red - w.blue * blue) / w.green);
      rgb[3 * i + 2] = to_byte(blue);
    }
  }
}

}  // namespace tessera::media
