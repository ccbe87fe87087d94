// A step from its inputs to its gradients: done operation by operation at first, then, on a GPU, as
// a recording.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/nn/step_graph.h"

namespace tessera::segmentation {

/// On the device.
struct StepInputs {
  at::Tensor prompt_pictures;  // uint8 [B, 3, g_size, g_size]
  at::Tensor targets, valid;   // uint8 [B, 1, mask, mask]
  at::Tensor embeddings;       // fp16 [B, C, g, g]; undefined where none are needed

  std::vector<at::Tensor> tensors() const;  // those that are defined
};

struct StepOutcome {
  at::Tensor loss;       // scalar
  at::Tensor gradients;  // of all trained parameters, as nn::FlatParameters has them
};

class RecordedStep {
 public:
  using Step = std::function<StepOutcome(const StepInputs&)>;
  using MakeGraph = std::function<std::unique_ptr<nn::StepGraph>()>;

  /// `step` gives the same outcome for the same inputs and weights, and may change buffers in
  /// place. Without `make_graph` nothing is recorded.
  RecordedStep(Step step, MakeGraph make_graph)
      : step_(std::move(step)), make_graph_(std::move(make_graph)) {}

  /// The outcome is valid until the next call. Inputs of all calls have the same shapes.
  StepOutcome operator()(const StepInputs& inputs);

 private:
  Step step_;
  MakeGraph make_graph_;
  int calls_ = 0;
  std::unique_ptr<nn::StepGraph> graph_;
  StepInputs inputs_;  // that the recording reads
  StepOutcome outcome_;
};

}  // namespace tessera::segmentation
