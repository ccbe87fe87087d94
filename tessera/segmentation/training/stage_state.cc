#include "tessera/segmentation/training/stage_state.h"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <torch/nn/module.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

nn::ParameterList parameters_of(const std::vector<nn::ModulePart>& parts) {
  nn::ParameterList named;
  for (const auto& part : parts)
    for (const auto& entry : part.module->named_parameters())
      named.emplace_back(part.prefix + entry.key(), entry.value());
  return named;
}

nn::ParameterList buffers_of(const std::vector<nn::ModulePart>& parts) {
  nn::ParameterList named;
  for (const auto& part : parts)
    for (const auto& entry : part.module->named_buffers())
      if (entry.value().is_floating_point())
        named.emplace_back(part.prefix + entry.key(), entry.value());
  return named;
}

}  // namespace

StageState::StageState(const std::vector<nn::ModulePart>& parts, at::Device device,
                       const nn::OptimiserSettings& settings)
    : parameters_(parameters_of(parts), device, [](const std::string&) { return false; }),
      settings_(settings),
      optimiser_(parameters_, settings) {
  int64_t count = 0;
  const auto buffers = buffers_of(parts);
  for (const auto& [name, buffer] : buffers) {
    slots_.push_back({name, buffer.sizes().vec(), count, buffer.numel()});
    count += buffer.numel();
  }
  buffers_ = at::empty({count}, at::TensorOptions().dtype(at::kFloat).device(device));
  for (size_t i = 0; i < buffers.size(); ++i) {
    at::Tensor buffer = buffers[i].second;
    auto view = buffers_.narrow(0, slots_[i].offset, slots_[i].count).view(slots_[i].sizes);
    view.copy_(buffer);
    buffer.set_data(view);
  }
  buffer_average_ = buffers_.clone();
}

void StageState::step(const at::Tensor& gradients, double learning_rate) {
  const at::NoGradGuard no_grad;
  optimiser_.step(gradients, learning_rate);
  // As the optimiser averages the weights: a short memory at first.
  const auto& steps = optimiser_.num_steps;
  const auto decay = (steps / (steps + 10.0)).clamp_max(settings_.average_decay);
  buffer_average_.add_((buffers_ - buffer_average_) * (1.0 - decay));
}

KeptWeights StageState::averages() const {
  return {optimiser_.average.clone(), buffer_average_.clone()};
}

void StageState::put(const KeptWeights& weights, const std::vector<nn::ModulePart>& parts) const {
  const at::NoGradGuard no_grad;
  auto targets = nn::module_tensors(parts);
  for (const auto& [name, tensor] : parameters_.named(weights.values))
    targets.at(name).copy_(tensor);
  for (const auto& slot : slots_) {
    targets.at(slot.name).copy_(
        weights.buffers.narrow(0, slot.offset, slot.count).view(slot.sizes));
  }
}

std::map<std::string, at::Tensor> StageState::vectors() const {
  return {{"values", parameters_.values()},
          {"first_moment", optimiser_.first_moment},
          {"second_moment", optimiser_.second_moment},
          {"average", optimiser_.average},
          {"num_steps", optimiser_.num_steps},
          {"buffers", buffers_},
          {"buffer_average", buffer_average_}};
}

bool StageState::is_finite() const {
  return at::isfinite(parameters_.values()).all().item<bool>() &&
         at::isfinite(buffers_).all().item<bool>();
}

}  // namespace tessera::segmentation
