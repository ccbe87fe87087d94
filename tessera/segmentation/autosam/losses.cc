#include "tessera/segmentation/autosam/losses.h"

#include <limits>

#include <ATen/ExpandUtils.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

constexpr double kDiceSmoothing = 2;

Tensor per_sample_sum(const Tensor& x) { return x.flatten(1).sum(1); }  // [B, ...] -> [B]

}  // namespace

BceDice bce_and_dice(const Tensor& logits, const Tensor& target, const Tensor& weight) {
  TESSERA_CHECK(logits.dim() == 4 && logits.size(1) == 1 && logits.numel() > 0,
                "[bce_and_dice] the logits must be [B, 1, H, W], got: ", logits.sizes());
  TESSERA_CHECK(target.sizes() == logits.sizes(), "[bce_and_dice] the target must be ",
                logits.sizes(), " as the logits, got: ", target.sizes());
  const Tensor x = logits.to(at::kFloat), t = target.to(at::kFloat);
  Tensor bce = at::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None);
  Tensor p = at::sigmoid(x);
  Tensor wt = t, pixels = per_sample_sum(at::ones_like(t));
  if (weight.defined()) {
    TESSERA_CHECK(at::is_expandable_to(weight.sizes(), logits.sizes()),
                  "[bce_and_dice] the weight must fit ", logits.sizes(), ", got: ", weight.sizes());
    const Tensor w = weight.to(at::kFloat).expand_as(x);
    bce = bce * w;
    p = p * w;
    wt = t * w;
    pixels = per_sample_sum(w);
  }
  // A sample without a valid pixel has no say: zero over the smallest normal number.
  bce = per_sample_sum(bce) / pixels.clamp_min(std::numeric_limits<float>::min());
  const Tensor overlap = 2 * per_sample_sum(p * t) + kDiceSmoothing;
  const Tensor dice = 1 - overlap / (per_sample_sum(p) + per_sample_sum(wt) + kDiceSmoothing);
  return {bce.mean(), dice.mean()};
}

Tensor bce_dice_loss(const Tensor& logits, const Tensor& target, const Tensor& weight) {
  const BceDice parts = bce_and_dice(logits, target, weight);
  return parts.bce + parts.dice;
}

}  // namespace tessera::segmentation
