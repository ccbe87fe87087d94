// What lies behind the objects.
#pragma once

#include <vector>

#include "tessera/segmentation/generated/canvas.h"
#include "tessera/segmentation/generated/chance.h"
#include "tessera/segmentation/generated/noise.h"

namespace tessera::segmentation::generated {

struct TextureLayer {
  const Texture* texture = nullptr;
  float strength = 0;  // tones
  float scale = 1;     // texture pixels per pixel
  float warp = 0;      // bends the texture, texture pixels
};

/// Each pixel has a tone: 0 shows `base`, 1 shows `second`; then `third` is laid over where a field
/// of patches is high.
struct Background {
  Rgb base = {}, second = {}, third = {};
  float start = 0.5f;      // tone before anything is added
  float gradient = 0;      // tones from one side to the other
  float clouds = 0;        // tones
  float cloud_cell = 100;  // pixels
  int cloud_octaves = 4;
  std::vector<TextureLayer> textures;
  float patches = 0;  // opacity of `third`
  float patch_cell = 150, patch_softness = 0.3f, patch_level = 0;
};

void paint_background(Canvas& canvas, const Background& background, Random& random);

}  // namespace tessera::segmentation::generated
