#include "tessera/segmentation/generated/noise.h"

#include <algorithm>

#include "tessera/segmentation/generated/chance.h"

namespace tessera::segmentation::generated {
namespace {

/// Where each pixel lies between the nodes of a lattice, for quadratic B-splines.
struct Axis {
  std::vector<int> first;                     // node before
  std::vector<std::array<float, 3>> weights;  // of nodes first, first + 1, first + 2
  int num_nodes = 0;

  Axis(int length, float cell, float offset) : first(length), weights(length) {
    for (int i = 0; i < length; ++i) {
      const float position = offset + (static_cast<float>(i) + 0.5f) / cell;
      first[i] = static_cast<int>(position);
      const float t = position - static_cast<float>(first[i]) - 0.5f;
      weights[i] = {0.5f * (0.5f - t) * (0.5f - t), 0.75f - t * t, 0.5f * (0.5f + t) * (0.5f + t)};
    }
    num_nodes = first.back() + 3;
  }
};

/// Interpolates nodes (rows x columns of the axes) and adds them to the plane.
void add_lattice(Plane& plane, const std::vector<float>& nodes, const Axis& along_y,
                 const Axis& along_x) {
  std::vector<float> line(along_x.num_nodes);
  for (int y = 0; y < plane.height; ++y) {
    const float* from = nodes.data() + size_t(along_y.first[y]) * along_x.num_nodes;
    const auto& w = along_y.weights[y];
    const int n = along_x.num_nodes;
    for (int i = 0; i < n; ++i)
      line[i] = w[0] * from[i] + w[1] * from[i + n] + w[2] * from[i + 2 * n];
    float* row = plane.row(y);
    for (int x = 0; x < plane.width; ++x) {
      const float* near = line.data() + along_x.first[x];
      const auto& v = along_x.weights[x];
      row[x] += v[0] * near[0] + v[1] * near[1] + v[2] * near[2];
    }
  }
}

// The spline leaves half of the nodes' deviation.
constexpr float kNodeRange = 2.0f;

/// Noise that repeats after kSide pixels in both directions.
void add_tiled_noise(Plane& plane, float cell, float amplitude, Random& random) {
  const int count = std::max(2, static_cast<int>(Texture::kSide / cell + 0.5f));
  const Axis axis(Texture::kSide, static_cast<float>(Texture::kSide) / static_cast<float>(count),
                  0);
  const int n = axis.num_nodes;
  std::vector<float> own(size_t(count) * count), nodes(size_t(n) * n);
  for (float& value : own) value = amplitude * draw(random, {-kNodeRange, kNodeRange});
  for (int y = 0; y < n; ++y) {
    for (int x = 0; x < n; ++x) nodes[size_t(y) * n + x] = own[(y % count) * count + x % count];
  }
  add_lattice(plane, nodes, axis, axis);
}

void add_tiled_fractal(Plane& plane, float cell, float gain, Random& random) {
  float amplitude = 1;
  for (int octave = 0; octave < 5 && cell >= 1.5f; ++octave) {
    add_tiled_noise(plane, cell, amplitude, random);
    cell *= 0.5f;
    amplitude *= gain;
  }
}

void normalise(std::vector<float>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const float least = *low, range = std::max(1e-6f, *high - *low);
  for (float& value : values) value = (value - least) / range;
}

/// Distances from each pixel to the nearest and second nearest of scattered points.
struct CellDistances {
  Plane nearest{Texture::kSide, Texture::kSide}, second{Texture::kSide, Texture::kSide};

