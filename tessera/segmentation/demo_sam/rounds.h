// One step's questions to the model, round by round, with the gradients of each answer.
#pragma once

#include <optional>
#include <vector>

#include <ATen/core/Generator.h>

#include "tessera/segmentation/demo_sam/prompts.h"
#include "tessera/segmentation/demo_sam/scene_batches.h"
#include "tessera/segmentation/sam/sam.h"

namespace tessera::segmentation {

enum class PromptTask { kPoint, kBox, kGuided };

/// Targets of one task, asked for together.
struct PromptGroup {
  PromptTask task = PromptTask::kPoint;
  at::Tensor coverage;   // fp32 [T, 1, M, M]: where to click
  at::Tensor truth;      // fp32 [T, 1, S, S], the picture's own pixels: what the loss compares with
  Sam::Prompts prompts;  // of the next round
  double share = 1;      // of all targets
};

/// The first round's prompts: a point in the target, a box, or a spoilt mask. labels and
/// tables as in a SceneBatch, on the model's device. Tasks without targets are left out.
std::vector<PromptGroup> first_prompts(const SamConfig& config, const at::Tensor& labels,
                                       const BatchTables& tables, const TargetCounts& counts,
                                       at::Generator& generator);

/// Answers `1 + corrections` rounds on `embedding`, a leaf [B, C, g, g] whose images the groups'
/// rows belong to, in order; `balance` as in mask_losses. Adds the gradients of the mean loss to
/// the leaf's and the decoder's. -> fp32 [5], on the device: that loss, and the mean IoU after a
/// point, after a box, after a mask alone, and of the interactive targets after the last
/// correction; 0 for a task without targets.
at::Tensor run_rounds(const Sam& sam, const at::Tensor& embedding, std::vector<PromptGroup> groups,
                      int corrections, double balance, at::Generator& generator);

}  // namespace tessera::segmentation
