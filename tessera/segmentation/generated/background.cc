#include "tessera/segmentation/generated/background.h"

#include <algorithm>

namespace tessera::segmentation::generated {
namespace {

void add_gradient(Plane& tone, float strength, Random& random) {
  const float turns = random.uniform();
  const float dx = strength * cosine(turns) / static_cast<float>(tone.width);
  const float dy = strength * sine(turns) / static_cast<float>(tone.height);
  for (int y = 0; y < tone.height; ++y) {
    float* row = tone.row(y);
    const float start = dy * (static_cast<float>(y) - 0.5f * static_cast<float>(tone.height)) -
                        dx * 0.5f * static_cast<float>(tone.width);
    for (int x = 0; x < tone.width; ++x) row[x] += start + dx * static_cast<float>(x);
  }
}

void add_texture(Plane& tone, const TextureLayer& layer, Random& random) {
  const TextureView view = draw_view(layer.scale, random);
  constexpr int kStep = 16;  // pixels that share one bend
  Plane bend(tone.height, (tone.width + kStep - 1) / kStep);
  if (layer.warp > 0) {
    // The plane is narrower by kStep, so its noise is stretched along x; that is as good.
    add_noise(bend, 40, layer.warp, random);
  }
  std::vector<float> line(tone.width);
  for (int y = 0; y < tone.height; ++y) {
    const float* shift = bend.row(y);
    if (layer.warp == 0) {
      read_texture(*layer.texture, view.walk(0, y), tone.width, line.data());
    } else {
      for (int x = 0; x < tone.width; x += kStep) {
        TextureView moved = view;
        moved.u += shift[x / kStep] + 512;
        read_texture(*layer.texture, moved.walk(x, y), std::min(kStep, tone.width - x),
                     line.data() + x);
      }
    }
    float* row = tone.row(y);
    for (int x = 0; x < tone.width; ++x) {
      row[x] += layer.strength * (2 * line[x] - 1);
    }
  }
}

}  // namespace

void paint_background(Canvas& canvas, const Background& background, Random& random) {
  Plane tone(canvas.height(), canvas.width(), background.start);
  if (background.gradient != 0) add_gradient(tone, background.gradient, random);
  if (background.clouds != 0) {
    add_fractal_noise(tone, background.cloud_cell, background.cloud_octaves, 0.55f,
                      background.clouds, random);
  }
  for (const TextureLayer& layer : background.textures) add_texture(tone, layer, random);
  for (int c = 0; c < 3; ++c) {
    const float base = background.base[c], delta = background.second[c] - base;
    Plane& channel = canvas.channels[c];
    for (size_t i = 0; i < tone.values.size(); ++i) {
      channel.values[i] = std::max(0.0f, base + delta * tone.values[i]);
    }
  }
  if (background.patches == 0) return;
  tone.reset(canvas.height(), canvas.width());
  add_fractal_noise(tone, background.patch_cell, 3, 0.5f, 1, random);
  const float low = background.patch_level, high = low + background.patch_softness;
  for (float& value : tone.values) value = background.patches * smoothstep(low, high, value);
  for (int c = 0; c < 3; ++c) {
    Plane& channel = canvas.channels[c];
    for (size_t i = 0; i < tone.values.size(); ++i) {
      channel.values[i] += (background.third[c] - channel.values[i]) * tone.values[i];
    }
  }
}

}  // namespace tessera::segmentation::generated
