// Films as tensors: 8-bit frames <-> uint8 tensors <-> the [-1, 1] range of the networks.
#pragma once

#include <ATen/core/Tensor.h>

#include "tessera/media/frames.h"

namespace tessera::nn {

/// uint8 [F, H, W, 3], a copy.
at::Tensor film_to_tensor(const media::Frames& film);

/// A copy of uint8 [F, H, W, 3]; throws InvalidArgument on anything else.
media::Frames tensor_to_film(const at::Tensor& frames, double fps);

/// uint8 [F, H, W, 3] -> fp32 [3, F, H, W] in [-1, 1]: value / 255 * 2 - 1.
at::Tensor to_signed_unit(const at::Tensor& frames);

/// fp32 [3, F, H, W] -> uint8 [F, H, W, 3]: clamped to [-1, 1], (x + 1) / 2 * 255, cut off, not
/// rounded, as in Wan. NaN becomes 0.
at::Tensor to_bytes(const at::Tensor& sample);

}  // namespace tessera::nn
