// Torch's pool keeps the promises of core/executor.h.
#include "tessera/torch_ops/torch_executor.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace tessera::torch_ops {
namespace {

class TorchExecutorThreads : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { at::set_num_threads(GetParam()); }
  void TearDown() override { at::set_num_threads(before_); }

 private:
  const int before_ = at::get_num_threads();
};
INSTANTIATE_TEST_SUITE_P(All, TorchExecutorThreads, ::testing::Values(1, 2));

TEST_P(TorchExecutorThreads, RunsEveryIndexOnceOnAThreadInRange) {
  std::vector<std::atomic<int>> runs(1000);
  std::atomic<bool> is_in_range = true;
  torch_executor().parallel_for(1000, [&](int64_t index, int thread) {
    ++runs[index];
    if (thread < 0 || thread >= GetParam()) is_in_range = false;
  });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
  EXPECT_TRUE(is_in_range);
  EXPECT_EQ(torch_executor().num_threads(), GetParam());
}

TEST_P(TorchExecutorThreads, RunsNothingForACountOfZero) {
  torch_executor().parallel_for(0, [](int64_t, int) { ADD_FAILURE(); });
}

TEST_P(TorchExecutorThreads, PassesAnExceptionOnAndStaysUsable) {
  const auto throw_at_seven = [](int64_t index, int) {
    if (index == 7) throw std::runtime_error("seven");
  };
  EXPECT_THROW(torch_executor().parallel_for(100, throw_at_seven), std::runtime_error);
  std::atomic<int> runs = 0;
  torch_executor().parallel_for(10, [&](int64_t, int) { ++runs; });
  EXPECT_EQ(runs, 10);
}

TEST(TorchExecutor, RunsTwoTasksAtOnceOnTwoThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::mutex mutex;
  std::condition_variable changed;
  int started = 0;
  std::atomic<bool> is_together = true;
  torch_executor().parallel_for(2, [&](int64_t, int) {
    std::unique_lock lock(mutex);
    ++started;
    changed.notify_all();
    // The limit only turns a failure into one message instead of a hang.
    if (!changed.wait_for(lock, std::chrono::seconds(20), [&] { return started == 2; }))
      is_together = false;
  });
  at::set_num_threads(before);
  EXPECT_TRUE(is_together);
}

TEST(TorchExecutor, RunsOnTheCallingThreadInsideAParallelRegionOfTorchs) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::atomic<int> runs = 0, worst = 0;
  at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (torch_executor().num_threads() > worst) worst = torch_executor().num_threads();
      torch_executor().parallel_for(10, [&](int64_t, int) { ++runs; });
    }
  });
  at::set_num_threads(before);
  EXPECT_EQ(runs, 20);
  EXPECT_EQ(worst, 1);
}

}  // namespace
}  // namespace tessera::torch_ops
