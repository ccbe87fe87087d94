#include "tessera/segmentation/sam/sam_layers.h"

#include <algorithm>

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

#include "tessera/segmentation/sam/fast_linear.h"

namespace tessera::segmentation {

Table::Table(int64_t rows, int64_t dim)
    : weight(register_parameter("weight", at::zeros({rows, dim}))) {}

MlpBlock::MlpBlock(int64_t dim, int64_t hidden, Activation activation)
    : activation(activation),
      lin1(register_module("lin1", std::make_shared<nn::Linear>(dim, hidden))),
      lin2(register_module("lin2", std::make_shared<nn::Linear>(hidden, dim))) {}

at::Tensor MlpBlock::forward(const at::Tensor& x) const {
  if (activation == Activation::kRelu) return lin2->forward(at::relu(lin1->forward(x)));
  // What is above 32 MB the C library takes from the system page by page every time; so on a CPU
  // the hidden layer is made for some rows at a time.
  constexpr int64_t kHiddenElements = 6 << 20;
  const int64_t rows = x.numel() / x.size(-1), hidden = lin1->weight.size(0);
  if (!is_plain_cpu(x) || rows * hidden <= kHiddenElements)
    return fast_linear(fast_linear(x, lin1->weight, lin1->bias, /*has_gelu=*/true), lin2->weight,
                       lin2->bias);
  const auto flat = x.reshape({rows, x.size(-1)});
  auto out = at::empty_like(flat);
  const int64_t step = std::max<int64_t>(kHiddenElements / hidden, 1);
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t count = std::min(step, rows - begin);
    const auto inner = fast_linear(flat.narrow(0, begin, count), lin1->weight, lin1->bias, true);
    out.narrow(0, begin, count).copy_(fast_linear(inner, lin2->weight, lin2->bias));
  }
  return out.view(x.sizes());
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

bool is_lean(const at::Tensor& x) {
  return x.is_cuda() && at::autocast::is_autocast_enabled(at::kCUDA);
}

at::Tensor lean(const at::Tensor& x) { return is_lean(x) ? x.to(at::kBFloat16) : x; }

at::Tensor lean_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           double eps) {
  // Autocast would widen x to fp32 first.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCUDA);
  return at::layer_norm(x, {x.size(-1)}, weight.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
}

}  // namespace tessera::segmentation
