// tessera bench: what skipping costs in quality. Speed is measured in bench/.
#include "tessera/cli/bench.h"

namespace tessera::cli {

void add_bench(CLI::App& program, Console& console, Run& chosen) {
  auto* group = program.add_subcommand("bench", "Measure what tile-skipping decisions are worth");
  group->require_subcommand(1);
  add_bench_decisions(*group, console, chosen);
}

}  // namespace tessera::cli
