// A model's parameters as one vector, so that a training step is a handful of operations.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace tessera::nn {

/// Parameters with their names in the model, in its order.
using ParameterList = std::vector<std::pair<std::string, at::Tensor>>;

/// Says by its name which matrix is a hidden one, from vectors of features to vectors of features:
/// these are Muon's. Asked for two-dimensional weights only.
using IsHiddenMatrix = std::function<bool(const std::string& name)>;

/// Where the values of a kind lie in the vector.
struct FlatRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// Hidden matrices of one shape, one behind the other.
struct MatrixGroup {
  FlatRange range;
  int64_t count = 0, rows = 0, columns = 0;
};

/// Moves parameters into one buffer; the tensors stay where they are in the model and become views
/// of it. Order: the hidden matrices, by shape; then the other matrices and tables; then biases,
/// norms and modulations. Buffers of the model are no parameters and stay where they are.
class FlatParameters {
 public:
  /// All parameters on `device`, fp32, with requires_grad.
  FlatParameters(const ParameterList& parameters, at::Device device,
                 const IsHiddenMatrix& is_hidden_matrix);

  /// fp32 [num_values].
  const at::Tensor& values() const { return values_; }

  const std::vector<MatrixGroup>& matrix_groups() const { return matrix_groups_; }
  const FlatRange& tables() const { return tables_; }    // other matrices: weight decay applies
  const FlatRange& vectors() const { return vectors_; }  // never decayed

  /// The gradients of the last backward pass, [num_values]; a parameter without one counts as
  /// zero. Clears the parameters' own.
  at::Tensor take_gradients();

  /// Another vector of the same layout (an average, say) cut up and named as the parameters are.
  ParameterList named(const at::Tensor& values) const;

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    int64_t offset;
  };
  std::vector<Slot> slots_;
  at::Tensor values_;
  std::vector<MatrixGroup> matrix_groups_;
  FlatRange tables_, vectors_;
};

}  // namespace tessera::nn
