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
    return report(console, kOutOfMemory, "out of memory: try fewer frames, a smaller size or batch");
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

/// The first word that should be a command and is none: "tessera paint", "tessera segment paint".
/// Empty where there is none.
std::string unknown_command(const CLI::App& program, int argc, char** argv) {
  const CLI::App* group = &program;
  std::string words;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto commands = group->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty()) return "";
    words += (words.empty() ? "" : " ") + std::string(argv[i]);
    const auto found = std::find_if(commands.begin(), commands.end(), [&](const CLI::App* command) {
      return command->get_name() == argv[i];
    });
    if (found == commands.end()) return words;
    group = *found;
  }
  return "";
}

/// The command that the words chose, as far as they were understood: for "see `... --help`".
std::string chosen_command(const CLI::App& program) {
  std::string name = "tessera";
  for (const auto* app = &program; !app->get_subcommands().empty();) {
    app = app->get_subcommands().front();
    name += " " + app->get_name();
  }
  return name;
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
  add_segment(program, console, chosen);
  add_train_demo_video(program, console, chosen);
  add_train_demo_sam(program, console, chosen);
  add_evaluate_demo_sam(program, console, chosen);
  add_calibrate(program, console, chosen);
  add_bench(program, console, chosen);
  add_doctor(program, console, chosen);
  if (const auto words = unknown_command(program, argc, argv); !words.empty()) {
    const auto group = words.substr(0, words.rfind(' ') == words.npos ? 0 : words.rfind(' ') + 1);
    return report(console, kUsage,
                  concat("there is no command \"", words, "\" (see `tessera ", group, "--help`)"));
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return program.exit(request);
  } catch (const CLI::ParseError& error) {
    return report(console, kUsage,
                  concat(error.what(), " (see `", chosen_command(program), " --help`)"));
  }
  watch_for_interrupt();  // before anything is written, so that Ctrl-C leaves nothing behind
  return run_and_report(console, chosen);
}

}  // namespace
}  // namespace tessera::cli

int main(int argc, char** argv) { return tessera::cli::run_program(argc, argv); }
