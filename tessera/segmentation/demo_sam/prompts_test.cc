#include "tessera/segmentation/demo_sam/prompts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tessera/nn/device.h"

namespace tessera::segmentation {
namespace {

/// A picture of 8 x 8 with label 1 in the upper left quarter and 2 in one pixel.
at::Tensor small_labels() {
  at::Tensor labels = at::zeros({1, 8, 8}, at::kByte);
  labels.narrow(1, 0, 4).narrow(2, 0, 4).fill_(1);
  labels[0][6][5] = 2;
  return labels;
}

at::Tensor table(std::vector<std::pair<int, float>> entries) {
  at::Tensor result = at::zeros({1, 256});
  for (const auto& [label, value] : entries) result[0][label] = value;
  return result;
}

TEST(MasksOf, AveragesTheTableOverEachMaskPixel) {
  const auto tables = at::cat({table({{1, 1}}), table({{2, 1}}), table({{0, -1}, {1, 0.5}})});
  const auto masks = masks_of(small_labels(), tables, 4);
  ASSERT_EQ(masks.sizes(), (std::vector<int64_t>{3, 1, 4, 4}));
  EXPECT_EQ(masks[0][0].sum().item<float>(), 4);
  EXPECT_EQ(masks[0][0][1][1].item<float>(), 1);
  EXPECT_EQ(masks[1][0][3][2].item<float>(), 0.25);
  EXPECT_EQ(masks[2][0][0][0].item<float>(), 0.5);
  EXPECT_EQ(masks[2][0][3][3].item<float>(), -1);
}

TEST(MasksOf, GivesEachImageItsOwnTargets) {
  const auto labels = at::cat({small_labels(), small_labels().flip({2})});
  const auto masks = masks_of(labels, at::cat({table({{1, 1}}), table({{1, 1}})}), 8);
  EXPECT_TRUE(at::equal(masks[0].flip({2}), masks[1]));
}

TEST(Clicks, FallInsideTheRegionAndReachAllOfIt) {
  auto generator = nn::make_generator(at::kCPU, 1);
  const auto coverage = masks_of(small_labels(), table({{1, 1}}), 4).expand({200, 1, 4, 4});
  const auto clicks = click_in(is_inside(coverage), coverage, 8, generator);
  ASSERT_EQ(clicks.points.sizes(), (std::vector<int64_t>{200, 1, 2}));
  EXPECT_TRUE((clicks.labels == 1).all().item<bool>());
  // The middles of the mask pixels 0 and 1, in pixels of the input: between two pixels each.
  EXPECT_TRUE(((clicks.points == 0.5) | (clicks.points == 2.5)).all().item<bool>());
  const auto places = at::unique_dim(clicks.points.view({200, 2}), 0);
  EXPECT_EQ(std::get<0>(places).size(0), 4);
}

TEST(Clicks, TakeTheBestPixelOfATargetThatFillsNone) {
  auto generator = nn::make_generator(at::kCPU, 2);
  const auto coverage = masks_of(small_labels(), table({{2, 1}}), 4);  // a quarter of one pixel
  const auto clicks = click_in(is_inside(coverage), coverage, 8, generator);
  EXPECT_EQ(clicks.points[0][0][0].item<float>(), 4.5f);
  EXPECT_EQ(clicks.points[0][0][1].item<float>(), 6.5f);
}

TEST(Clicks, CorrectWhatIsMissingAndWhatIsTooMuch) {
  auto generator = nn::make_generator(at::kCPU, 3);
  const auto coverage = masks_of(small_labels(), table({{1, 1}}), 4);
  const auto none = at::full({1, 1, 4, 4}, -1.0f);
  EXPECT_EQ(corrective_click(none, coverage, 8, generator).labels.item<int64_t>(), 1);
  auto too_much = coverage * 2 - 1;
  too_much[0][0][3][3] = 1;
  const auto click = corrective_click(too_much, coverage, 8, generator);
  EXPECT_EQ(click.labels.item<int64_t>(), 0);
  EXPECT_EQ(click.points[0][0][0].item<float>(), 6.5f);
}

at::Tensor rows_of(const Spoiling& spoiling) {
  auto row = spoiling_row(spoiling);
  return at::tensor(at::ArrayRef<float>(row.data(), row.size())).unsqueeze(0);
}

at::Tensor disc(int64_t side, double radius) {
  const auto at = at::arange(side, at::kFloat) - side / 2.0;
  const auto squares = at.square().unsqueeze(0) + at.square().unsqueeze(1);
  return at::where(squares < radius * radius, 1.0, -1.0).to(at::kFloat).view({1, 1, side, side});
}

TEST(SpoiledMasks, AreTheEvidenceTimesTheMagnitudeWhenNothingSpoilsThem) {
  auto generator = nn::make_generator(at::kCPU, 4);
  const auto evidence = disc(64, 20);
  const auto logits = spoil_masks(evidence, rows_of({.magnitude = 5}), generator);
  EXPECT_LT((logits - 5 * evidence).abs().max().item<float>(), 1e-4f);
}

TEST(SpoiledMasks, MoveGrowAndShrink) {
  auto generator = nn::make_generator(at::kCPU, 5);
  const auto evidence = disc(64, 20);
  const auto area = [&](const Spoiling& spoiling) {
    return (spoil_masks(evidence, rows_of(spoiling), generator) > 0).sum().item<int64_t>();
  };
  const int64_t own = area({});
  EXPECT_GT(area({.blur = 3, .bias = 0.4}), own * 1.1);
  EXPECT_LT(area({.blur = 3, .bias = -0.4}), own * 0.9);
  EXPECT_NEAR(double(area({.growth = 1.1f})), 1.21 * own, 0.05 * own);
  // To the left by four pixels.
  const auto moved = spoil_masks(evidence, rows_of({.shift_x = 4.0f / 64}), generator);
  EXPECT_LT((moved.narrow(3, 8, 40) - 8 * evidence.narrow(3, 12, 40)).abs().max().item<float>(),
            1e-3f);
}

TEST(SpoiledMasks, AreSpoiltEachByItsOwnRowAndStayInRange) {
  auto generator = nn::make_generator(at::kCPU, 6);
  Spoiling wild{.shift_x = 0.02f,
                .blur = 4,
                .bias = 0.3f,
                .blobs = {1, 1, 1},
                .block = 2,
                .sharpness = 4,
                .grain = 0.5f,
                .magnitude = 100};
  const auto evidence = disc(64, 20).expand({2, 1, 64, 64});
  const auto logits =
      spoil_masks(evidence, at::cat({rows_of({.magnitude = 3}), rows_of(wild)}), generator);
  EXPECT_LT((logits[0] - 3 * evidence[0]).abs().max().item<float>(), 1e-4f);
  EXPECT_LE(logits[1].abs().max().item<float>(), kMaxPromptLogit);
  EXPECT_GT(((logits[1] > 0) != (evidence[1] > 0)).sum().item<int64_t>(), 50);
}

}  // namespace
}  // namespace tessera::segmentation
