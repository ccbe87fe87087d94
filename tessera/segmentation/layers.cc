#include "tessera/segmentation/layers.h"

#include <cmath>
#include <string>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace tessera::segmentation {
namespace {

constexpr double kBatchNormEps = 1e-5;
constexpr double kBatchNormMomentum = 0.1;
constexpr double kChannelNormEps = 1e-6;  // SAM's, not PyTorch's 1e-5
constexpr int64_t kNarrowChannels = 16;   // those of SAM's mask prompts

}  // namespace

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, const ConvOptions& options)
    : options(options),
      weight(register_parameter("weight", at::zeros({out_channels, in_channels / options.groups,
                                                     options.kernel, options.kernel}))) {
  if (options.has_bias) bias = register_parameter("bias", at::zeros({out_channels}));
}

at::Tensor Conv2d::forward(const at::Tensor& x) const { return forward(x, options.stride); }

at::Tensor Conv2d::forward(const at::Tensor& x, int64_t stride) const {
  const int64_t padding = options.kernel % 2 == 1 ? options.kernel / 2 : 0;
  return at::conv2d(x, weight, bias, stride, padding, /*dilation=*/1, options.groups);
}

DoublingConv2d::DoublingConv2d(int64_t in_channels, int64_t out_channels, int64_t kernel)
    : kernel(kernel),
      weight(register_parameter("weight", at::zeros({in_channels, out_channels, kernel, kernel}))),
      bias(register_parameter("bias", at::zeros({out_channels}))) {}

at::Tensor DoublingConv2d::forward(const at::Tensor& x) const {
  const int64_t overlap = kernel - 2;  // 0 or 1
  return at::conv_transpose2d(x, weight, bias, /*stride=*/2, /*padding=*/overlap,
                              /*output_padding=*/overlap);
}

BatchNorm2d::BatchNorm2d(int64_t channels)
    : weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))),
      running_mean(register_buffer("running_mean", at::zeros({channels}))),
      running_var(register_buffer("running_var", at::ones({channels}))),
      num_batches_tracked(register_buffer("num_batches_tracked", at::zeros({}, at::kLong))) {}

at::Tensor BatchNorm2d::forward(const at::Tensor& x) {
  if (is_training()) num_batches_tracked.add_(1);
  // bf16 in with fp32 weights is a case of its own in the kernels: statistics and product in fp32.
  return at::batch_norm(x, weight, bias, running_mean, running_var, is_training(),
                        kBatchNormMomentum, kBatchNormEps, /*cudnn_enabled=*/true);
}

ChannelNorm2d::ChannelNorm2d(int64_t channels)
    : weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))) {}

at::Tensor ChannelNorm2d::forward(const at::Tensor& x) const {
  const auto pixels = x.permute({0, 2, 3, 1}).to(at::kFloat);  // [B, Y, X, C]
  const bool is_narrow = x.is_cuda() && x.size(1) <= kNarrowChannels;
  const auto y = is_narrow ? narrow_layer_norm(pixels, weight, bias, kChannelNormEps)
                           : at::layer_norm(pixels, {x.size(1)}, weight, bias, kChannelNormEps);
  return y.to(x.scalar_type()).permute({0, 3, 1, 2});
}

at::Tensor narrow_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             double eps) {
  const auto centred = x - x.mean(-1, /*keepdim=*/true);
  const auto variance = centred.square().mean(-1, /*keepdim=*/true);
  return centred * (variance + eps).rsqrt() * weight + bias;
}

void initialise_weights(torch::nn::Module& module, uint64_t seed) {
  const at::NoGradGuard no_grad;
  const auto generator = at::detail::createCPUGenerator(seed);
  double bound = 0;  // of the convolution whose weight came last; 0 after a norm's
  for (const auto& entry : module.named_parameters()) {
    at::Tensor parameter = entry.value();
    const bool is_weight = entry.key().ends_with("weight");
    // PyTorch takes size(1) for the inputs of a transposed convolution too.
    if (is_weight)
      bound = parameter.dim() == 4 ? 1 / std::sqrt(static_cast<double>(parameter[0].numel())) : 0;
    if (bound > 0)
      parameter.copy_(at::zeros(parameter.sizes()).uniform_(-bound, bound, generator));
    else
      parameter.fill_(is_weight ? 1 : 0);
  }
  for (const auto& entry : module.named_buffers())
    entry.value().fill_(entry.key().ends_with("running_var") ? 1 : 0);
}

}  // namespace tessera::segmentation