  CellDistances(float feature, float disorder, Random& random) {
    const int count = std::clamp(static_cast<int>(Texture::kSide / feature + 0.5f), 2, 64);
    const float cell = static_cast<float>(Texture::kSide) / static_cast<float>(count);
    std::vector<float> px(size_t(count) * count), py(px.size());
    for (size_t i = 0; i < px.size(); ++i) {
      px[i] = 0.5f + disorder * (random.uniform() - 0.5f);
      py[i] = 0.5f + disorder * (random.uniform() - 0.5f);
    }
    for (int y = 0; y < Texture::kSide; ++y) {
      const float v = (static_cast<float>(y) + 0.5f) / cell;
      for (int x = 0; x < Texture::kSide; ++x) {
        const float u = (static_cast<float>(x) + 0.5f) / cell;
        float first = 1e9f, next = 1e9f;
        for (int dy = -1; dy <= 1; ++dy) {
          const int cy = static_cast<int>(v) + dy, row = (cy + count) % count * count;
          for (int dx = -1; dx <= 1; ++dx) {
            const int cx = static_cast<int>(u) + dx, at = row + (cx + count) % count;
            const float ex = static_cast<float>(cx) + px[at] - u;
            const float ey = static_cast<float>(cy) + py[at] - v;
            const float distance = ex * ex + ey * ey;
            next = std::min(next, std::max(first, distance));
            first = std::min(first, distance);
          }
        }
        nearest.row(y)[x] = first;
        second.row(y)[x] = next;
      }
    }
  }
};

void add_cells(Plane& plane, TextureKind kind, float feature, Random& random) {
  const CellDistances distances(feature, draw(random, {0.3f, 1.0f}), random);
  const float sharpness = draw(random, {0.06f, 0.3f});
  for (size_t i = 0; i < plane.values.size(); ++i) {
    const float first = distances.nearest.values[i], next = distances.second.values[i];
    float value = first;
    if (kind == TextureKind::kCells) value = -first;
    if (kind == TextureKind::kCracks) value = 1 - smoothstep(0, sharpness, next - first);
    if (kind == TextureKind::kDots) value = 1 - smoothstep(0.04f, 0.04f + sharpness, first);
    plane.values[i] = value;
  }
}

void add_waves(Plane& plane, TextureKind kind, float feature, Random& random) {
  const float repeats = static_cast<float>(Texture::kSide) / feature;
  const float turns = random.uniform();
  // Whole numbers of waves, or the texture would have a seam.
  const auto whole = [](float x) { return static_cast<float>(static_cast<int>(x + 100.5f) - 100); };
  const float kx = whole(repeats * cosine(turns)), ky = whole(repeats * sine(turns));
  const float jx = -ky, jy = kx;
  const bool is_square = kind == TextureKind::kChecks;
  const float bend = is_square ? 0 : draw(random, {0, 0.5f});
  Plane warp(Texture::kSide, Texture::kSide);
  if (bend > 0) add_tiled_noise(warp, 48, bend, random);
  std::vector<float> wave(1024);
  for (int i = 0; i < 1024; ++i) wave[i] = sine(static_cast<float>(i) / 1024.0f);
  const auto look_up = [&](float phase) {
    return wave[static_cast<int>((phase + 1024.0f) * 1024.0f) & 1023];
  };
  for (int y = 0; y < Texture::kSide; ++y) {
    const float v = static_cast<float>(y) / Texture::kSide;
    for (int x = 0; x < Texture::kSide; ++x) {
      const float u = static_cast<float>(x) / Texture::kSide;
      const float one = look_up(kx * u + ky * v + warp.row(y)[x]);
      float value = one;
      if (is_square) value = std::clamp(4 * one * look_up(jx * u + jy * v), -1.0f, 1.0f);
      plane.row(y)[x] = value;
    }
  }
}

}  // namespace

void add_noise(Plane& plane, float cell, float amplitude, Random& random) {
  const Axis along_x(plane.width, cell, random.uniform());
  const Axis along_y(plane.height, cell, random.uniform());
  std::vector<float> nodes(size_t(along_x.num_nodes) * along_y.num_nodes);
  for (float& value : nodes) value = amplitude * draw(random, {-kNodeRange, kNodeRange});
  add_lattice(plane, nodes, along_y, along_x);
}

void add_fractal_noise(Plane& plane, float cell, int octaves, float gain, float amplitude,
                       Random& random) {
  for (int octave = 0; octave < octaves && cell >= 1.5f; ++octave) {
    add_noise(plane, cell, amplitude, random);
    cell *= 0.5f;
    amplitude *= gain;
  }
}

Texture make_texture(TextureKind kind, float feature, Random& random) {
  Plane plane(Texture::kSide, Texture::kSide);
  switch (kind) {
    case TextureKind::kSmooth:
      add_tiled_noise(plane, feature, 1, random);
      break;
    case TextureKind::kClouds:
      add_tiled_fractal(plane, feature, draw(random, {0.45f, 0.75f}), random);
      break;
    case TextureKind::kRidges:
      add_tiled_fractal(plane, feature, 0.45f, random);
      for (float& value : plane.values) value = value > 0 ? -value : value;
      break;
    case TextureKind::kStripes:
    case TextureKind::kChecks:
      add_waves(plane, kind, feature, random);
      break;
    case TextureKind::kCells:
    case TextureKind::kCracks:
    case TextureKind::kDots:
      add_cells(plane, kind, feature, random);
      break;
    case TextureKind::kGrain:
      for (float& value : plane.values) value = random.uniform() + random.uniform();
      blur(plane, draw(random, {0.4f, 1.2f}));
      break;
    case TextureKind::kPatches: {
      add_tiled_fractal(plane, feature, 0.5f, random);
      const float level = draw(random, {-0.4f, 0.4f}), softness = draw(random, {0.05f, 0.5f});
      for (float& value : plane.values) value = smoothstep(level, level + softness, value);
      break;
    }
  }
  normalise(plane.values);
  return {std::move(plane.values)};
}

TextureWalk TextureView::walk(int x, int y) const {
  const auto fixed = [](float value) {
    return static_cast<uint32_t>(static_cast<int64_t>(value * 65536.0f));
  };
  const uint32_t du = fixed(scale * cosine(turns)), dv = fixed(scale * sine(turns));
  const auto right = static_cast<uint32_t>(x), down = static_cast<uint32_t>(y);
  return {fixed(u) + right * du - down * dv, fixed(v) + right * dv + down * du, du, dv};
}

TextureView draw_view(float scale, Random& random) {
  const float turns = random.uniform(), u = random.uniform(), v = random.uniform();
  return {scale, turns, u * Texture::kSide, v * Texture::kSide};
}

void read_texture(const Texture& texture, TextureWalk walk, int count, float* out) {
  const float* values = texture.values.data();
  for (int i = 0; i < count; ++i) {
    const uint32_t x = walk.u >> 16 & 255, y = walk.v >> 16 & 255;
    const float fx = static_cast<float>(static_cast<int>(walk.u & 0xffff)) * 0x1p-16f;
    const float fy = static_cast<float>(static_cast<int>(walk.v & 0xffff)) * 0x1p-16f;
    const float *upper = values + y * 256, *lower = values + ((y + 1) & 255) * 256;
    const uint32_t right = (x + 1) & 255;
    const float a = upper[x] + (upper[right] - upper[x]) * fx;
    const float b = lower[x] + (lower[right] - lower[x]) * fx;
    out[i] = a + (b - a) * fy;
    walk.u += walk.du;
    walk.v += walk.dv;
  }
}

}  // namespace tessera::segmentation::generated
