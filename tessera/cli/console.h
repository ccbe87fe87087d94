// What the program says while it works: messages, progress with the time left, Ctrl-C.
//
// The only room that prints is cli, and it prints through these. Progress goes to standard error:
// a line that renews itself on a terminal, a plain line a step elsewhere; standard output is for
// results. With --json, events go to standard output, one JSON object a line, and nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace tessera::cli {

class Console {
 public:
  /// Plain text for people, or events for programs.
  void use_json_events() { is_json_ = true; }
  bool is_json() const { return is_json_; }

  /// A line of result or news.
  void say(std::string_view text);
  void warn(std::string_view text);

  /// An event for programs; dropped unless --json.
  void event(const nlohmann::json& event);

 private:
  bool is_json_ = false;
};

/// Progress over a known number of steps.
class Progress {
 public:
  /// `already_done` steps were finished before this run and took none of its time.
  Progress(Console& console, std::string title, int64_t total, int64_t already_done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` steps of the total are finished; `detail` is shown behind the time left.
  void update(int64_t done, const std::string& detail);

 private:
  Console& console_;
  std::string title_;
  int64_t total_, already_done_;
  std::chrono::steady_clock::time_point start_;
  bool is_terminal_, has_open_line_ = false;
};

/// News on standard error while work of unknown length goes on: passing news renew one line on a
/// terminal, elsewhere they are lines once a minute; settled news stay. Nothing with --json.
class StatusLine {
 public:
  explicit StatusLine(Console& console);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  void renew(const std::string& text);
  void settle(const std::string& text);

 private:
  Console& console_;
  std::chrono::steady_clock::time_point last_line_;
  bool is_terminal_, has_open_line_ = false;
};

/// "4.2 s", "3 min 05 s", "2 h 07 min".
std::string format_seconds(double seconds);

/// "45 kB", "13.9 MB" (powers of ten).
std::string format_bytes(double bytes);

/// From the first call on, Ctrl-C and SIGTERM only set a flag, so that work can end in order; a
/// second one ends the process at once.
void watch_for_interrupt();
bool is_interrupted();

}  // namespace tessera::cli
