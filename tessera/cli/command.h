// How a subcommand joins the program: it adds its flags, and a function to run.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "tessera/cli/console.h"

namespace tessera::cli {

/// Exit codes of the program.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kInputData = 3,
  kOutOfMemory = 4,
  kInterrupted = 130,
};

/// Returns the exit code; throws the Error family for what went wrong.
using Run = std::function<int()>;

/// Each adds one subcommand to the program and calls `chosen` with its function when the user
/// picked it.
void add_generate(CLI::App& program, Console& console, Run& chosen);
void add_compare(CLI::App& program, Console& console, Run& chosen);
void add_contact_sheet(CLI::App& program, Console& console, Run& chosen);
void add_demo(CLI::App& program, Console& console, Run& chosen);
void add_segment(CLI::App& program, Console& console, Run& chosen);  // a group
void add_train_demo_video(CLI::App& program, Console& console, Run& chosen);
void add_train_demo_sam(CLI::App& program, Console& console, Run& chosen);
void add_evaluate_demo_sam(CLI::App& program, Console& console, Run& chosen);
void add_calibrate(CLI::App& program, Console& console, Run& chosen);
void add_bench(CLI::App& program, Console& console, Run& chosen);    // a group
void add_doctor(CLI::App& program, Console& console, Run& chosen);

}  // namespace tessera::cli
