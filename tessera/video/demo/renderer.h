// Draws scenes as films, on any device.
#pragma once

#include <span>

#include <ATen/core/Tensor.h>

#include "tessera/video/demo/clip_shape.h"
#include "tessera/video/demo/scene.h"

namespace tessera::video {

/// B scenes -> fp32 [B, 3, F, H, W] in [-1, 1] on `device`. Edges are blended over one pixel: each
/// shape is a signed distance function. Paths and cameras hold shape.frames entries.
at::Tensor render_scenes(std::span<const Scene> scenes, const ClipShape& shape, at::Device device);

}  // namespace tessera::video
