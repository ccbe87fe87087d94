// The shapes and textures of the demo clips as functions of the place, on whole batches.
//
// Arguments broadcast against each other: [n, 1, 1, 1] for a number a clip, [n, F, H, W] for a
// number a pixel. Results are [n, F, H, W].
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/video/demo/attributes.h"

namespace tessera::video {

/// A texture's numbers, each [n, 1, 1, 1] but for the pixel, which may differ from frame to frame.
struct Texture {
  at::Tensor frequency;  // cycles a unit of length
  at::Tensor angle;      // radians
  at::Tensor phase;      // cycles
  at::Tensor pixel;      // size of a pixel in units of length, for edges one pixel wide
};

/// Distance to the shape's edge, negative inside, in the object's radii. (x, y): place in the
/// object's frame, in radii.
at::Tensor shape_distance(ObjectShape shape, const at::Tensor& x, const at::Tensor& y);

/// How much of a pixel lies inside the edge, 0 to 1. Overwrites `distance`.
at::Tensor coverage(at::Tensor distance, const at::Tensor& pixel);

/// Share of the second tone, 0 to 1, for a fill other than plain.
at::Tensor fill_mix(ObjectFill fill, const at::Tensor& x, const at::Tensor& y,
                    const Texture& texture);

/// Share of the second tone, 0 to 1, for a ground that is striped or checkered.
at::Tensor ground_mix(GroundTexture ground, const at::Tensor& x, const at::Tensor& y,
                      const Texture& texture);

/// The same for a cloudy one. waves [n, 3 N]: x and y frequency and phase of N waves.
at::Tensor cloud_mix(const at::Tensor& waves, const at::Tensor& x, const at::Tensor& y);

}  // namespace tessera::video
