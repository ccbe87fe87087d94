// A step that a GPU recorded and replays, against the same step done operation by operation.
#include "tessera/segmentation/training/recorded_step.h"

#include <torch/csrc/autograd/autograd.h>

#include "tessera/nn/autocast.h"
#include "tessera/segmentation/autosam/losses.h"
#include "tessera/segmentation/autosam/prompt_generator.h"
#include "tessera/segmentation/demo_sam/recipe.h"
#include "tessera/segmentation/sam/sam.h"
#include "tessera/segmentation/training/autosam_model.h"

#include "gpu_testing.h"

namespace tessera::segmentation {
namespace {

using testing::relative_rms;

class RecordedStepOnGpu : public testing::OnGpu {
 protected:
  StepInputs inputs(uint64_t seed, at::Device device) const {
    return {normal({4, 3, 16, 16}, seed).to(device),
            normal({4, 1, 8, 8}, seed + 100).to(device),
            normal({4, 1, 8, 8}, seed + 200).to(device),
            {}};
  }
};

/// Linear, tanh, weighted squares: enough to tell inputs, weights and gradients apart.
StepOutcome small_step(const at::Tensor& weight, const StepInputs& inputs) {
  const at::Tensor y = at::tanh(at::mm(inputs.prompt_pictures.flatten(1), weight));
  const at::Tensor miss = (y - inputs.targets.flatten(1)) * inputs.valid.flatten(1);
  const at::Tensor loss = miss.square().mean();
  return {loss.detach(), torch::autograd::grad({loss}, {weight})[0]};
}

TEST_F(RecordedStepOnGpu, FollowsItsInputsAndWeights) {
  at::Tensor weight = normal({768, 64}, 1) * 0.05;
  at::Tensor there = weight.to(gpu).requires_grad_();
  weight.requires_grad_();
  RecordedStep recorded([&](const StepInputs& in) { return small_step(there, in); },
                        nn::cuda_module()->make_step_graph);
  for (uint64_t i = 0; i < 8; ++i) {  // the first few are not recorded
    const StepOutcome got = recorded(inputs(i, gpu));
    const StepOutcome want = small_step(weight, inputs(i, at::kCPU));
    // Sums of 768 products in fp32, in another order.
    EXPECT_NEAR(got.loss.item<double>(), want.loss.item<double>(), 1e-5) << i;
    EXPECT_LT(relative_rms(got.gradients, want.gradients), 1e-5) << i;
    const at::NoGradGuard no_grad;
    there.sub_(got.gradients, 0.5);  // in place, as an optimiser does
    weight.sub_(want.gradients, 0.5);
  }
}

TEST_F(RecordedStepOnGpu, GivesAutoSamsGradients) {
  FrozenSam frozen{std::make_shared<Sam>(tiny_sam_config()), "", "none"};
  frozen.sam->initialise(3);
  freeze(*frozen.sam);
  AutoSamSettings settings;
  settings.order = HarDNetOrder::k39ds;
  settings.generator.decoder_width = 16;
  settings.g_size = 64;
  AutoSamModel model(autosam_config(settings, frozen, 0), frozen, 1);
  model.to(gpu);
  model.train(true);
  std::vector<at::Tensor> parameters;
  for (const auto& part : model.parts()) {
    for (auto& parameter : part.module->parameters()) parameters.push_back(parameter);
  }
  const auto step = [&](const StepInputs& in) {
    const at::Tensor loss =
        bce_dice_loss(model.forward(in.prompt_pictures, in.embeddings), in.targets, in.valid);
    std::vector<at::Tensor> flat;
    for (const auto& gradient : torch::autograd::grad({loss}, parameters))
      flat.push_back(gradient.flatten());
    return StepOutcome{loss.detach(), at::cat(flat)};
  };
  RecordedStep recorded(step, nn::cuda_module()->make_step_graph);
  const SamConfig& sam = frozen.sam->config;
  for (uint64_t i = 0; i < 6; ++i) {
    const StepInputs in = {
        (normal({4, 3, 64, 64}, i) * 50 + 120).clamp(0, 255).to(gpu, at::kByte),
        (normal({4, 1, sam.mask_size(), sam.mask_size()}, i + 100) > 0).to(gpu, at::kByte),
        at::ones({4, 1, sam.mask_size(), sam.mask_size()}).to(gpu, at::kByte),
        normal({4, sam.prompt_dim, sam.grid(), sam.grid()}, i + 200).to(gpu, at::kHalf)};
    const StepOutcome want = step(in);
    const StepOutcome got = recorded(in);
    // The same kernels; sums by atomic additions may differ in order, in bf16 by some roundings.
    EXPECT_NEAR(got.loss.item<double>(), want.loss.item<double>(), 1e-3) << i;
    EXPECT_LT(relative_rms(got.gradients, want.gradients), 0.02) << i;
  }
}

}  // namespace
}  // namespace tessera::segmentation
