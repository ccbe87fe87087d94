#include "tessera/core/executor.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "tessera/core/error.h"

namespace tessera {
namespace {

class SerialExecutor final : public Executor {
 public:
  int num_threads() const override { return 1; }
  void parallel_for(int64_t count, const std::function<void(int64_t, int)>& task) override {
    for (int64_t index = 0; index < count; ++index) task(index, 0);
  }
};

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int num_threads) {
    for (int thread = 1; thread < num_threads; ++thread) {
      threads_.emplace_back([this, thread] { wait_for_work(thread); });
    }
  }

  ~ThreadPool() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    start_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  int num_threads() const override { return static_cast<int>(threads_.size()) + 1; }

  void parallel_for(int64_t count, const std::function<void(int64_t, int)>& task) override {
    {
      const std::lock_guard lock(mutex_);
      task_ = &task;
      count_ = count;
      next_ = 0;
      busy_ = static_cast<int>(threads_.size());
      failure_ = nullptr;
      ++round_;
    }
    start_.notify_all();
    run_tasks(0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void wait_for_work(int thread) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      start_.wait(lock, [&] { return is_stopping_ || round_ != seen; });
      if (is_stopping_) return;
      seen = round_;
      lock.unlock();
      run_tasks(thread);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  void run_tasks(int thread) {
    for (int64_t index; (index = next_.fetch_add(1)) < count_;) {
      try {
        (*task_)(index, thread);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int64_t, int)>* task_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_ = 0;
  int busy_ = 0;
  uint64_t round_ = 0;
  bool is_stopping_ = false;
  std::exception_ptr failure_;
};

}  // namespace

Executor& serial_executor() {
  static SerialExecutor executor;
  return executor;
}

std::unique_ptr<Executor> make_thread_pool(int num_threads) {
  TESSERA_CHECK(num_threads >= 1,
                "[make_thread_pool] num_threads must be >= 1, got: ", num_threads);
  return std::make_unique<ThreadPool>(num_threads);
}

}  // namespace tessera
