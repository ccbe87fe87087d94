#include "tessera/nn/layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/zeros.h>

namespace tessera::nn {

Linear::Linear(int64_t in_features, int64_t out_features)
    : weight(register_parameter("weight", at::zeros({out_features, in_features}))),
      bias(register_parameter("bias", at::zeros({out_features}))) {}

at::Tensor Linear::forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }

LayerNorm::LayerNorm(int64_t dim, double eps)
    : weight(register_parameter("weight", at::ones({dim}))),
      bias(register_parameter("bias", at::zeros({dim}))),
      eps(eps) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return at::layer_norm(x.to(at::kFloat), {x.size(-1)}, weight, bias, eps).to(x.scalar_type());
}

RmsNorm::RmsNorm(int64_t dim, double eps)
    : weight(register_parameter("weight", at::ones({dim}))), eps(eps) {}

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  return at::rms_norm(x.to(at::kFloat), {x.size(-1)}, {}, eps).to(x.scalar_type()) * weight;
}

at::Tensor plain_layer_norm(const at::Tensor& x, double eps) {
  return at::layer_norm(x.to(at::kFloat), {x.size(-1)}, {}, {}, eps).to(x.scalar_type());
}

}  // namespace tessera::nn
