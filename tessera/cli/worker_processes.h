// One process a GPU: the first starts the others as copies of itself.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace tessera::cli {

/// Processes of this program with the same arguments plus some of their own. The destructor asks
/// those still running to stop (SIGTERM) and waits for them.
class WorkerProcesses {
 public:
  WorkerProcesses() = default;
  ~WorkerProcesses();
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;

  /// Starts /proc/self/exe with this process's arguments and `extra`. Throws Error.
  void start(const std::vector<std::string>& extra);

  /// Waits for all. Throws Error when one ended with another exit code than `expected`.
  void wait(int expected);

 private:
  std::vector<pid_t> running_;
};

}  // namespace tessera::cli
