// tessera compare: the same film dense and lite, and what the difference is.
#include <filesystem>
#include <memory>

#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/comparison.h"
#include "tessera/cli/output_folder.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

struct Options {
  FilmOptions film;
  std::string output = "comparison";
  bool is_forced = false;
};

/// Ctrl-C: the dense film is kept if it is whole, without a report.
[[noreturn]] void end_early(const LoadedModel& loaded, const Comparison& comparison,
                            OutputFolder& folder, const std::string& name) {
  if (!comparison.dense)
    throw Interrupted("[compare] stopped before a film was whole; nothing was written");
  write_dense_film(loaded, comparison, folder.temporary_path());
  folder.commit();
  throw Interrupted(
      concat("[compare] stopped before the lite film was whole; the dense film is in ", name));
}

int run_compare(Console& console, Options options) {
  check_output_folder(options.output, options.is_forced);
  options.film.attention.attention = "lite";
  resolve_attention(options.film, console);
  const LoadedModel loaded = load_model(options.film);
  Comparison comparison = plan_comparison(loaded, options.film, options.output);
  OutputFolder folder(options.output, options.is_forced);
  run_comparison(console, "", loaded, comparison);
  if (!comparison.lite) end_early(loaded, comparison, folder, options.output);
  const auto report = write_comparison(loaded, comparison, folder.temporary_path(), "");
  folder.commit();
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
      "  tessera compare -p \"a white ring growing\" --size 128x128 --target-sparsity 0.3 -o ring");
  add_film_flags(*command, options->film);
  add_attention_flags(*command, options->film.attention, false);
  add_output_flag(*command, options->output, "Folder for films, report.json and index.html");
  add_force_flag(*command, options->is_forced);
  finish_command(*command, console, chosen,
                 [&console, options] { return run_compare(console, *options); });
}

}  // namespace tessera::cli
