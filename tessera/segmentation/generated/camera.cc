#include "tessera/segmentation/generated/camera.h"

#include <algorithm>
#include <cmath>  // sqrt is exact

#include "tessera/segmentation/generated/compression.h"

namespace tessera::segmentation::generated {
namespace {

/// The light at each pixel; the aperture's edge is one pixel wide.
void light_up(Canvas& canvas, const Camera& camera, int num_channels, Random& random) {
  const float spot_x = draw(random, {-1, 1}), spot_y = draw(random, {-1, 1});
  const float spot_width = draw(random, {0.2f, 0.8f});
  if (camera.vignette == 0 && camera.shading == 0 && camera.spot == 0 &&
      camera.aperture_radius == 0) {
    return;
  }
  const int width = canvas.width(), height = canvas.height();
  const float sx = 2.0f / static_cast<float>(width), sy = 2.0f / static_cast<float>(height);
  const float shade_x = camera.shading * cosine(camera.shading_turns);
  const float shade_y = camera.shading * sine(camera.shading_turns);
  const float spot_scale = 1 / (spot_width * spot_width);
  const Aperture aperture(camera, height, width);
  std::vector<float> light(width), open(width, 1.0f);
  for (int y = 0; y < height; ++y) {
    const float v = (static_cast<float>(y) + 0.5f) * sy - 1;
    for (int x = 0; x < width; ++x) {
      const float u = (static_cast<float>(x) + 0.5f) * sx - 1, r2 = 0.5f * (u * u + v * v);
      const float du = u - spot_x, dv = v - spot_y;
      const float near = 1 / (1 + (du * du + dv * dv) * spot_scale);
      light[x] = std::max(0.02f, 1 - camera.vignette * r2 * (0.5f + 0.5f * r2) + shade_x * u +
                                     shade_y * v) +
                 camera.spot * near * near;
    }
    if (camera.aperture_radius > 0) {
      for (int x = 0; x < width; ++x) open[x] = std::clamp(aperture.depth(y, x) + 0.5f, 0.0f, 1.0f);
    }
    for (int c = 0; c < num_channels; ++c) {
      float* row = canvas.channels[c].row(y);
      const float outside = camera.aperture[c];
      for (int x = 0; x < width; ++x) row[x] = outside + (row[x] * light[x] - outside) * open[x];
    }
  }
}

constexpr int kNormals = 4096;

const std::vector<float>& normal_table() {
  static const std::vector<float> table = [] {
    Random random(1);
    std::vector<float> values(kNormals);
    for (float& value : values) value = draw_normal(random);
    return values;
  }();
  return table;
}

void fill_with_noise(Plane& noise, Random& random) {
  const float* normals = normal_table().data();
  float *out = noise.values.data(), *end = out + noise.values.size();
  while (out != end) {
    uint64_t bits = random.next();
    for (int i = 0; i < 5 && out != end; ++i, bits >>= 12) *out++ = normals[bits & (kNormals - 1)];
  }
}

void add_sensor_noise(Plane& plane, const Camera& camera, Random& random) {
  Plane noise(plane.height, plane.width);
  fill_with_noise(noise, random);
  float scale = 1;
  if (camera.noise_blur >= 0.25f) {
    blur(noise, camera.noise_blur);
    scale = 1 + 2.5f * camera.noise_blur;  // about what the blur has taken
  }
  const float read = camera.read_noise * camera.read_noise;
  for (size_t i = 0; i < plane.values.size(); ++i) {
    const float value = plane.values[i];
    const float variance = read + camera.shot_noise * std::max(0.0f, value);
    plane.values[i] = value + scale * noise.values[i] * std::sqrt(variance);
  }
}

/// Levels below and above which one pixel in 200 lies.
std::array<float, 2> extremes(const Canvas& canvas, int num_channels) {
  std::vector<float> sample;
  for (int c = 0; c < num_channels; ++c) {
    const auto& values = canvas.channels[c].values;
    for (size_t i = 0; i < values.size(); i += 61) sample.push_back(values[i]);
  }
  const auto few = static_cast<std::ptrdiff_t>(sample.size() / 200);
  std::nth_element(sample.begin(), sample.begin() + few, sample.end());
  const float low = sample[few];
  std::nth_element(sample.begin(), sample.end() - 1 - few, sample.end());
  return {low, *(sample.end() - 1 - few)};
}

/// Brightness to bytes, by table.
class ToneCurve {
 public:
  ToneCurve(float gain, float offset, float gamma, bool is_inverted) : table_(kSteps) {
    for (int i = 0; i < kSteps; ++i) {
      float value = (static_cast<float>(i) + 0.5f) / kSteps * (kMost - kLeast) + kLeast;
      value = std::clamp(value * gain + offset, 0.0f, 1.0f);
      if (is_inverted) value = 1 - value;
      if (gamma != 1) value = power(value, gamma);
      table_[i] = static_cast<uint8_t>(value * 255.0f + 0.5f);
    }
  }

  uint8_t operator()(float value) const {
    const float place = (value - kLeast) * (kSteps / (kMost - kLeast));
    return table_[static_cast<int>(std::clamp(place, 0.0f, kSteps - 1.0f))];
  }

 private:
  static constexpr int kSteps = 8192;
  static constexpr float kLeast = -0.25f, kMost = 1.5f;
  std::vector<uint8_t> table_;
};

}  // namespace

Aperture::Aperture(const Camera& camera, int height, int width)
    : radius_(0.5f * static_cast<float>(width) * camera.aperture_radius),
      centre_x_(0.5f * static_cast<float>(width) * (1 + camera.aperture_x)),
      centre_y_(0.5f * static_cast<float>(height)) {}

float Aperture::depth(int y, int x) const {
  const float dx = static_cast<float>(x) + 0.5f - centre_x_;
  const float dy = static_cast<float>(y) + 0.5f - centre_y_;
  return radius_ - std::sqrt(dx * dx + dy * dy);
}

media::Image take_picture(Canvas& canvas, const Camera& camera, Random& random) {
  const int num_channels = camera.is_grey ? 1 : 3;
  light_up(canvas, camera, num_channels, random);
  for (int c = 0; c < num_channels; ++c) blur(canvas.channels[c], camera.blur);
  if (camera.read_noise > 0 || camera.shot_noise > 0) {
    for (int c = 0; c < num_channels; ++c) add_sensor_noise(canvas.channels[c], camera, random);
  }
  if (camera.blockiness > 0) compress(canvas, camera.blockiness, camera.is_grey);

  float gain = camera.gain, offset = camera.offset;
  if (camera.is_stretched) {
    const auto [low, high] = extremes(canvas, num_channels);
    gain = 1 / std::max(0.02f, high - low);
    offset = -low * gain;
  }
  media::Image image = media::make_image(canvas.height(), canvas.width());
  for (int c = 0; c < num_channels; ++c) {
    const ToneCurve tone(gain, offset, camera.gamma[c], camera.is_inverted);
    const auto& values = canvas.channels[c].values;
    for (size_t i = 0; i < values.size(); ++i) image.data[3 * i + c] = tone(values[i]);
  }
  if (camera.is_grey) {
    for (size_t i = 0; i < image.data.size(); i += 3) {
      image.data[i + 1] = image.data[i + 2] = image.data[i];
    }
  }
  return image;
}

}  // namespace tessera::segmentation::generated
