// Private: the C interface's arrays and threads as the C++ API's.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/attention/c/guard.h"

namespace tessera::attention::c {

inline DType dtype_of(int32_t dtype, const char* function, const char* name) {
  constexpr std::array kTypes = {DType::kFloat32, DType::kFloat16, DType::kBFloat16};
  return kTypes[enum_of<int32_t>(dtype, std::size(kTypes), function, name)];
}

inline std::array<int64_t, 4> four(const int64_t (&values)[4]) {
  return {values[0], values[1], values[2], values[3]};
}

inline TensorView view_of(const tessera_tensor& tensor, const char* function, const char* name) {
  return {tensor.data, dtype_of(tensor.dtype, function, name), four(tensor.shape),
          four(tensor.strides)};
}
inline MutableTensorView view_of(const tessera_mutable_tensor& tensor, const char* function,
                                 const char* name) {
  return {tensor.data, dtype_of(tensor.dtype, function, name), four(tensor.shape),
          four(tensor.strides)};
}

/// The caller's threads. Their frames are C: what a task throws waits until they have returned.
class CallbackExecutor final : public Executor {
 public:
  CallbackExecutor(const tessera_executor& callbacks, const char* function)
      : callbacks_(callbacks), function_(function) {
    TESSERA_CHECK(callbacks.num_threads >= 1, "[", function,
                  "] executor->num_threads must be >= 1, got: ", callbacks.num_threads);
    check_set(callbacks.parallel_for, function, "executor->parallel_for");
  }

  int num_threads() const override { return callbacks_.num_threads; }

  void parallel_for(int64_t count, const std::function<void(int64_t, int)>& task) override {
    Round round{task, count, callbacks_.num_threads, function_,
                std::vector<std::atomic<bool>>(static_cast<size_t>(count))};
    callbacks_.parallel_for(callbacks_.context, count, run_one, &round);
    if (round.failure) std::rethrow_exception(round.failure);
    // An index left out would be an answer left out.
    TESSERA_CHECK(round.calls == count, "[", function_, "] executor->parallel_for must call all ",
                  count, " tasks before it returns, got: ", round.calls.load());
  }

 private:
  struct Round {
    const std::function<void(int64_t, int)>& task;
    int64_t count;
    int32_t num_threads;
    const char* function;
    std::vector<std::atomic<bool>> is_started;
    std::atomic<int64_t> calls = 0;
    std::mutex mutex = {};
    std::exception_ptr failure = {};
  };

  static void run_one(void* data, int64_t index, int32_t thread) {
    Round& round = *static_cast<Round*>(data);
    try {
      TESSERA_CHECK(0 <= index && index < round.count && 0 <= thread && thread < round.num_threads,
                    "[", round.function, "] executor->parallel_for must call tasks in [0, ",
                    round.count, ") on threads in [0, ", round.num_threads, "), got: ", index,
                    " on ", thread);
      TESSERA_CHECK(!round.is_started[static_cast<size_t>(index)].exchange(true), "[",
                    round.function,
                    "] executor->parallel_for must call each task once, got: ", index, " again");
      ++round.calls;
      round.task(index, thread);
    } catch (...) {
      const std::lock_guard lock(round.mutex);
      if (!round.failure) round.failure = std::current_exception();
    }
  }

  tessera_executor callbacks_;
  const char* function_;
};

}  // namespace tessera::attention::c
