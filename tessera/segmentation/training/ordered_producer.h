// Items made by threads ahead of their use, handed out in order.
//
// The threads must not call Torch operators that run in parallel: OpenMP would start a team for
// each of them. Copying memory and allocating tensors is fine.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace tessera::segmentation {

template <typename Item>
class OrderedProducer {
 public:
  using Make = std::function<Item(int64_t index)>;

  /// Makes items [begin, end), at most `ahead` of them waiting; with no threads next() makes them.
  OrderedProducer(int64_t begin, int64_t end, int num_threads, int64_t ahead, Make make)
      : next_wanted_(begin), next_made_(begin), end_(end), ahead_(ahead), make_(std::move(make)) {
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { work(); });
  }

  ~OrderedProducer() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  OrderedProducer(const OrderedProducer&) = delete;
  OrderedProducer& operator=(const OrderedProducer&) = delete;

  /// The next item. Throws what making it threw. Called from one thread, at most end - begin times.
  Item next() {
    if (threads_.empty()) return make_(next_wanted_++);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_.contains(next_wanted_); });
    auto node = done_.extract(next_wanted_++);
    lock.unlock();
    changed_.notify_all();
    Result result = std::move(node.mapped());
    if (result.failure) std::rethrow_exception(result.failure);
    return std::move(*result.item);
  }

 private:
  struct Result {
    std::unique_ptr<Item> item;
    std::exception_ptr failure;
  };

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] {
        return is_stopping_ || next_made_ == end_ || next_made_ < next_wanted_ + ahead_;
      });
      if (is_stopping_ || next_made_ == end_) return;
      const int64_t index = next_made_++;
      lock.unlock();
      Result result;
      try {
        result.item = std::make_unique<Item>(make_(index));
      } catch (...) {
        result.failure = std::current_exception();
      }
      lock.lock();
      done_.emplace(index, std::move(result));
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, Result> done_;
  int64_t next_wanted_, next_made_;
  const int64_t end_, ahead_;
  bool is_stopping_ = false;
  Make make_;
  std::vector<std::thread> threads_;
};

}  // namespace tessera::segmentation
