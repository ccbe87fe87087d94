#include "tessera/video/demo/flat_parameters.h"

#include <algorithm>
#include <tuple>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

namespace tessera::video {
namespace {

enum class Kind { kBlockMatrix, kTable, kVector };

Kind kind_of(const std::string& name, const at::Tensor& parameter) {
  if (!name.ends_with("weight") || parameter.dim() < 2) return Kind::kVector;
  return name.starts_with("blocks.") && parameter.dim() == 2 ? Kind::kBlockMatrix : Kind::kTable;
}

/// Sorts by kind, and block matrices by shape.
auto sort_key(const std::pair<std::string, at::Tensor>& entry) {
  const Kind kind = kind_of(entry.first, entry.second);
  const bool is_matrix = kind == Kind::kBlockMatrix;
  return std::tuple(kind, is_matrix ? entry.second.size(0) : 0,
                    is_matrix ? entry.second.size(1) : 0);
}

}  // namespace

FlatParameters::FlatParameters(const NamedTensors& parameters, at::Device device) {
  const at::NoGradGuard no_grad;
  NamedTensors ordered = parameters;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return sort_key(a) < sort_key(b); });
  int64_t size = 0;
  for (const auto& [name, parameter] : ordered) {
    const int64_t begin = size;
    size += parameter.numel();
    slots_.push_back({name, parameter, begin});
    switch (kind_of(name, parameter)) {
      case Kind::kBlockMatrix:
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
