// The weights, inputs and probes of tests/golden/make_autosam_golden.py, for tests only: nothing is
// stored, the rule is repeated here.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/nn/module.h>

namespace tessera::segmentation::golden {

/// fp32 values in [-1, 1) that depend on the name and the index alone.
inline at::Tensor rule(std::string_view name, at::IntArrayRef shape) {
  uint32_t seed = 0x811C9DC5;  // FNV-1a
  for (const char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 0x01000193;
  at::Tensor values = at::empty(shape);
  float* out = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 0x9E3779B9 + seed;
    x = (x ^ x >> 16) * 0x21F0AAAD;
    x = (x ^ x >> 15) * 0x735A2D97;
    x ^= x >> 15;
    out[i] = static_cast<float>(x / 2147483648.0 - 1);
  }
  return values;
}

inline void fill_one(const std::string& name, at::Tensor target) {
  if (name.ends_with("num_batches_tracked")) return;
  at::Tensor value = rule(name, target.sizes());
  if (target.dim() == 4) {
    const double gain = name.starts_with("decoder.") ? 1.5 : 6;
    value.mul_(static_cast<float>(std::sqrt(gain / static_cast<double>(target[0].numel()))));
  } else if (name.ends_with("running_var")) {
    value.mul_(0.5).add_(1);
  } else if (name.ends_with("weight")) {
    value.mul_(0.3F).add_(1);
  } else {
    value.mul_(0.1F);
  }
  target.copy_(value);
}

inline void fill(torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  for (const auto& entry : module.named_parameters()) fill_one(entry.key(), entry.value());
  for (const auto& entry : module.named_buffers()) fill_one(entry.key(), entry.value());
}

struct Probe {
  double norm, product;
};

inline Probe probe(const std::string& name, const at::Tensor& tensor) {
  const auto values = rule("probe." + name, tensor.sizes());
  const auto wide = tensor.detach().contiguous().to(at::kDouble);
  return {wide.norm().item<double>(), wide.mul(values).sum().item<double>()};
}

}  // namespace tessera::segmentation::golden
