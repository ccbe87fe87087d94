#include "tessera/segmentation/demo_sam/losses.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace tessera::segmentation {
namespace {

/// 20 focal + Dice of one mask, in fp64 and by the definition.
double direct_loss(const at::Tensor& logits, const at::Tensor& coverage) {
  const auto x = logits.to(at::kDouble).reshape(-1), t = coverage.to(at::kDouble).reshape(-1);
  double focal = 0, both = 0, sum = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double p = 1 / (1 + std::exp(-x[i].item<double>())), target = t[i].item<double>();
    focal += (p - target) * (p - target) *
             -(target * std::log(p) + (1 - target) * std::log(1 - p)) / double(x.numel());
    both += p * target;
    sum += p + target;
  }
  return 20 * focal + 1 - (2 * both + 1) / (sum + 1);
}

TEST(MaskLosses, EqualTheDefinition) {
  at::manual_seed(1);
  const auto logits = at::randn({2, 3, 5, 5}) * 3, coverage = at::rand({2, 1, 5, 5});
  const auto losses = mask_losses(logits, coverage);
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 3; ++j)
      EXPECT_NEAR(losses[i][j].item<double>(), direct_loss(logits[i][j], coverage[i]), 1e-5);
  }
}

TEST(MaskLosses, WeighInsideAndOutsideAlikeInTheBalancedTerm) {
  const auto coverage = at::tensor({1.0f, 0.0f, 0.0f, 0.0f}).view({1, 1, 2, 2});
  const auto logits = at::tensor({-2.0f, -1.0f, 0.5f, -3.0f}).view({1, 1, 2, 2});
  const auto term = mask_losses(logits, coverage, 2) - mask_losses(logits, coverage);
  const auto entropy = [](double towards) { return std::log1p(std::exp(-towards)); };
  const double outside = (entropy(1) + entropy(-0.5) + entropy(3)) / 3;
  EXPECT_NEAR(term.item<double>(), 2 * 0.5 * (entropy(-2) + outside), 1e-5);
}

TEST(ActualIou, CountsPixelsAndTakesTwoEmptyMasksForEqual) {
  const auto coverage = at::tensor({1.0f, 0.6f, 0.4f, 0.0f}).view({1, 1, 2, 2});
  const auto logits = at::tensor({1.0f, -1.0f, 1.0f, -1.0f}).view({1, 1, 2, 2});
  EXPECT_FLOAT_EQ(actual_iou(logits, coverage).item<float>(), 1.0f / 3);
  const auto empty = at::zeros({1, 1, 2, 2});
  EXPECT_EQ(actual_iou(empty - 1, empty).item<float>(), 1);
}

TEST(PromptLoss, TeachesTheBestMaskAloneButEveryEstimate) {
  at::manual_seed(2);
  const auto coverage = (at::rand({1, 1, 8, 8}) > 0.5).to(at::kFloat);
  auto logits = at::cat({coverage * 2 - 1, at::randn({1, 2, 8, 8})}, 1).requires_grad_();
  auto estimates = at::zeros({1, 3}).requires_grad_();
  const auto result = prompt_loss(logits, estimates, coverage);
  result.loss.backward();
  EXPECT_GT(logits.grad()[0][0].abs().max().item<float>(), 0);
  EXPECT_EQ(logits.grad()[0].narrow(0, 1, 2).abs().max().item<float>(), 0);
  EXPECT_GT(estimates.grad().abs().min().item<float>(), 0);
  const double expected = direct_loss(logits[0][0], coverage[0]) +
                          actual_iou(logits, coverage).square().mean().item<double>();
  EXPECT_NEAR(result.loss.item<double>(), expected, 1e-5);
}

TEST(PromptLoss, AnswersWithTheMaskThatTheModelRanksFirst) {
  const auto coverage = at::ones({1, 1, 2, 2});
  const auto logits = at::cat({at::full({1, 1, 2, 2}, 3.0f), at::full({1, 1, 2, 2}, -3.0f)}, 1);
  const auto result = prompt_loss(logits, at::tensor({0.2f, 0.7f}).view({1, 2}), coverage);
  EXPECT_EQ(result.iou.item<float>(), 0);
  EXPECT_EQ(result.best.max().item<float>(), -3);
}

TEST(PromptLoss, MeetsATruthOfMorePixelsByMasksEnlarged) {
  at::manual_seed(3);
  const auto logits = at::randn({2, 1, 4, 4}).requires_grad_(), estimates = at::rand({2, 1});
  const auto truth = (at::rand({2, 1, 8, 8}) > 0.5).to(at::kFloat);
  const auto found = prompt_loss(logits, estimates, truth);
  const auto enlarged = at::upsample_bilinear2d(logits.detach(), {8, 8}, false);
  const auto expected = prompt_loss(enlarged, estimates, truth);
  EXPECT_FLOAT_EQ(found.loss.item<float>(), expected.loss.item<float>());
  EXPECT_FLOAT_EQ(found.iou.item<float>(), expected.iou.item<float>());
  EXPECT_TRUE(at::equal(found.best, logits.detach()));  // the next prompt has the masks' own size
  found.loss.backward();
  EXPECT_GT(logits.grad().abs().sum().item<float>(), 0);
}

}  // namespace
}  // namespace tessera::segmentation
