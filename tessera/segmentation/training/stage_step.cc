// A step of StageTrainer, from a batch to the gradients.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/sigmoid.h>

#include "tessera/segmentation/autosam/losses.h"
#include "tessera/segmentation/training/stage_trainer.h"

namespace tessera::segmentation {

StepInputs StageTrainer::inputs_of(ViewBatch& batch) {
  const auto on_device = [&](const at::Tensor& tensor) {
    return tensor.to(run_.model.device(), /*non_blocking=*/true);
  };
  StepInputs inputs{
      on_device(batch.prompt_pictures), on_device(batch.targets), on_device(batch.valid), {}};
  if (source_.has_embeddings) {
    inputs.embeddings =
        resolve_embeddings(run_.model, batch.embeddings, source_.stores, position_.embedded);
  }
  return inputs;
}

at::Tensor StageTrainer::loss_of(const StepInputs& inputs) {
  const auto& [prompts, targets, valid, embeddings] = inputs;
  if (!is_surrogate())
    return bce_dice_loss(run_.model.forward(prompts, embeddings), targets, valid);

  at::Tensor prompt, teacher;
  const double distillation = settings_.surrogate.distillation;
  {
    const at::NoGradGuard no_grad;
    prompt = run_.model.prompt(prompts);
    if (distillation > 0) teacher = at::sigmoid(run_.model.decode(prompt, embeddings));
  }
  const auto logits = run_.model.read_prompt(prompt);
  auto loss = bce_dice_loss(logits, targets, valid) * (1 - distillation);
  if (distillation > 0) loss = loss + bce_dice_loss(logits, teacher, valid) * distillation;
  return loss;
}

StepOutcome StageTrainer::learn_from(const StepInputs& inputs) {
  const at::Tensor loss = loss_of(inputs);
  loss.backward();
  return {loss.detach(), state_.take_gradients()};
}

}  // namespace tessera::segmentation
