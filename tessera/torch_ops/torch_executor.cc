#include "tessera/torch_ops/torch_executor.h"

#include <atomic>

#include <ATen/Parallel.h>

namespace tessera::torch_ops {
namespace {

class TorchExecutor final : public Executor {
 public:
  int num_threads() const override { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

  void parallel_for(int64_t count, const std::function<void(int64_t, int)>& task) override {
    const int threads = num_threads();
    if (threads == 1) {
      for (int64_t index = 0; index < count; ++index) task(index, 0);
      return;
    }
    // Torch splits a range into equal parts; tasks of ours are uneven (tiles are skipped), so each
    // thread takes the next index when it is ready.
    std::atomic<int64_t> next = 0;
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t thread = begin; thread < end; ++thread) {
        for (int64_t index; (index = next.fetch_add(1)) < count;)
          task(index, static_cast<int>(thread));
      }
    });
  }
};

}  // namespace

Executor& torch_executor() {
  static TorchExecutor executor;
  return executor;
}

}  // namespace tessera::torch_ops
