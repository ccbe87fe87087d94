// The sine and cosine features of a diffusion time step.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace tessera::nn {

/// [B] -> fp32 [B, dim]: the cosines of t * 10000^(-2i/dim), i in [0, dim/2), then the sines.
/// Computed in fp64: t reaches 1000, where an fp32 angle is off by 3e-5. `dim` is even.
at::Tensor time_embedding(const at::Tensor& t, int64_t dim);

}  // namespace tessera::nn
