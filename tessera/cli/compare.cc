// tessera compare: the same film dense and lite, and what the difference is.
#include <filesystem>
#include <memory>

#include "tessera/cli/command.h"
#include "tessera/cli/comparison.h"
#include "tessera/cli/output_folder.h"
#include "tessera/cli/settings_file.h"

namespace tessera::cli {
namespace {

struct Options {
  FilmOptions film;
  std::string output = "comparison";
  bool is_forced = false;
};

int run_compare(Console& console, Options options) {
  options.film.attention = "lite";
  resolve_attention(options.film, console);
  OutputFolder output(options.output, options.is_forced);
  const LoadedModel loaded = load_model(options.film);
  const auto report =
      make_comparison(console, "", loaded, options.film, output.temporary_path(), "");
  output.commit();
  console.say(pages::verdict(report));
  console.say((std::filesystem::path(options.output) / "index.html").string());
  return kOk;
}

}  // namespace

void add_compare(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand(
      "compare",
      "Make a film with dense and with tile-skipping attention from one seed, and report speed,\n"
      "skipped tiles, PSNR and SSIM on a page.\n\n"
      "  tessera compare -p \"two red circles moving left\" -o circles\n"
      "  tessera compare -p \"a white ring growing\" --size 128x128 --threshold -5 -o ring");
  add_film_flags(*command, options->film, false);
  command
      ->add_option("-o,--output", options->output, "Folder for films, report.json and index.html")
      ->capture_default_str();
  command->add_flag("--force", options->is_forced, "Replace the folder if it exists");
  command->add_flag_callback(
      "--json", [&console] { console.use_json_events(); }, "Events as JSON lines");
  add_config_flag(*command);
  command->callback([&console, &chosen, command, options] {
    chosen = [&console, command, options] {
      apply_config_flag(*command);
      return run_compare(console, *options);
    };
  });
}

}  // namespace tessera::cli
