// How the transformer asks for attention: a function the caller plugs in.
//
// Inference plugs in tessera::attention with a state per layer and stream
// (tessera/video/skip_attention.h), training torch's own, which has a gradient.
#pragma once

#include <cstdint>
#include <functional>

#include <ATen/core/Tensor.h>

namespace tessera::video {

/// softmax(q k^T / sqrt(D)) v for each head, or an approximation of it.
/// q, k, v: [B, L, H, D], one dtype; the result has the same shape. `layer` counts from 0.
using SelfAttention = std::function<at::Tensor(int64_t layer, const at::Tensor& q,
                                               const at::Tensor& k, const at::Tensor& v)>;

/// torch's scaled_dot_product_attention on q [B, Lq, H, D], k and v [B, Lk, H, D]; has a gradient.
at::Tensor torch_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// torch_attention as a SelfAttention.
SelfAttention torch_self_attention();

}  // namespace tessera::video
