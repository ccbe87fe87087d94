#include "tessera/segmentation/sam/sam_layers.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

namespace tessera::segmentation {

Table::Table(int64_t rows, int64_t dim)
    : weight(register_parameter("weight", at::zeros({rows, dim}))) {}

MlpBlock::MlpBlock(int64_t dim, int64_t hidden, Activation activation)
    : activation(activation),
      lin1(register_module("lin1", std::make_shared<nn::Linear>(dim, hidden))),
      lin2(register_module("lin2", std::make_shared<nn::Linear>(hidden, dim))) {}

at::Tensor MlpBlock::forward(const at::Tensor& x) const {
  const auto hidden = lin1->forward(x);
  return lin2->forward(activation == Activation::kGelu ? at::gelu(hidden) : at::relu(hidden));
}

Mlp::Mlp(int64_t in_dim, int64_t hidden, int64_t out_dim, int64_t depth) {
  auto parent = register_module("layers", std::make_shared<NumberedModules>());
  for (int64_t i = 0; i < depth; ++i) {
    layers.push_back(parent->add(
        i,
        std::make_shared<nn::Linear>(i == 0 ? in_dim : hidden, i + 1 == depth ? out_dim : hidden)));
  }
}

at::Tensor Mlp::forward(at::Tensor x) const {
  for (size_t i = 0; i < layers.size(); ++i) {
    x = layers[i]->forward(x);
    if (i + 1 < layers.size()) x = at::relu(x);
  }
  return x;
}

at::Tensor lean(const at::Tensor& x) {
  return x.is_cuda() && at::autocast::is_autocast_enabled(at::kCUDA) ? x.to(at::kBFloat16) : x;
}

at::Tensor lean_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           double eps) {
  // Autocast would widen x to fp32 first.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCUDA);
  return at::layer_norm(x, {x.size(-1)}, weight.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
}

}  // namespace tessera::segmentation
