#include "tessera/segmentation/training/predictor.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/training/testing/toy_run.h"
#include "tessera/segmentation/training/turns.h"

namespace tessera::segmentation {
namespace {

using namespace segmentation::testing;

AutoSamModel model_of(int tile, uint64_t seed = 3) {
  AutoSamSettings settings = toy_settings();
  const FrozenSam sam = tiny_sam();
  return AutoSamModel(autosam_config(settings, sam, tile), sam, seed);
}

/// Every logit is the affine map's offset, whatever the picture.
AutoSamModel constant_model(int tile, double logit) {
  AutoSamModel model = model_of(tile);
  const at::NoGradGuard no_grad;
  auto tensors = nn::module_tensors(model.parts());
  tensors.at("affine.scale").fill_(0);
  tensors.at("affine.offset").fill_(logit / 10);
  return model;
}

TEST(Predictor, GivesAConstantForAConstantInTilesAndWhole) {
  const auto image = toy_pair(70, 150, 20, 1).image;
  for (const int tile : {0, 64}) {
    AutoSamModel model = constant_model(tile, 1.25);
    Predictor predictor(model, {.batch = 3});
    const Prediction prediction = predictor.predict(image);
    ASSERT_EQ(prediction.probabilities.size(), 70u * 150u);
    const auto [low, high] = std::ranges::minmax_element(prediction.probabilities);
    EXPECT_NEAR(*low, 0.777300, 1e-5);
    EXPECT_NEAR(*high, 0.777300, 1e-5);
  }
}

TEST(Predictor, GivesEachImageItsOwnPredictionWhenTilesShareBatches) {
  AutoSamModel model = model_of(64);
  std::vector<std::shared_ptr<LoadedSample>> samples;
  for (int i = 0; i < 3; ++i) {
    samples.push_back(std::make_shared<LoadedSample>());
    samples.back()->image = toy_pair(64 + 30 * i, 80, 15, static_cast<uint64_t>(i)).image;
  }
  Predictor together(model, {.batch = 4, .num_threads = 2});
  std::vector<Prediction> predictions(3);
  together.predict_all(
      3, [&](size_t i) { return samples[i]; },
      [&](size_t i, const LoadedSample&, Prediction p) { predictions[i] = std::move(p); });
  for (size_t i = 0; i < 3; ++i) {
    const Prediction alone = Predictor(model, {.batch = 1}).predict(samples[i]->image);
    ASSERT_EQ(alone.probabilities.size(), predictions[i].probabilities.size());
    for (size_t k = 0; k < alone.probabilities.size(); ++k)
      ASSERT_NEAR(alone.probabilities[k], predictions[i].probabilities[k], 1e-5);
  }
}

TEST(Predictor, TurnsWithTheImageWhenItAveragesOverFlips) {
  AutoSamModel model = model_of(64);
  const auto image = toy_pair(64, 64, 15, 5).image;
  media::Image mirrored = image;
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x)
      for (int c = 0; c < 3; ++c) mirrored.at(y, x, c) = image.at(y, 63 - x, c);
  const PredictorOptions options{.has_test_time_flips = true};
  const Prediction one = Predictor(model, options).predict(image);
  const Prediction other = Predictor(model, options).predict(mirrored);
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x)
      ASSERT_NEAR(one.probabilities[64 * y + x], other.probabilities[64 * y + 63 - x], 1e-4);
}

TEST(Predictor, RefusesTheFastPathWithoutItsDecoder) {
  AutoSamModel model = model_of(64);
  EXPECT_THROW(Predictor(model, {.is_fast = true}), InvalidArgument);
}

TEST(Predictor, GivesSamsOwnMasks) {
  const FrozenSam sam = tiny_sam();
  const auto pair = toy_pair(64, 90, 15, 5);
  const Prediction alone = predict_with_no_mask_embedding(sam, pair.image, 64, 0, at::kCPU);
  EXPECT_EQ(alone.probabilities.size(), 64u * 90u);
  std::vector<uint32_t> labels(64 * 90, 0);
  EXPECT_EQ(std::ranges::max(
                predict_with_true_boxes(sam, pair.image, labels, 64, 0, at::kCPU).probabilities),
            std::ranges::min(
                predict_with_true_boxes(sam, pair.image, labels, 64, 0, at::kCPU).probabilities));
  for (int x = 20; x < 40; ++x) labels[30 * 90 + x] = 3;
  const Prediction boxes = predict_with_true_boxes(sam, pair.image, labels, 64, 0, at::kCPU);
  EXPECT_GT(std::ranges::max(boxes.probabilities), 1e-6F);
}

TEST(Turns, AreUndone) {
  std::vector<int> square(2 * 9);
  for (int i = 0; i < 18; ++i) square[i] = i;
  for (int turn = 0; turn < kNumTurns; ++turn) {
    const auto there = turned(std::span<const int>(square), 3, turn);
    EXPECT_EQ(turned(std::span<const int>(there), 3, inverse_turn(turn)), square);
  }
}

}  // namespace
}  // namespace tessera::segmentation
