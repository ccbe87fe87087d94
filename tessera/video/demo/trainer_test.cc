#include "tessera/video/demo/trainer.h"

#include <barrier>
#include <cmath>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"
#include "tessera/video/demo/recipe.h"
#include "tessera/video/video_model.h"
#include "tessera/video/wan/dit.h"

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

/// The weights of a model folder, one behind the other.
at::Tensor weights_in(const std::filesystem::path& folder) {
  const auto model = load_video_model(folder);
  std::vector<at::Tensor> parts;
  for (const auto& parameter : model.dit->parameters()) parts.push_back(parameter.reshape(-1));
  return at::cat(parts).detach();
}

TEST(TrainDemoVideo, StartsFromEarlierWeights) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  train_demo_video(small_job(folder / "first", *communicator));
  auto job = small_job(folder / "second", *communicator);
  job.settings.seed = 5;
  job.settings.max_steps = 1;
  job.settings.learning_rate = 0;
  train_demo_video(job);
  const auto first = weights_in(folder / "first" / "model");
  EXPECT_FALSE(at::equal(first, weights_in(folder / "second" / "model")));
  job.run_folder = folder / "third";
  job.initial_model = folder / "first" / "model";
  train_demo_video(job);
  EXPECT_TRUE(at::equal(first, weights_in(folder / "third" / "model")));
}

TEST(TrainDemoVideo, KeepsTheLastCheckpointWhenTheWeightsAreNoNumbers) {
  const testing::TemporaryFolder folder;
  const auto communicator = nn::make_single_communicator();
  auto job = small_job(folder / "run", *communicator);
  job.settings.max_steps = 3;
  train_demo_video(job);
  const auto good = sha256_of_file(folder / "run" / "checkpoint.safetensors");
  job.is_resumed = true;
  job.settings.max_steps = 6;
  job.settings.prompt_dropout = 0.1;
  job.report_every_seconds = 0;
  job.settings.optimiser.epsilon = std::nan("");
  EXPECT_THROW(train_demo_video(job), Error);
  EXPECT_EQ(sha256_of_file(folder / "run" / "checkpoint.safetensors"), good);
}

/// Ranks that are threads of one process.
class ThreadRanks {
 public:
  explicit ThreadRanks(int world_size) : barrier_(world_size), tensors_(world_size) {}

  class Rank final : public nn::Communicator {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int world_size() const override { return static_cast<int>(all_.tensors_.size()); }
    void all_reduce_mean(at::Tensor& tensor) override {
      ++calls;
      all_.tensors_[rank_] = tensor.clone();
      all_.barrier_.arrive_and_wait();
      tensor.copy_(at::stack(all_.tensors_).mean(0));
      all_.barrier_.arrive_and_wait();
    }
    int calls = 0;

   private:
    ThreadRanks& all_;
    int rank_;
  };

 private:
  std::barrier<> barrier_;
  std::vector<at::Tensor> tensors_;
};

TEST(TrainDemoVideo, RanksHoldTheSameWeightsAndPauseTogetherWhenOneOfThemWants) {
  const testing::TemporaryFolder folder;
  ThreadRanks ranks(2);
  ThreadRanks::Rank first(ranks, 0), second(ranks, 1);
  TrainingEnd ends[2] = {};
  const auto run = [&](ThreadRanks::Rank& rank, TrainingEnd& end) {
    auto job = small_job(folder / "run", rank);
    // Only the second rank asks to stop; a difference of weights would end the run with an error.
    int steps = 0;
    if (rank.rank() == 1) job.should_stop = [&steps] { return ++steps > 4; };
    end = train_demo_video(job);
  };
  std::thread other([&] { run(second, ends[1]); });
  run(first, ends[0]);
  other.join();
  EXPECT_EQ(ends[0], TrainingEnd::kInterrupted);
  EXPECT_EQ(ends[1], TrainingEnd::kInterrupted);
  EXPECT_EQ(first.calls, second.calls);
  EXPECT_LT(first.calls, 12);
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
