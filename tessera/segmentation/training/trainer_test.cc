#include "tessera/segmentation/training/trainer.h"

#include <cmath>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/segmentation/training/predictor.h"
#include "tessera/segmentation/training/run_folder.h"
#include "tessera/segmentation/training/testing/toy_run.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;
using namespace segmentation::testing;

std::string model_digest(const std::filesystem::path& run) {
  return sha256_of_file(run / "model" / "model.safetensors");
}

std::string message_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class TrainAutoSam : public ::testing::Test {
 protected:
  TrainAutoSam() : dataset_(toy_dataset(folder_.path() / "data", 8)), sam_(tiny_sam()) {}

  AutoSamJob job(const char* name) const { return toy_job(dataset_, sam_, folder_ / name); }

  TemporaryFolder folder_;
  Dataset dataset_;
  FrozenSam sam_;
};

TEST_F(TrainAutoSam, LowersTheLossAndLeavesTheFrozenSamBitForBit) {
  auto job = this->job("run");
  job.settings.max_epochs = 12;
  job.settings.validate_every = 6;
  const AutoSamResult result = train_autosam(job);
  ASSERT_EQ(result.history.size(), 12u);
  EXPECT_LT(result.history.back().loss, 0.95 * result.history.front().loss);
  EXPECT_TRUE(std::isnan(result.history[0].val_dice));
  EXPECT_EQ(result.stop_reason, "all 12 epochs are done");
  EXPECT_EQ(sam_digest(*sam_.sam), tiny_sam().digest);
  for (const auto& parameter : sam_.sam->parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
  AutoSamModel model = load_autosam(find_model_folder(job.run_folder), sam_);
  EXPECT_EQ(Predictor(model).predict(dataset_.load(0)->image).probabilities.size(), 64u * 64u);
}

TEST_F(TrainAutoSam, LearnsDiscsWithThePlainHead) {
  auto job = this->job("run");
  job.settings.method = Method::kPlainHead;
  job.settings.chooses_threshold = true;
  job.settings.max_epochs = 25;
  job.settings.validate_every = 5;
  const AutoSamResult result = train_autosam(job);
  EXPECT_LT(result.history.back().loss, 0.5 * result.history.front().loss);
  EXPECT_GT(result.best_dice, 0.8);
  EXPECT_EQ(result.fast_dice, result.best_dice);
  EXPECT_GE(result.val_threshold_dice, result.best_dice);
  EXPECT_EQ(read_autosam_config(job.run_folder / "model").threshold, result.val_threshold);
}

TEST_F(TrainAutoSam, ContinuesToTheSameBitsFromAnyStep) {
  auto whole = job("whole");
  whole.settings.max_epochs = 2;
  whole.settings.surrogate.max_epochs = 1;
  train_autosam(whole);
  auto parts = job("parts");
  parts.settings = whole.settings;
  // Stopped at every second chance: within epochs, between them, and between the stages.
  int pauses = 0;
  while (true) {
    int steps = 0;
    parts.should_stop = [&] { return ++steps > 1; };
    if (!train_autosam(parts).is_interrupted) break;
    parts.is_resumed = true;
    ASSERT_LT(++pauses, 20);
  }
  EXPECT_GE(pauses, 3);
  EXPECT_EQ(model_digest(folder_ / "whole"), model_digest(folder_ / "parts"));
}

TEST_F(TrainAutoSam, GivesTheSameBitsFromKeptFromDamagedAndFromNewEmbeddings) {
  train_autosam(job("filling"));
  train_autosam(job("reading"));
  EXPECT_EQ(model_digest(folder_ / "filling"), model_digest(folder_ / "reading"));
  auto without = this->job("without");
  without.cache_folder.reset();
  train_autosam(without);
  EXPECT_EQ(model_digest(folder_ / "filling"), model_digest(folder_ / "without"));
  auto on_device = this->job("on the device");
  on_device.cache_folder.reset();
  on_device.device_cache_bytes = 1 << 20;
  train_autosam(on_device);
  EXPECT_EQ(model_digest(folder_ / "filling"), model_digest(folder_ / "on the device"));
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache")) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.write("xyz", 3);
  }
  auto job = this->job("repairing");
  std::vector<std::string> warnings;
  job.report = [&](const AutoSamProgress& progress) {
    warnings.insert(warnings.end(), progress.warnings.begin(), progress.warnings.end());
  };
  train_autosam(job);
  ASSERT_GE(warnings.size(), 6u + 2u);  // training views and validation tiles
  EXPECT_NE(warnings[0].find(".emb: was damaged and is computed again"), std::string::npos);
  EXPECT_EQ(model_digest(folder_ / "filling"), model_digest(folder_ / "repairing"));
}

