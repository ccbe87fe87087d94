#include "tessera/video/demo/trainer.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"
#include "tessera/video/demo/recipe.h"
#include "tessera/video/video_model.h"

namespace tessera::video {
namespace {

/// A job of seconds: 12 steps of a narrow network on small clips.
TrainingJob small_job(const std::filesystem::path& folder, nn::Communicator& communicator) {
  TrainingJob job;
  job.config = demo_video_config();
  job.config.dit.dim = 32;
  job.config.dit.num_heads = 2;
  job.config.dit.num_layers = 2;
  job.config.dit.ffn_dim = 64;
  job.config.dit.text_dim = 16;
  job.settings.stages = {{0.5, {{{1, 32, 32, 8}, 1, 4}}}, {1.0, {{{4, 32, 32, 8}, 1, 2}}}};
  job.settings.max_steps = 12;
  job.settings.warmup_steps = 2;
  job.communicator = &communicator;
  job.run_folder = folder;
  return job;
}

TEST(TrainDemoVideo, LearnsAndLeavesAModelThatLoads) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  job.settings.max_steps = 200;
  job.settings.learning_rate = 3e-3;
  job.settings.stages = {{1.0, {{{1, 32, 32, 8}, 1, 8}}}};
  job.report_every_seconds = 0;
  std::vector<double> losses;
  job.report = [&](const TrainingProgress& progress) { losses.push_back(progress.loss); };
  EXPECT_EQ(train_demo_video(job), TrainingEnd::kFinished);
  ASSERT_GE(losses.size(), 190u);
  const auto mean = [&](size_t begin, size_t end) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += losses[i];
    return sum / static_cast<double>(end - begin);
  };
  EXPECT_LT(mean(150, 190), 0.7 * mean(0, 10));
  EXPECT_EQ(load_video_model(folder / "run" / "model").config.dit.dim, 32);
}

TEST(TrainDemoVideo, ContinuesToTheSameBitsAsAnUninterruptedRun) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  train_demo_video(small_job(folder / "whole", *communicator));
  auto job = small_job(folder / "parts", *communicator);
  int steps = 0;
  job.should_stop = [&] { return ++steps > 5; };
  EXPECT_EQ(train_demo_video(job), TrainingEnd::kInterrupted);
  job.should_stop = {};
  job.is_resumed = true;
  EXPECT_EQ(train_demo_video(job), TrainingEnd::kFinished);
  const auto digest = [&](const char* run) {
    return sha256_of_file(folder / run / "model" / "model.safetensors");
  };
  EXPECT_EQ(digest("whole"), digest("parts"));
}

TEST(TrainDemoVideo, StartsFromEarlierWeights) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  train_demo_video(small_job(folder / "first", *communicator));
  auto job = small_job(folder / "second", *communicator);
  job.initial_model = folder / "first" / "model";
  job.settings.max_steps = 1;
  job.settings.learning_rate = 0;
  train_demo_video(job);
  EXPECT_EQ(sha256_of_file(folder / "first" / "model" / "config.json"),
            sha256_of_file(folder / "second" / "model" / "config.json"));
}

TEST(TrainDemoVideo, RefusesACheckpointOfAnotherRun) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  job.settings.max_steps = 1;
  train_demo_video(job);
  job.is_resumed = true;
  job.settings.seed = 9;
  try {
    train_demo_video(job);
    FAIL();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("checkpoint.safetensors: is of another model or other settings"),
              std::string::npos)
        << error.what();
  }
}

TEST(TrainDemoVideo, RefusesSettingsThatCannotEnd) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  job.settings.max_steps = 0;
  EXPECT_THROW(train_demo_video(job), InvalidArgument);
}

}  // namespace
}  // namespace tessera::video
