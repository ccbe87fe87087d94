#include "tessera/cli/worker_processes.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

#include <spawn.h>
#include <sys/wait.h>

#include "tessera/core/error.h"

extern char** environ;

namespace tessera::cli {
namespace {

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
  for (const pid_t process : running_) {
    ::kill(process, SIGTERM);
    ::waitpid(process, nullptr, 0);
  }
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
  if (status != 0)
    throw Error(concat("[start] a worker process could not be started: ", std::strerror(status)));
  running_.push_back(process);
}

void WorkerProcesses::wait(int expected) {
  int failed = 0;
  while (!running_.empty()) {
    int status = 0;
    while (::waitpid(running_.back(), &status, 0) < 0 && errno == EINTR) {
    }
    running_.pop_back();
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code != expected) failed = code;
  }
  if (failed != 0) throw Error(concat("[wait] a worker process ended with exit code ", failed));
}

}  // namespace tessera::cli
