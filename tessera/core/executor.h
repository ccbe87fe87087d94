// Threads are the caller's: work that can be split takes an Executor.
//
// Two OpenMP runtimes in one process crash, and a library that starts threads of its own fights
// with its host. So the attention library runs on whatever the caller passes; Torch code passes
// Torch's pool (tessera/torch_ops/torch_executor.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace tessera {

class Executor {
 public:
  virtual ~Executor() = default;

  /// Threads that may run tasks at once, at least 1.
  virtual int num_threads() const = 0;

  /// Calls task(index, thread) once for each index in [0, count), thread in [0, num_threads()),
  /// and returns when all are done. Which thread takes which index is free. The first exception
  /// that a task throws is thrown again here, after the others have ended.
  virtual void parallel_for(int64_t count,
                            const std::function<void(int64_t index, int thread)>& task) = 0;
};

/// Runs everything on the calling thread.
Executor& serial_executor();

/// A pool of `num_threads` std::threads (the caller's thread is one of them) that hands out
/// indices in order. `num_threads` >= 1, else InvalidArgument. One parallel_for at a time.
std::unique_ptr<Executor> make_thread_pool(int num_threads);

}  // namespace tessera
