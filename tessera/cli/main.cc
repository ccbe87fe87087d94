// tessera: one program, one subcommand a job. Turns errors into one clear message and an exit code.
#include <algorithm>
#include <cstdio>
#include <new>

#include <c10/util/Exception.h>

#include "tessera/cli/command.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

int report(Console& console, int code, std::string_view text) {
  if (console.is_json()) {
    console.event({{"event", "error"}, {"exit_code", code}, {"text", text}});
  } else {
    std::fprintf(stderr, "tessera: %.*s\n", static_cast<int>(text.size()), text.data());
  }
  return code;
}

int run_and_report(Console& console, const Run& run) {
  try {
    return run();
  } catch (const InvalidArgument& error) {
    return report(console, kUsage, error.what());
  } catch (const IoError& error) {
    return report(console, kInputData, error.what());
  } catch (const Unsupported& error) {
    return report(console, kUsage, error.what());
  } catch (const Interrupted& error) {
    return report(console, kInterrupted, error.what());
  } catch (const Error& error) {
    return report(console, kFailed, error.what());
  } catch (const std::bad_alloc&) {
    return report(console, kOutOfMemory, "out of memory: try fewer frames or a smaller size");
  } catch (const c10::OutOfMemoryError& error) {
    return report(console, kOutOfMemory, error.what_without_backtrace());
  } catch (const c10::Error& error) {
    // Torch's CPU allocator reports exhaustion as a plain error with this text.
    const std::string text = error.what_without_backtrace();
    const bool is_memory = text.find("not enough memory") != std::string::npos;
    return report(console, is_memory ? kOutOfMemory : kFailed, text);
  } catch (const std::exception& error) {
    return report(console, kFailed, error.what());
  }
}

bool is_command(CLI::App& program, const std::string& name) {
  const auto commands = program.get_subcommands([](CLI::App*) { return true; });
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CLI::App* command) { return command->get_name() == name; });
}

int run_program(int argc, char** argv) {
  Console console;
  Run chosen;
  CLI::App program(
      "Films and masks from frozen vision transformers, with fewer computations.\n"
      "Start with `tessera demo -o demo_out`.");
  program.name("tessera");
  program.set_version_flag("--version", version_text());
  program.require_subcommand(1);
  add_generate(program, console, chosen);
  add_compare(program, console, chosen);
  add_contact_sheet(program, console, chosen);
  add_demo(program, console, chosen);
  add_train_demo_video(program, console, chosen);
  add_doctor(program, console, chosen);
  if (argc > 1 && argv[1][0] != '-' && !is_command(program, argv[1])) {
    return report(console, kUsage,
                  concat("there is no command \"", argv[1], "\" (see `tessera --help`)"));
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return program.exit(request);
  } catch (const CLI::ParseError& error) {
    const std::string command = program.get_subcommands().empty()
                                    ? "tessera"
                                    : "tessera " + program.get_subcommands().front()->get_name();
    return report(console, kUsage, concat(error.what(), " (see `", command, " --help`)"));
  }
  watch_for_interrupt();  // before anything is written, so that Ctrl-C leaves nothing behind
  return run_and_report(console, chosen);
}

}  // namespace
}  // namespace tessera::cli

int main(int argc, char** argv) { return tessera::cli::run_program(argc, argv); }
