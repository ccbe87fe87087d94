#include "tessera/video/demo/flat_parameters.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

namespace tessera::video {

FlatParameters::FlatParameters(const NamedTensors& parameters, at::Device device) {
  const at::NoGradGuard no_grad;
  NamedTensors ordered = parameters;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const auto& entry) { return entry.second.squeeze().dim() >= 2; });
  int64_t size = 0;
  for (const auto& [name, parameter] : ordered) {
    slots_.push_back({name, parameter, size});
    size += parameter.numel();
    if (parameter.squeeze().dim() >= 2) num_decayed_ = size;
  }
  values_ = at::empty({size}, at::TensorOptions().dtype(at::kFloat).device(device));
  for (auto& slot : slots_) {
    auto view = values_.narrow(0, slot.offset, slot.parameter.numel()).view(slot.parameter.sizes());
    view.copy_(slot.parameter);
    slot.parameter.set_data(view);
    slot.parameter.set_requires_grad(true);
  }
}

at::Tensor FlatParameters::take_gradients() {
  std::vector<at::Tensor> parts;
  for (auto& slot : slots_) {
    at::Tensor& gradient = slot.parameter.mutable_grad();
    parts.push_back(gradient.defined() ? gradient.reshape(-1)
                                       : at::zeros_like(slot.parameter).reshape(-1));
    gradient.reset();
  }
  return at::cat(parts).detach();
}

NamedTensors FlatParameters::named(const at::Tensor& values) const {
  NamedTensors result;
  for (const auto& slot : slots_) {
    result.emplace_back(
        slot.name,
        values.narrow(0, slot.offset, slot.parameter.numel()).view(slot.parameter.sizes()));
  }
  return result;
}

}  // namespace tessera::video
