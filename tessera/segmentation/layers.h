// The convolutions and norms of SAM and AutoSAM's networks, with PyTorch's parameter and buffer
// names.
//
// Under autocast the convolutions run in bf16; the norms take what they get, count and scale in
// fp32 and return the input's dtype. Weights are zero (norms one) until loaded or initialised.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>

namespace tessera::segmentation {

struct ConvOptions {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t groups = 1;
  bool has_bias = true;
};

/// Square kernel. An odd one is padded by kernel / 2, so that stride 1 keeps the extent; an even
/// one is not padded. weight [out, in / groups, kernel, kernel], bias [out] or undefined.
struct Conv2d : torch::nn::Module {
  Conv2d(int64_t in_channels, int64_t out_channels, const ConvOptions& options = {});
  at::Tensor forward(const at::Tensor& x) const;                  // [B, in, Y, X] -> [B, out, y, x]
  at::Tensor forward(const at::Tensor& x, int64_t stride) const;  // the same with another stride

  ConvOptions options;
  at::Tensor weight, bias;
};

/// Doubles the extent: kernel 2 without overlap, or kernel 3 with padding 1 and output padding 1.
/// weight [in, out, kernel, kernel], bias [out].
struct DoublingConv2d : torch::nn::Module {
  DoublingConv2d(int64_t in_channels, int64_t out_channels, int64_t kernel);
  at::Tensor forward(const at::Tensor& x) const;  // [B, in, Y, X] -> [B, out, 2Y, 2X]

  int64_t kernel;
  at::Tensor weight, bias;
};

/// BatchNorm with running statistics: is_training() takes those of the batch and moves the running
/// ones by a tenth, as PyTorch's default; eval() takes the running ones.
/// weight, bias [C]; buffers running_mean, running_var [C], num_batches_tracked int64 [].
struct BatchNorm2d : torch::nn::Module {
  explicit BatchNorm2d(int64_t channels);
  at::Tensor forward(const at::Tensor& x);  // [B, C, Y, X] -> the same

  at::Tensor weight, bias, running_mean, running_var, num_batches_tracked;
};

/// LayerNorm over the channels of each pixel, eps 1e-6. weight, bias [C].
struct ChannelNorm2d : torch::nn::Module {
  explicit ChannelNorm2d(int64_t channels);
  at::Tensor forward(const at::Tensor& x) const;  // [B, C, Y, X] -> the same

  at::Tensor weight, bias;
};

/// LayerNorm over the last dim of x [..., C] by plain operations, which is faster than Torch's
/// where C is a handful: its CUDA kernel gives a block of threads to each row.
at::Tensor narrow_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             double eps);

/// Random weights by PyTorch's defaults: convolutions and their biases uniform within
/// 1 / sqrt(fan in), norms one and zero with fresh statistics. Same seed, same weights, on any
/// device; g, h and the U-Net are initialised by it.
void initialise_weights(torch::nn::Module& module, uint64_t seed);

}  // namespace tessera::segmentation
