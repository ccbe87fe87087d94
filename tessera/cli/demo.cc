// tessera demo: what the program does, on one page, with nothing to download.
#include <chrono>
#include <filesystem>
#include <memory>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/comparison.h"
#include "tessera/cli/output_folder.h"
#include "tessera/cli/pages/demo_index_page.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string output = "demo_out", model = "demo-video";
  int threads = 0;
  bool is_forced = false;
};

/// Films that show what the model and the skipping can do, the first at the model's usual size,
/// the second with twice the tokens, where skipping pays more.
struct DemoFilm {
  const char* folder;
  const char* prompt;
  const char* size;
  int64_t seed;
};
constexpr DemoFilm kFilms[] = {
    {"circles", "two red circles moving left on a blue background", "128x64", 1},
    {"star", "a yellow star spinning on a black background", "128x128", 2},
};

int run_demo(Console& console, const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  OutputFolder output(options.output, options.is_forced);
  FilmOptions film;
  film.model = options.model;
  film.threads = options.threads;
  film.attention = "lite";
  const LoadedModel loaded = load_model(film);
  console.say(concat("Making ", std::size(kFilms),
                     " films, each dense and lite; about 3 minutes on 2 cores."));

  pages::DemoSection section;
  section.title = "Films, dense and lite";
  section.text =
      "Each pair starts from the same noise. The dense film computes all of attention in every "
      "step; "
      "the lite one leaves out the tiles that stopped to matter, and remembers them from step to "
      "step.";
  for (const auto& entry : kFilms) {
    film.prompt = entry.prompt;
    film.size = entry.size;
    film.seed = entry.seed;
    pages::DemoComparison comparison;
    comparison.folder = concat(entry.folder, "/");
    comparison.report = make_comparison(console, concat(entry.folder, " "), loaded, film,
                                        output.temporary_path() / entry.folder, "../index.html");
    console.say(concat(entry.folder, ": ", pages::verdict(comparison.report)));
    section.comparisons.push_back(std::move(comparison));
  }
  pages::DemoIndex index;
  index.title = "Tessera";
  index.text =
      "Films from words, made on this machine by a small model that ships with the program.";
  index.footer = concat("tessera ", version(), " (", commit(), "), torch ", torch_version(), ", ",
                        machine_name());
  index.sections.push_back(std::move(section));
  write_file(output.temporary_path() / "index.html", pages::demo_index_page(index));
  output.commit();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  console.say(concat("Open ", (std::filesystem::path(options.output) / "index.html").string(),
                     "  (took ", format_seconds(took.count()), ")"));
  return kOk;
}

}  // namespace

void add_demo(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand("demo",
                                         "Show what the program does, on one page.\n\n"
                                         "  tessera demo -o demo_out");
  command->add_option("-o,--output", options->output, "Folder for the page and the films")
      ->capture_default_str();
  command->add_option("--model", options->model, "Model name or folder")->capture_default_str();
  command->add_option("--threads", options->threads, "CPU threads (default: all)")
      ->check(positive());
  command->add_flag("--force", options->is_forced, "Replace the folder if it exists");
  command->add_flag_callback(
      "--json", [&console] { console.use_json_events(); }, "Events as JSON lines");
  command->callback([&console, &chosen, options] {
    chosen = [&console, options] { return run_demo(console, *options); };
  });
}

}  // namespace tessera::cli
