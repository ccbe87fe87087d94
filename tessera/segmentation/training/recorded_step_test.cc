#include "tessera/segmentation/training/recorded_step.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace tessera::segmentation {
namespace {

/// Does the body at each replay, with results in the memory of the first: as a GPU's recording.
class HostGraph final : public nn::StepGraph {
 public:
  void record(const std::function<void()>& body) override { body_ = body; }
  void replay() override { body_(); }

 private:
  std::function<void()> body_;
};

StepInputs inputs_with(float value, bool has_embeddings) {
  const auto filled = [&](float factor) { return at::full({2, 1, 2, 2}, factor * value); };
  return {filled(1), filled(2), filled(3), has_embeddings ? filled(4) : at::Tensor()};
}

TEST(RecordedStep, GivesWhatTheStepGivesBeforeAndAfterItIsRecorded) {
  for (const bool has_embeddings : {false, true}) {
    int steps = 0, graphs = 0;
    RecordedStep step(
        [&](const StepInputs& inputs) {
          ++steps;
          const auto tensors = inputs.tensors();
          at::Tensor sum = at::zeros({});
          for (const auto& tensor : tensors) sum = sum + tensor.sum();
          return StepOutcome{sum, inputs.targets.flatten() - inputs.valid.flatten()};
        },
        [&] {
          ++graphs;
          return std::make_unique<HostGraph>();
        });
    for (int i = 1; i <= 8; ++i) {
      const auto outcome = step(inputs_with(static_cast<float>(i), has_embeddings));
      EXPECT_EQ(outcome.loss.item<float>(), 8.0f * i * (has_embeddings ? 10 : 6));
      EXPECT_EQ(outcome.gradients[3].item<float>(), -static_cast<float>(i));
    }
    EXPECT_EQ(steps, 8);
    EXPECT_EQ(graphs, 1);
  }
}

TEST(RecordedStep, LeavesTheCallersTensorsAlone) {
  RecordedStep step(
      [](const StepInputs& inputs) {
        inputs.targets.add_(1);
        return StepOutcome{inputs.targets.sum(), inputs.targets};
      },
      [] { return std::make_unique<HostGraph>(); });
  for (int i = 0; i < 4; ++i) step(inputs_with(1, false));
  const StepInputs inputs = inputs_with(5, false);
  step(inputs);
  EXPECT_EQ(inputs.targets[0][0][0][0].item<float>(), 10);
}

}  // namespace
}  // namespace tessera::segmentation
