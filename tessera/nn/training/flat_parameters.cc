#include "tessera/nn/training/flat_parameters.h"

#include <algorithm>
#include <tuple>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

namespace tessera::nn {
namespace {

enum class Kind { kHiddenMatrix, kTable, kVector };

Kind kind_of(const std::string& name, const at::Tensor& parameter,
             const IsHiddenMatrix& is_hidden_matrix) {
  if (!name.ends_with("weight") || parameter.dim() < 2) return Kind::kVector;
  return parameter.dim() == 2 && is_hidden_matrix(name) ? Kind::kHiddenMatrix : Kind::kTable;
}

}  // namespace

FlatParameters::FlatParameters(const ParameterList& parameters, at::Device device,
                               const IsHiddenMatrix& is_hidden_matrix) {
  const at::NoGradGuard no_grad;
  const auto kind = [&](const auto& entry) {
    return kind_of(entry.first, entry.second, is_hidden_matrix);
  };
  const auto sort_key = [&](const auto& entry) {
    const bool is_matrix = kind(entry) == Kind::kHiddenMatrix;
    return std::tuple(kind(entry), is_matrix ? entry.second.size(0) : 0,
                      is_matrix ? entry.second.size(1) : 0);
  };
  ParameterList ordered = parameters;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const auto& a, const auto& b) { return sort_key(a) < sort_key(b); });
  int64_t size = 0;
  for (const auto& entry : ordered) {
    const auto& [name, parameter] = entry;
    const int64_t begin = size;
    size += parameter.numel();
    slots_.push_back({name, parameter, begin});
    switch (kind(entry)) {
      case Kind::kHiddenMatrix:
        if (matrix_groups_.empty() || matrix_groups_.back().rows != parameter.size(0) ||
            matrix_groups_.back().columns != parameter.size(1)) {
          matrix_groups_.push_back({{begin, begin}, 0, parameter.size(0), parameter.size(1)});
        }
        matrix_groups_.back().range.end = size;
        ++matrix_groups_.back().count;
        tables_ = vectors_ = {size, size};
        break;
      case Kind::kTable:
        tables_.end = size;
        vectors_ = {size, size};
        break;
      case Kind::kVector:
        vectors_.end = size;
        break;
    }
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
  parts.reserve(slots_.size());
  for (auto& slot : slots_) {
    at::Tensor& gradient = slot.parameter.mutable_grad();
    parts.push_back(gradient.defined() ? gradient.reshape(-1)
                                       : at::zeros_like(slot.parameter).reshape(-1));
    gradient.reset();
  }
  return at::cat(parts).detach();
}

ParameterList FlatParameters::named(const at::Tensor& values) const {
  ParameterList result;
  for (const auto& slot : slots_) {
    result.emplace_back(
        slot.name,
        values.narrow(0, slot.offset, slot.parameter.numel()).view(slot.parameter.sizes()));
  }
  return result;
}

}  // namespace tessera::nn
