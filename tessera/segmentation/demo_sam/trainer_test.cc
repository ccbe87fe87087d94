#include "tessera/segmentation/demo_sam/trainer.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/segmentation/demo_sam/recipe.h"
#include "tessera/segmentation/sam/sam_files.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

SamTrainingJob small_job(const std::filesystem::path& folder, nn::Communicator& communicator) {
  SamTrainingJob job;
  job.config = tiny_sam_config();
  job.config.image_size = 64;
  job.settings.batch = 2;
  job.settings.max_objects = 6;
  job.settings.max_corrections = 2;
  job.settings.targets = {.points = 1, .boxes = 1, .guided = 1};
  job.settings.max_steps = 6;
  job.settings.warmup_steps = 2;
  job.communicator = &communicator;
  job.run_folder = folder;
  return job;
}

TEST(TrainDemoSam, LearnsAndLeavesAModelThatLoads) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  // Masks alone are learned first; the balanced term stays, so that losses compare.
  job.settings.max_steps = 80;
  job.settings.learning_rate = 6e-3;
  job.settings.balanced_until = 100;
  job.settings.batch = 4;
  job.settings.targets = {.points = 0, .boxes = 0, .guided = 3};
  job.settings.max_corrections = 1;
  job.settings.uses_per_scene = 8;
  job.settings.pool = 8;
  job.settings.loader_threads = 1;
  job.report_every_seconds = 0;
  std::vector<nn::TrainingProgress> told;
  job.report = [&](const nn::TrainingProgress& progress) { told.push_back(progress); };
  EXPECT_EQ(train_demo_sam(job), nn::TrainingEnd::kFinished);
  ASSERT_GE(told.size(), 75u);
  EXPECT_EQ(told.back().step, 80);
  const auto mean = [&](size_t begin, size_t end, auto value) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += value(told[i]);
    return sum / static_cast<double>(end - begin);
  };
  const auto loss = [](const auto& progress) { return progress.loss; };
  const auto mask_iou = [](const auto& progress) { return progress.others[2]; };
  EXPECT_LT(mean(60, 75, loss), 0.8 * mean(0, 5, loss));
  EXPECT_GT(mean(60, 75, mask_iou), mean(0, 5, mask_iou) + 0.1);
  EXPECT_EQ(load_sam(folder / "run" / "model")->config, job.config);
}

TEST(TrainDemoSam, ContinuesToTheSameBitsAsAnUninterruptedRun) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  train_demo_sam(small_job(folder / "whole", *communicator));
  auto job = small_job(folder / "parts", *communicator);
  job.settings.loader_threads = 2;
  int steps = 0;
  job.should_stop = [&] { return ++steps > 2; };
  EXPECT_EQ(train_demo_sam(job), nn::TrainingEnd::kInterrupted);
  job.should_stop = {};
  job.is_resumed = true;
  EXPECT_EQ(train_demo_sam(job), nn::TrainingEnd::kFinished);
  const auto digest = [&](const char* run) {
    return sha256_of_file(folder / run / "model" / "model.safetensors");
  };
  EXPECT_EQ(digest("whole"), digest("parts"));
}

TEST(TrainDemoSam, RefusesACheckpointOfOtherTargets) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  job.settings.max_steps = 1;
  train_demo_sam(job);
  job.is_resumed = true;
  job.settings.targets.guided = 2;
  EXPECT_THROW(train_demo_sam(job), IoError);
}

TEST(TrainDemoSam, StartsFromAGivenModel) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  train_demo_sam(small_job(folder / "first", *communicator));
  auto job = small_job(folder / "second", *communicator);
  job.initial_model = folder / "first" / "model";
  job.settings.balanced_until = 0;
  job.settings.learning_rate = 1e-12;  // stays where it starts
  job.settings.max_steps = 1;
  train_demo_sam(job);
  const auto first = load_sam(folder / "first" / "model"),
             second = load_sam(folder / "second" / "model");
  const auto expected = first->named_parameters();
  for (const auto& entry : second->named_parameters())
    EXPECT_TRUE(at::allclose(entry.value(), expected[entry.key()], 1e-3, 1e-6)) << entry.key();
  // The random matrix of the positions is no parameter and must come along.
  const auto buffers = first->named_buffers();
  for (const auto& entry : second->named_buffers())
    EXPECT_TRUE(at::equal(entry.value(), buffers[entry.key()])) << entry.key();
}

TEST(TrainDemoSam, ContinuesARunThatStartedFromAGivenModel) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  train_demo_sam(small_job(folder / "first", *communicator));
  const auto from_first = [&](const char* run) {
    auto job = small_job(folder / run, *communicator);
    job.initial_model = folder / "first" / "model";
    job.settings.seed = 9;  // whose own matrix of the positions would be another one
    job.settings.min_corrections = 0;
    return job;
  };
  train_demo_sam(from_first("whole"));
  auto job = from_first("parts");
  int steps = 0;
  job.should_stop = [&] { return ++steps > 2; };
  EXPECT_EQ(train_demo_sam(job), nn::TrainingEnd::kInterrupted);
  job.should_stop = {};
  job.is_resumed = true;
  EXPECT_EQ(train_demo_sam(job), nn::TrainingEnd::kFinished);
  const auto digest = [&](const char* run) {
    return sha256_of_file(folder / run / "model" / "model.safetensors");
  };
  EXPECT_EQ(digest("whole"), digest("parts"));
}

TEST(TrainDemoSam, RefusesToStartFromAnotherConfiguration) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "first", *communicator);
  job.settings.max_steps = 1;
  train_demo_sam(job);
  auto other = small_job(folder / "second", *communicator);
  other.initial_model = folder / "first" / "model";
  other.config.depth += 1;
  EXPECT_THROW(train_demo_sam(other), InvalidArgument);
}

TEST(TrainDemoSam, RefusesSettingsThatCannotWork) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  job.settings.max_steps = 0;
  EXPECT_THROW(train_demo_sam(job), InvalidArgument);
  job.settings.max_steps = 1;
  job.settings.targets = {.points = 0, .boxes = 0, .guided = 0};
  EXPECT_THROW(train_demo_sam(job), InvalidArgument);
  job.settings.targets = {};
  job.settings.min_corrections = 3;  // above the most
  EXPECT_THROW(train_demo_sam(job), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
