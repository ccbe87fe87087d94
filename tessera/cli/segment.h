// The commands of `tessera segment`, and what they share.
#pragma once

#include <CLI/CLI.hpp>

#include "tessera/cli/command.h"
#include "tessera/cli/console.h"

namespace tessera::cli {

void add_segment_check(CLI::App& group, Console& console, Run& chosen);
void add_segment_train(CLI::App& group, Console& console, Run& chosen);
void add_segment_predict(CLI::App& group, Console& console, Run& chosen);
void add_segment_evaluate(CLI::App& group, Console& console, Run& chosen);

/// Stands wherever masks leave the program.
inline constexpr const char* kResearchOnly =
    "For research only: not a medical device, not for diagnosis or treatment.";

}  // namespace tessera::cli
