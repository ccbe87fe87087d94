// The few layers both models use, as modules whose parameter names are PyTorch's own.
//
// torch/torch.h is not included on purpose: it triples the compile time of whatever includes it.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>

namespace tessera::nn {

/// y = x W^T + b. Parameters: weight [out, in], bias [out].
struct Linear : torch::nn::Module {
  Linear(int64_t in_features, int64_t out_features);
  at::Tensor forward(const at::Tensor& x) const;  // [..., in] -> [..., out]

  at::Tensor weight, bias;
};

/// LayerNorm over the last dim with weight and bias, computed in fp32, returned in x's dtype.
struct LayerNorm : torch::nn::Module {
  LayerNorm(int64_t dim, double eps);
  at::Tensor forward(const at::Tensor& x) const;  // [..., dim] -> [..., dim]

  at::Tensor weight, bias;
  double eps;
};

/// RMSNorm over the last dim: the statistics and the quotient in fp32, the quotient rounded to x's
/// dtype, then times the fp32 weight; so a bf16 input gives an fp32 output, as in Wan.
struct RmsNorm : torch::nn::Module {
  RmsNorm(int64_t dim, double eps);
  at::Tensor forward(const at::Tensor& x) const;  // [..., dim] -> [..., dim]

  at::Tensor weight;
  double eps;
};

/// LayerNorm without weight and bias, computed in fp32, returned in x's dtype.
at::Tensor plain_layer_norm(const at::Tensor& x, double eps);

}  // namespace tessera::nn
