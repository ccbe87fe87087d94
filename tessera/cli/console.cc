#include "tessera/cli/console.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>

#include <unistd.h>

namespace tessera::cli {
namespace {

std::atomic<bool> interrupted = false;

void on_signal(int number) {
  if (interrupted.exchange(true)) _exit(128 + number);
}

std::string bar_of(int64_t done, int64_t total) {
  constexpr int kWidth = 24;
  const int filled = total > 0 ? static_cast<int>(kWidth * done / total) : kWidth;
  return std::string(filled, '#') + std::string(kWidth - filled, '.');
}

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[160];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

}  // namespace

void Console::say(std::string_view text) {
  if (is_json_) {
    event({{"event", "message"}, {"text", text}});
    return;
  }
  std::fprintf(stdout, "%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(stdout);
}

void Console::warn(std::string_view text) {
  if (is_json_) {
    event({{"event", "warning"}, {"text", text}});
    return;
  }
  std::fprintf(stderr, "warning: %.*s\n", static_cast<int>(text.size()), text.data());
}

void Console::event(const nlohmann::json& event) {
  if (!is_json_) return;
  const std::string line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

Progress::Progress(Console& console, std::string title, int64_t total, int64_t already_done)
    : console_(console),
      title_(std::move(title)),
      total_(total),
      already_done_(already_done),
      start_(std::chrono::steady_clock::now()),
      is_terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (has_open_line_) std::fputc('\n', stderr);
}

void Progress::update(int64_t done, const std::string& detail) {
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const int64_t done_here = done - already_done_;
  const double left =
      done_here > 0 ? elapsed / static_cast<double>(done_here) * static_cast<double>(total_ - done)
                    : 0;
  if (console_.is_json()) {
    console_.event({{"event", "progress"},
                    {"task", title_},
                    {"done", done},
                    {"total", total_},
                    {"elapsed_seconds", elapsed},
                    {"left_seconds", left},
                    {"detail", detail}});
    return;
  }
  const std::string time =
      done < total_ ? format_seconds(left) + " left" : "took " + format_seconds(elapsed);
  const std::string line =
      is_terminal_
          ? format("%s [%s] %lld/%lld  %s", title_.c_str(), bar_of(done, total_).c_str(),
                   static_cast<long long>(done), static_cast<long long>(total_), time.c_str())
          : format("%s %lld/%lld  %s", title_.c_str(), static_cast<long long>(done),
                   static_cast<long long>(total_), time.c_str());
  std::fprintf(stderr, "%s%s  %s%s", is_terminal_ ? "\r" : "", line.c_str(), detail.c_str(),
               is_terminal_ ? "\033[K" : "\n");
  std::fflush(stderr);
  has_open_line_ = is_terminal_;
}

StatusLine::StatusLine(Console& console)
    : console_(console),
      last_line_(std::chrono::steady_clock::now()),
      is_terminal_(isatty(STDERR_FILENO) != 0) {}

StatusLine::~StatusLine() {
  if (has_open_line_) std::fputc('\n', stderr);
}

void StatusLine::renew(const std::string& text) {
  if (console_.is_json()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal_ && now - last_line_ < std::chrono::minutes(1)) return;
  last_line_ = now;
  std::fprintf(stderr, is_terminal_ ? "\r%s\033[K" : "%s\n", text.c_str());
  std::fflush(stderr);
  has_open_line_ = is_terminal_;
}

void StatusLine::settle(const std::string& text) {
  if (console_.is_json()) return;
  last_line_ = std::chrono::steady_clock::now();
  std::fprintf(stderr, is_terminal_ ? "\r%s\033[K\n" : "%s\n", text.c_str());
  std::fflush(stderr);
  has_open_line_ = false;
}

std::string format_seconds(double seconds) {
  if (seconds < 59.95) return format("%.1f s", seconds);
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return format("%lld min %02lld s", whole / 60, whole % 60);
  return format("%lld h %02lld min", whole / 3600, whole % 3600 / 60);
}

std::string format_bytes(double bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  while (bytes >= 999.5 && unit < 4) {
    bytes /= 1000;
    ++unit;
  }
  return format(unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() { return interrupted; }

}  // namespace tessera::cli
