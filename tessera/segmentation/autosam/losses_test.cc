#include "tessera/segmentation/autosam/losses.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/autosam/golden_rule.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

Tensor logits() { return golden::rule("logits", {3, 1, 5, 7}).mul(4); }
Tensor target() { return golden::rule("target", {3, 1, 5, 7}).gt(0.3); }
Tensor weight() { return golden::rule("weight", {3, 1, 5, 7}).gt(-0.5); }

/// The formulas of losses.h, pixel by pixel in fp64.
struct Reference {
  double bce = 0, dice = 0;

  Reference(const Tensor& logits, const Tensor& target, const Tensor& weight) {
    const auto x = logits.to(at::kDouble).flatten(1), t = target.to(at::kDouble).flatten(1);
    const auto w = weight.to(at::kDouble).flatten(1);
    for (int64_t b = 0; b < x.size(0); ++b) {
      double entropy = 0, pixels = 0, overlap = 0, total = 0;
      for (int64_t i = 0; i < x.size(1); ++i) {
        const double ti = t[b][i].item<double>(), wi = w[b][i].item<double>();
        const double p = 1 / (1 + std::exp(-x[b][i].item<double>()));
        entropy -= wi * (ti * std::log(p) + (1 - ti) * std::log(1 - p));
        pixels += wi;
        overlap += wi * p * ti;
        total += wi * (p + ti);
      }
      bce += entropy / pixels / static_cast<double>(x.size(0));
      dice += (1 - (2 * overlap + 2) / (total + 2)) / static_cast<double>(x.size(0));
    }
  }
};

TEST(BceDice, IsTheFormula) {
  const Reference want(logits(), target(), at::ones({3, 1, 5, 7}));
  const auto got = bce_and_dice(logits(), target());
  EXPECT_NEAR(got.bce.item<double>(), want.bce, 1e-6);
  EXPECT_NEAR(got.dice.item<double>(), want.dice, 1e-6);
  EXPECT_NEAR(bce_dice_loss(logits(), target()).item<double>(), want.bce + want.dice, 1e-6);
}

TEST(BceDice, IsTheFormulaOverTheValidPixels) {
  const Reference want(logits(), target(), weight());
  const auto got = bce_and_dice(logits(), target(), weight());
  EXPECT_NEAR(got.bce.item<double>(), want.bce, 1e-6);
  EXPECT_NEAR(got.dice.item<double>(), want.dice, 1e-6);
}

TEST(BceDice, DoesNotSeeInvalidPixels) {
  auto changed = logits();
  changed.masked_fill_(weight().logical_not(), 50);
  EXPECT_EQ(bce_dice_loss(changed, target(), weight()).item<float>(),
            bce_dice_loss(logits(), target(), weight()).item<float>());
}

TEST(BceDice, FallsToZeroAsThePredictionOfAnEmptyMaskEmpties) {
  const auto empty = at::zeros({1, 1, 8, 8});
  const auto loss = [&](double logit) {
    return bce_dice_loss(at::full({1, 1, 8, 8}, logit), empty).item<double>();
  };
  EXPECT_LT(loss(-30), 1e-6);
  EXPECT_LT(loss(-5), loss(0));
  EXPECT_GT(loss(5), 5.9);
}

TEST(BceDice, IsFiniteAndFlatForASampleWithoutValidPixels) {
  const auto x = logits().requires_grad_();
  bce_dice_loss(x, target(), at::zeros({3, 1, 1, 1})).backward();
  EXPECT_EQ(x.grad().abs().max().item<float>(), 0);
}

TEST(BceDice, PushesWrongPixelsAtLargeLogits) {
  const auto x = at::full({1, 1, 4, 4}, -200.0).requires_grad_();
  const auto loss = bce_dice_loss(x, at::ones({1, 1, 4, 4}));
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), 200 + 1 - 2.0 / 18, 1e-4);
  EXPECT_NEAR(x.grad().sum().item<double>(), -1, 1e-5);
}

TEST(BceDice, CountsInFp32UnderAutocast) {
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto low = bce_dice_loss(logits().to(at::kBFloat16), target());
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(low.scalar_type(), at::kFloat);
  EXPECT_EQ(low.item<float>(),
            bce_dice_loss(logits().to(at::kBFloat16).to(at::kFloat), target()).item<float>());
}

TEST(BceDice, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(bce_dice_loss(logits(), target().slice(3, 1)), InvalidArgument);
  EXPECT_THROW(bce_dice_loss(logits().squeeze(1), target().squeeze(1)), InvalidArgument);
  EXPECT_THROW(bce_dice_loss(logits(), target(), at::ones({2, 1, 5, 7})), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
