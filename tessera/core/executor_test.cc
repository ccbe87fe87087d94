#include "tessera/core/executor.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera {
namespace {

TEST(ThreadPool, RunsEveryIndexOnce) {
  const auto pool = make_thread_pool(3);
  for (const int64_t count : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> seen(count);
    pool->parallel_for(count, [&](int64_t index, int thread) {
      ASSERT_GE(thread, 0);
      ASSERT_LT(thread, 3);
      ++seen[index];
    });
    for (const auto& times : seen) EXPECT_EQ(times, 1);
  }
}

TEST(ThreadPool, PassesOnATasksException) {
  const auto pool = make_thread_pool(2);
  std::atomic<int> ran = 0;
  EXPECT_THROW(pool->parallel_for(10,
                                  [&](int64_t index, int) {
                                    ++ran;
                                    if (index == 3) throw InvalidArgument("[task] index 3");
                                  }),
               InvalidArgument);
  EXPECT_EQ(ran, 10);
  pool->parallel_for(5, [&](int64_t, int) { ++ran; });
  EXPECT_EQ(ran, 15);
}

TEST(ThreadPool, RefusesNoThreads) { EXPECT_THROW(make_thread_pool(0), InvalidArgument); }

}  // namespace
}  // namespace tessera
