// The flags that most commands have, each written once.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "tessera/cli/command.h"
#include "tessera/cli/console.h"

namespace tessera::cli {

/// Adds -o/--output; the value that `output` has is the default, if any.
void add_output_flag(CLI::App& command, std::string& output, const std::string& what);

/// Adds --force.
void add_force_flag(CLI::App& command, bool& is_forced);

/// Adds --json and --config, and makes `run` what the program does when this command is chosen,
/// after the flags of --config were applied.
void finish_command(CLI::App& command, Console& console, Run& chosen, Run run);

}  // namespace tessera::cli
