#include "tessera/cli/worker_processes.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tessera/core/error.h"

extern char** environ;

namespace tessera::cli {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr int kGracePolls = 50;  // ten seconds to stop in order

std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find('\0', begin);
    arguments.push_back(all.substr(begin, end - begin));
    begin = end == std::string::npos ? all.size() : end + 1;
  }
  return arguments;
}

}  // namespace

WorkerProcesses::~WorkerProcesses() {
  is_waiting_ = true;  // from here on a worker that ends is no surprise
  for (int poll = 0; poll <= kGracePolls; ++poll) {
    {
      const std::lock_guard lock(mutex_);
      if (running_.empty()) break;
      const int signal = poll == kGracePolls ? SIGKILL : SIGTERM;
      if (poll == 0 || poll == kGracePolls) {
        for (const pid_t process : running_) ::kill(process, signal);
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
  is_watching_ = false;
  if (watcher_.joinable()) watcher_.join();
}

void WorkerProcesses::start(const std::vector<std::string>& extra) {
  std::vector<std::string> arguments = own_arguments();
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int status =
      ::posix_spawn(&process, "/proc/self/exe", nullptr, nullptr, pointers.data(), environ);
  if (status != 0) {
    throw Error(concat("[start] a worker process could not be started: ", std::strerror(status)));
  }
  const std::lock_guard lock(mutex_);
  running_.push_back(process);
  if (is_watching_.exchange(true)) return;
  watcher_ = std::thread([this] { watch(); });
}

void WorkerProcesses::watch() {
  while (is_watching_) {
    {
      const std::lock_guard lock(mutex_);
      for (size_t i = 0; i < running_.size();) {
        int status = 0;
        if (::waitpid(running_[i], &status, WNOHANG) != running_[i]) {
          ++i;
          continue;
        }
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        ended_.push_back(code);
        // In order only after wait() or the destructor began, or when all were told to stop.
        if (code != 0 && code != 130 && !is_waiting_) {
          std::fprintf(stderr,
                       "tessera: [train] a worker process ended with exit code %d; the last "
                       "checkpoint is kept\n",
                       code);
          for (const pid_t other : running_) ::kill(other, SIGKILL);
          ::_exit(1);
        }
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void WorkerProcesses::wait(int expected) {
  is_waiting_ = true;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (running_.empty()) break;
    }
    std::this_thread::sleep_for(kPoll);
  }
  const std::lock_guard lock(mutex_);
  for (const int code : ended_) {
    if (code != expected)
      throw Error(concat("[wait] a worker process ended with exit code ", code));
  }
}

void end_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

}  // namespace tessera::cli