TEST_F(TrainAutoSam, EncodesAViewOnceHoweverOftenAnEpochRepeatsIt) {
  auto job = this->job("run");
  job.settings.min_views_per_epoch = 30;
  job.settings.batch = 6;
  int64_t embedded = 0;
  job.report = [&](const AutoSamProgress& progress) { embedded = progress.embedded; };
  train_autosam(job);
  EXPECT_EQ(embedded, 6 * 2 + 2);
}

TEST_F(TrainAutoSam, DrawsFreshViewsWhenNoneAreKept) {
  auto job = this->job("run");
  job.settings.max_epochs = 2;
  job.settings.views_per_image = 0;
  int64_t embedded = 0;
  job.report = [&](const AutoSamProgress& progress) { embedded = progress.embedded; };
  train_autosam(job);
  EXPECT_EQ(embedded, 2 * 6 + 2);  // the validation's tiles are kept
}

TEST_F(TrainAutoSam, StopsWhenValidationGetsNoBetter) {
  auto job = this->job("run");
  job.settings.learning_rate = 0;
  job.settings.max_epochs = 30;
  job.settings.patience = 3;
  const AutoSamResult result = train_autosam(job);
  EXPECT_LT(result.history.size(), 9u);
  EXPECT_EQ(result.stop_reason, "no better validation Dice for 3 epochs");
}

TEST_F(TrainAutoSam, TrainsTheSurrogateOnTheFrozenGenerator) {
  auto job = this->job("run");
  job.settings.max_epochs = 6;
  job.settings.surrogate = {.max_epochs = 8, .learning_rate = 1e-2, .distillation = 0.25};
  const AutoSamResult result = train_autosam(job);
  ASSERT_EQ(result.history.size(), 14u);
  EXPECT_LT(result.history.back().loss, 0.95 * result.history[6].loss);
  EXPECT_GT(result.fast_dice, 0);
  AutoSamModel model = load_autosam(job.run_folder / "model", {});
  EXPECT_EQ(Predictor(model, {.is_fast = true}).predict(dataset_.load(0)->image).height, 64);
}

TEST_F(TrainAutoSam, TrainsTheUnetWithoutASam) {
  auto job = toy_job(dataset_, {}, folder_ / "run");
  job.settings.method = Method::kUnet;
  job.settings.g_size = 32;
  job.train = {0, 1};
  EXPECT_EQ(train_autosam(job).history.size(), 1u);
  const AutoSamModel model = load_autosam(job.run_folder / "model", {});
  EXPECT_EQ(model.config().method, Method::kUnet);
}

TEST_F(TrainAutoSam, TrainsOnEmptyMasksWithoutNaN) {
  const Dataset empty = toy_dataset(folder_.path() / "empty", 8, /*radius=*/0);
  auto job = toy_job(empty, sam_, folder_ / "run");
  const AutoSamResult result = train_autosam(job);
  for (const auto& record : result.history) EXPECT_TRUE(std::isfinite(record.loss));
  EXPECT_TRUE(std::isfinite(result.best_dice));
}

TEST_F(TrainAutoSam, RefusesACheckpointOfAnotherConfigurationSamOrData) {
  auto job = this->job("run");
  train_autosam(job);
  job.is_resumed = true;
  auto other = job;
  other.settings.batch = 4;
  EXPECT_NE(message_of([&] {
              train_autosam(other);
            }).find("is of another configuration: batch is 4, the checkpoint has 2"),
            std::string::npos);
  other = job;
  other.sam = tiny_sam(2);
  EXPECT_NE(message_of([&] { train_autosam(other); }).find("must be continued with the same SAM"),
            std::string::npos);
  other = job;
  other.train = {0, 1};
  EXPECT_NE(message_of([&] { train_autosam(other); }).find("must be continued on the same images"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              load_autosam(job.run_folder / "model", tiny_sam(2));
            }).find("must be the SAM that"),
            std::string::npos);
}

TEST_F(TrainAutoSam, MayBeMadeLonger) {
  auto job = this->job("run");
  train_autosam(job);
  job.is_resumed = true;
  job.settings.max_epochs = 2;
  EXPECT_EQ(train_autosam(job).history.size(), 2u);
}

TEST_F(TrainAutoSam, RefusesAFolderThatHoldsARun) {
  auto job = this->job("run");
  train_autosam(job);
  EXPECT_THROW(train_autosam(job), IoError);
}

TEST_F(TrainAutoSam, NamesTheStepWhoseLossIsNoNumber) {
  auto job = this->job("run");
  FrozenSam broken = tiny_sam();
  {
    const at::NoGradGuard no_grad;
    for (auto& entry : broken.sam->named_parameters())
      if (entry.key().find("output_upscaling") != std::string::npos)
        entry.value().fill_(std::numeric_limits<float>::quiet_NaN());
  }
  job.sam = broken;
  EXPECT_NE(message_of([&] {
              train_autosam(job);
            }).find("the loss is no longer a number at epoch 1, step 1"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(job.run_folder / "checkpoint.safetensors"));
}

}  // namespace
}  // namespace tessera::segmentation
