// The two clocks of a benchmark.
#pragma once

#include <chrono>
#include <ctime>

#include <ATen/Parallel.h>

namespace tessera::bench {

enum class Clock {
  kWall,
  /// Processor time of all threads over their number: for a machine that others use too. It does
  /// not see threads that wait idly for the last one.
  kProcessor,
};

/// In seconds, from an arbitrary start.
inline double now(Clock clock) {
  if (clock == Clock::kWall) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  }
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec)) /
         at::get_num_threads();
}

}  // namespace tessera::bench
