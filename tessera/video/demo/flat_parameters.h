// A model's parameters as one vector, so that a training step is a handful of operations.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace tessera::video {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Moves parameters into one buffer per kind; the tensors stay where they are in the model and
/// become views of it. Matrices come first, then what weight decay leaves alone (biases, norms,
/// modulations), so that a prefix of the vector is decayed.
class FlatParameters {
 public:
  /// All parameters on `device`, fp32, with requires_grad.
  FlatParameters(const NamedTensors& parameters, at::Device device);

  /// fp32 [num_values].
  const at::Tensor& values() const { return values_; }

  /// Number of leading values that belong to matrices.
  int64_t num_decayed() const { return num_decayed_; }

  /// The gradients of the last backward pass, [num_values]; a parameter without one counts as
  /// zero. Clears the parameters' own.
  at::Tensor take_gradients();

  /// Another vector of the same layout (an average, say) cut up and named as the parameters are.
  NamedTensors named(const at::Tensor& values) const;

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    int64_t offset;
  };
  std::vector<Slot> slots_;
  at::Tensor values_;
  int64_t num_decayed_ = 0;
};

}  // namespace tessera::video
