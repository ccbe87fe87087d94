#include "tessera/segmentation/training/recorded_step.h"

#include <ATen/core/grad_mode.h>

namespace tessera::segmentation {
namespace {

// In the first of them libraries try their algorithms, in the next those that they chose run.
constexpr int kCallsBeforeRecording = 3;

}  // namespace

std::vector<at::Tensor> StepInputs::tensors() const {
  std::vector<at::Tensor> result{prompt_pictures, targets, valid};
  if (embeddings.defined()) result.push_back(embeddings);
  return result;
}

StepOutcome RecordedStep::operator()(const StepInputs& inputs) {
  if (!make_graph_) return step_(inputs);
  if (!graph_) {
    if (++calls_ <= kCallsBeforeRecording) return step_(inputs);
    inputs_ = inputs;
    for (at::Tensor* own :
         {&inputs_.prompt_pictures, &inputs_.targets, &inputs_.valid, &inputs_.embeddings}) {
      if (own->defined()) *own = own->clone();
    }
    graph_ = make_graph_();
    graph_->record([&] { outcome_ = step_(inputs_); });
  }
  const auto from = inputs.tensors(), to = inputs_.tensors();
  for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i], /*non_blocking=*/true);
  graph_->replay();
  return outcome_;
}

}  // namespace tessera::segmentation
