// Private: attention over a grid of tokens with decomposed relative positions (MViTv2, ViTDet).
//
//   logit(q, k) = scale * q . k + q . Rh[qy - ky] + q . Rw[qx - kx]
//
// exact, and without ever holding the [tokens, tokens] bias of a whole image.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace tessera::segmentation {

/// q, k, v: [B, heads, height * width, d]. rel_pos_h, rel_pos_w: [2 K - 1, d], K the tokens along a
/// side that they were made for; interpolated for another side. -> [B, heads, height * width, d].
/// Differentiable in all tensors.
at::Tensor position_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const at::Tensor& rel_pos_h, const at::Tensor& rel_pos_w,
                              int64_t height, int64_t width);

}  // namespace tessera::segmentation
