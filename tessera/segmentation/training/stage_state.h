// What a training stage changes step by step: weights, BatchNorm statistics, optimiser, averages.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/nn/training/flat_parameters.h"
#include "tessera/nn/training/optimiser.h"
#include "tessera/nn/weight_files.h"

namespace tessera::segmentation {

/// Copies of a stage's averages, on its device.
struct KeptWeights {
  at::Tensor values, buffers;
  bool is_there() const { return values.defined(); }
};

class StageState {
 public:
  /// Moves the parameters and floating-point buffers of the modules into two vectors on the device.
  StageState(const std::vector<nn::ModulePart>& parts, at::Device device,
             const nn::OptimiserSettings& settings);

  /// The gradients of the last backward pass, [num_values].
  at::Tensor take_gradients() { return parameters_.take_gradients(); }

  /// One update from gradients, which are scaled in place; averages follow.
  void step(const at::Tensor& gradients, double learning_rate);

  KeptWeights averages() const;

  /// Writes kept weights into another copy of the modules (same names).
  void put(const KeptWeights& weights, const std::vector<nn::ModulePart>& parts) const;

  /// Under their names in a checkpoint: everything that step() reads or changes.
  std::map<std::string, at::Tensor> vectors() const;

  bool is_finite() const;

 private:
  struct Slot {
    std::string name;
    std::vector<int64_t> sizes;
    int64_t offset, count;
  };
  nn::FlatParameters parameters_;
  std::vector<Slot> slots_;  // of buffers_
  at::Tensor buffers_, buffer_average_;
  nn::OptimiserSettings settings_;
  nn::Optimiser optimiser_;
};

}  // namespace tessera::segmentation
