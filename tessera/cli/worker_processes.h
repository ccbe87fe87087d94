// One process a GPU: the first starts the others as copies of itself.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace tessera::cli {

/// Processes of this program with the same arguments plus some of their own.
///
/// They depend on each other: a rank that is gone leaves the others waiting in an exchange for
/// ever, where no flag reaches them. So a watching thread ends this process, with a message, as
/// soon as a worker fails; and the destructor ends workers that do not stop by themselves.
class WorkerProcesses {
 public:
  WorkerProcesses() = default;
  ~WorkerProcesses();
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;

  /// Starts /proc/self/exe with this process's arguments and `extra`. Throws Error.
  void start(const std::vector<std::string>& extra);

  /// Waits for all to end. Throws Error when one ended with another exit code than `expected`.
  void wait(int expected);

 private:
  void watch();

  std::mutex mutex_;
  std::vector<pid_t> running_;
  std::vector<int> ended_;  // exit codes
  std::atomic<bool> is_watching_ = false, is_waiting_ = false;
  std::thread watcher_;
};

/// For a worker: ends this process when the one that started it is gone.
void end_with_parent();

}  // namespace tessera::cli
