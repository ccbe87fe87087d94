// Private: what the parts of SAM have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "tessera/nn/layers.h"

namespace tessera::segmentation {

/// Children that are known by number: "layers.0", "neck.3".
struct NumberedModules : torch::nn::Module {
  template <typename Child>
  std::shared_ptr<Child> add(int64_t number, std::shared_ptr<Child> child) {
    return register_module(std::to_string(number), std::move(child));
  }
};

/// One row or more of learned numbers: `weight` [rows, dim].
struct Table : torch::nn::Module {
  Table(int64_t rows, int64_t dim);
  at::Tensor weight;
};

/// lin2(activation(lin1(x))).
struct MlpBlock : torch::nn::Module {
  enum class Activation { kGelu, kRelu };
  MlpBlock(int64_t dim, int64_t hidden, Activation activation);
  at::Tensor forward(const at::Tensor& x) const;  // [..., dim] -> [..., dim]

  Activation activation;
  std::shared_ptr<nn::Linear> lin1, lin2;
};

/// `depth` linear layers with ReLU between: "layers.0", ...
struct Mlp : torch::nn::Module {
  Mlp(int64_t in_dim, int64_t hidden, int64_t out_dim, int64_t depth);
  at::Tensor forward(at::Tensor x) const;  // [..., in] -> [..., out]

  std::vector<std::shared_ptr<nn::Linear>> layers;
};

/// Note [Lean image tokens]: the decoder's cost on a GPU is moving P x 4096 image tokens through
/// memory, once for each addition and norm. Under autocast on CUDA they are kept in bf16, as its
/// products need them anyway; elsewhere nothing changes.
///
/// Whether that holds for x now.
bool is_lean(const at::Tensor& x);

/// x as the decoder keeps it: bf16 under autocast on CUDA, else x itself.
at::Tensor lean(const at::Tensor& x);

/// LayerNorm over the last dim in x's own type: the statistics are fp32, weight and bias are
/// rounded to x's type. fp32 in, fp32 out as usual.
at::Tensor lean_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           double eps);

}  // namespace tessera::segmentation
