// Binary cross-entropy and soft Dice of logits, per sample, averaged over the batch.
//
// With p = sigmoid(logits), t the target in {0, 1}, w the weight of valid pixels, sums over the
// pixels of one sample:
//   BCE  = sum w * -(t log p + (1 - t) log(1 - p)) / sum w      (0 where sum w is 0)
//   Dice = 1 - (2 sum w p t + 2) / (sum w p + sum w t + 2)
// The twos make an empty mask count: its Dice loss is sum p / (sum p + 2), which falls to 0 as the
// prediction empties. They are upstream's Tversky loss with alpha = beta = 1/2 and smoothing 1.
// Source: AutoSAM, commit 3959d72, train.py; upstream stretches each map to 0..1 instead of the
// sigmoid, so it cannot predict an empty mask.
#pragma once

#include <ATen/core/Tensor.h>

namespace tessera::segmentation {

struct BceDice {
  at::Tensor bce, dice;  // fp32 scalars, means over the batch
};

/// logits [B, 1, H, W], any float; target [B, 1, H, W], any dtype, 0 or 1 (or between: soft);
/// weight undefined or broadcast to [B, 1, H, W], any dtype, >= 0. Computed in fp32, under autocast
/// too. Throws InvalidArgument where the shapes do not fit.
BceDice bce_and_dice(const at::Tensor& logits, const at::Tensor& target,
                     const at::Tensor& weight = {});

/// BCE + Dice, the two equally weighted: the loss that AutoSAM's trainer minimises.
at::Tensor bce_dice_loss(const at::Tensor& logits, const at::Tensor& target,
                         const at::Tensor& weight = {});

}  // namespace tessera::segmentation
