#include "tessera/segmentation/demo_sam/losses.h"

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/take_along_dim.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>

#include "tessera/segmentation/demo_sam/prompts.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

constexpr double kFocalWeight = 20;

Tensor over_pixels(const Tensor& x) { return x.flatten(2).sum(2); }  // [T, n, M, M] -> [T, n]

}  // namespace

Tensor mask_losses(const Tensor& logits, const Tensor& coverage, double balance) {
  const Tensor x = logits.to(at::kFloat), t = coverage.expand_as(x);
  const Tensor p = at::sigmoid(x);
  const Tensor entropy = at::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None);
  const Tensor focal = ((p - t).square() * entropy).flatten(2).mean(2);
  const Tensor dice =
      1 - (2 * over_pixels(p * t) + 1) / (over_pixels(p) + over_pixels(coverage) + 1);
  const Tensor loss = kFocalWeight * focal + dice;
  if (balance == 0) return loss;
  const Tensor inside = over_pixels(t * entropy) / over_pixels(t).clamp_min(1);
  const Tensor outside = over_pixels((1 - t) * entropy) / over_pixels(1 - t).clamp_min(1);
  return loss + balance * 0.5 * (inside + outside);
}

Tensor actual_iou(const Tensor& logits, const Tensor& coverage) {
  const at::NoGradGuard no_grad;
  const Tensor predicted = logits > 0, truth = is_inside(coverage);
  const Tensor both = over_pixels((predicted & truth).to(at::kFloat));
  const Tensor any = over_pixels((predicted | truth).to(at::kFloat));
  return at::where(any > 0, both / any.clamp_min(1), 1.0);
}

PromptLoss prompt_loss(const Tensor& logits, const Tensor& estimates, const Tensor& coverage,
                       double balance) {
  const Tensor guesses = estimates.to(at::kFloat);
  const int64_t side = coverage.size(3);
  const Tensor masks =
      logits.size(3) == side
          ? logits
          : at::upsample_bilinear2d(logits.to(at::kFloat), at::IntArrayRef{side, side}, false);
  const Tensor iou = actual_iou(masks, coverage);
  const Tensor least = std::get<0>(mask_losses(masks, coverage, balance).min(1));
  const Tensor error = (guesses - iou).square().mean();
  const Tensor best = take_ranked_first(logits.detach().to(at::kFloat), guesses);
  return {least.mean() + error, take_ranked_first(iou, guesses).mean(), best};
}

Tensor take_ranked_first(const Tensor& values, const Tensor& estimates) {
  if (values.size(1) == 1) return values;
  std::vector<int64_t> shape(static_cast<size_t>(values.dim()), 1);
  shape[0] = values.size(0);
  const Tensor first = at::argmax(estimates.detach(), 1);
  return at::take_along_dim(values, first.view(shape), 1);
}

}  // namespace tessera::segmentation
