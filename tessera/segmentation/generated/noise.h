// Noise and textures.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/segmentation/generated/canvas.h"

namespace tessera::segmentation::generated {

/// Adds smooth noise with features of about `cell` pixels: mean 0, mostly within +-amplitude.
void add_noise(Plane& plane, float cell, float amplitude, Random& random);

/// Adds `octaves` noises, each with half the cell and `gain` times the amplitude of the one before.
void add_fractal_noise(Plane& plane, float cell, int octaves, float gain, float amplitude,
                       Random& random);

enum class TextureKind {
  kSmooth,   ///< one octave
  kClouds,   ///< several octaves
  kRidges,   ///< bright crooked lines
  kStripes,  ///< waves, bent by noise
  kCells,    ///< bright middles, dark borders
  kCracks,   ///< thin borders of cells
  kDots,     ///< soft dots on a ground
  kChecks,   ///< squares
  kGrain,    ///< pixels
  kPatches,  ///< two levels with soft borders
};
inline constexpr int kNumTextureKinds = 10;

/// A square picture that repeats without a seam.
struct Texture {
  static constexpr int kSide = 256;
  std::vector<float> values;  // (kSide, kSide), from 0 to 1
};

/// `feature` is the size of a feature in pixels, 2 to 128.
Texture make_texture(TextureKind kind, float feature, Random& random);

/// A straight walk over a texture, in 1/65536 pixels (exact, so that no rounding adds up).
struct TextureWalk {
  uint32_t u, v;    // where the first pixel looks
  uint32_t du, dv;  // step from pixel to pixel along the row; wraps around
};

/// How an area looks at a texture: turned, scaled and moved.
struct TextureView {
  float scale = 1;  // texture pixels per pixel
  float turns = 0;
  float u = 0, v = 0;  // where the origin looks, in texture pixels

  /// The walk of a row of pixels that begins at (x, y).
  TextureWalk walk(int x, int y) const;
};

/// Looks at the texture in a random direction and place.
TextureView draw_view(float scale, Random& random);

/// out[i] = the texture at the i-th step, interpolated.
void read_texture(const Texture& texture, TextureWalk walk, int count, float* out);

}  // namespace tessera::segmentation::generated
