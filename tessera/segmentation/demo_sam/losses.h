// What a promptable model is trained with: focal and Dice loss of the masks, squared error of the
// estimated IoU; of several masks for one ambiguous prompt only the best learns.
//
// With p = sigmoid(logits), t the coverage in [0, 1], sums and means over the pixels of a mask:
//   focal = mean |p - t|^2 * -(t log p + (1 - t) log(1 - p))
//   Dice  = 1 - (2 sum p t + 1) / (sum p + sum t + 1)
//   mask  = 20 focal + Dice + balance * balanced
//   balanced = half the mean cross-entropy over the inside and half that over the outside
// For t in {0, 1} that is the focal loss with gamma = 2; a border pixel of coverage between has its
// least loss near p = t, so the border lies where the object's does, between pixels.
// Nearly every pixel of a mask is background, so the first two alone reward the answer "nothing";
// the balanced term makes it as costly as its opposite. It starts the training and then fades,
// since it favours too large masks. What it is worth: docs/decisions/0004-demo-sam-recipe.md.
// Source: Kirillov et al. 2023, Segment Anything, appendix A; Lin et al. 2017 (focal); Li et al.
// 2020, Generalized Focal Loss (soft targets).
#pragma once

#include <ATen/core/Tensor.h>

namespace tessera::segmentation {

/// fp32 [T, n] for logits [T, n, M, M] against coverage [T, 1, M, M]; `balance` >= 0.
at::Tensor mask_losses(const at::Tensor& logits, const at::Tensor& coverage, double balance = 0);

/// IoU of logits > 0 with coverage >= 1/2, fp32 [T, n]; two empty masks have IoU 1.
at::Tensor actual_iou(const at::Tensor& logits, const at::Tensor& coverage);

struct PromptLoss {
  at::Tensor loss;  // scalar, mean over the T prompts: least mask loss + error of all IoU estimates
  at::Tensor iou;   // scalar: mean actual IoU of the mask that the model ranks first
  at::Tensor best;  // fp32 [T, 1, M, M], detached: the logits of that mask
};

/// logits [T, n, M, M], estimates [T, n], coverage [T, 1, S, S]: at another size than the logits'
/// it is met by these enlarged (bilinear), as masks are when they are used.
PromptLoss prompt_loss(const at::Tensor& logits, const at::Tensor& estimates,
                       const at::Tensor& coverage, double balance = 0);

/// Row by row the mask ranked first by `estimates` [T, n]: values [T, n, ...] -> [T, 1, ...].
at::Tensor take_ranked_first(const at::Tensor& values, const at::Tensor& estimates);

}  // namespace tessera::segmentation
