#include "tessera/cli/common_flags.h"

#include <utility>

#include "tessera/cli/settings_file.h"

namespace tessera::cli {

void add_output_flag(CLI::App& command, std::string& output, const std::string& what) {
  CLI::Option* option = command.add_option("-o,--output", output, what);
  if (!output.empty()) option->capture_default_str();
}

void add_force_flag(CLI::App& command, bool& is_forced) {
  command.add_flag("--force", is_forced, "Replace the output if it exists");
}

void finish_command(CLI::App& command, Console& console, Run& chosen, Run run) {
  command.add_flag_callback(
      "--json", [&console] { console.use_json_events(); },
      "Events for programs, a JSON object a line");
  command.add_option("--config", "Read flags from a TOML file; the command line wins");
  command.callback([&command, &chosen, run = std::move(run)] {
    chosen = [&command, run] {
      apply_config_flag(command);
      return run();
    };
  });
}

}  // namespace tessera::cli
