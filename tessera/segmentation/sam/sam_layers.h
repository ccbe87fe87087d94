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

}  // namespace tessera::segmentation
