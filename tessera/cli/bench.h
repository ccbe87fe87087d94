// The commands of `tessera bench`.
#pragma once

#include "tessera/cli/command.h"

namespace tessera::cli {

void add_bench_decisions(CLI::App& group, Console& console, Run& chosen);

}  // namespace tessera::cli
