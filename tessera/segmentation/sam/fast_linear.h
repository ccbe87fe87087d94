// Private: linear layers over very many rows, as an image encoder has them.
#pragma once

#include <ATen/core/Tensor.h>

namespace tessera::segmentation {

/// x W^T + b, then the exact GELU if asked for. x [..., in], weight [out, in], bias [out].
///
/// On a CPU in fp32, without gradients, it is oneDNN's product with bias and GELU in one pass:
/// measured on one core with AVX-512 at SAM ViT-B's sizes, 5 to 11 % faster than Torch's own.
/// On a GPU under autocast, where weights are trained, it is linear_with_swift_bias() in bf16.
/// Otherwise Torch's own.
at::Tensor fast_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       bool has_gelu = false);

/// x W^T + b, all of one type. The bias's gradient, the sum over all rows, is taken as a product
/// with ones: Torch's reduction over 200 thousand rows of 128 bf16 numbers runs at about a tenth of
/// the memory's speed, and together they were 14 of a training step's 138 ms on an H200.
at::Tensor linear_with_swift_bias(const at::Tensor& x, const at::Tensor& weight,
                                  const at::Tensor& bias);

/// Whether fast_linear() takes oneDNN's way for this input.
bool is_plain_cpu(const at::Tensor& x);

}  // namespace tessera::segmentation
