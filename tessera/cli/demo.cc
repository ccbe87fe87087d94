// tessera demo: what the program does, on one page, with nothing to download.
#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/comparison.h"
#include "tessera/cli/models.h"
#include "tessera/cli/output_folder.h"
#include "tessera/cli/pages/demo_index_page.h"
#include "tessera/cli/segment_demo.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string output = "demo_out", model = "demo-video", sam = kDefaultSam;
  int threads = 0;
  bool is_forced = false, has_sam = true;
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
    {"crosses", "two cyan crosses moving down on a red background", "128x64", 0},
    {"square", "a blue square bouncing on a yellow background", "128x128", 0},
};

std::vector<Comparison> plan_films(const Options& options, const LoadedModel& loaded,
                                   FilmOptions film) {
  std::vector<Comparison> plans;
  for (const auto& entry : kFilms) {
    film.prompt = entry.prompt;
    film.size = entry.size;
    film.seed = entry.seed;
    plans.push_back(
        plan_comparison(loaded, film, std::filesystem::path(options.output) / entry.folder));
  }
  return plans;
}

pages::DemoSection film_section(std::vector<pages::DemoComparison> comparisons) {
  pages::DemoSection section;
  section.title = "Films, dense and lite";
  section.text =
      "Each pair starts from the same noise. The dense film computes all of attention in every "
      "step; the lite one leaves out the tiles that stopped to matter, and remembers them from "
      "step to step.";
  section.comparisons = std::move(comparisons);
  return section;
}

/// The front page of what is finished.
std::string index_page(std::vector<pages::DemoSection> sections) {
  pages::DemoIndex index;
  index.title = "Tessera";
  index.text =
      "Films from words and masks for images, made on this machine by small models that ship with "
      "the program.";
  index.footer = concat("tessera ", version(), " (", commit(), "), torch ", torch_version(), ", ",
                        machine_name());
  index.sections = std::move(sections);
  return pages::demo_index_page(index);
}

/// Makes and writes the planned films one after the other; Ctrl-C leaves out the unfinished.
std::vector<pages::DemoComparison> make_films(Console& console, const LoadedModel& loaded,
                                              std::vector<Comparison>& plans,
                                              const std::filesystem::path& folder) {
  std::vector<pages::DemoComparison> finished;
  for (size_t i = 0; i < plans.size() && !is_interrupted(); ++i) {
    const std::string name = kFilms[i].folder;
    run_comparison(console, name + " ", loaded, plans[i]);
    if (!plans[i].lite) break;
    pages::DemoComparison comparison;
    comparison.folder = name + "/";
    comparison.report = write_comparison(loaded, plans[i], folder / name, "../index.html");
    console.say(concat(name, ": ", pages::verdict(comparison.report)));
    finished.push_back(std::move(comparison));
    plans[i].dense.reset();  // on disk now
    plans[i].lite.reset();
  }
  return finished;
}

/// What came to be before the end or Ctrl-C.
struct Made {
  std::vector<pages::DemoSection> sections;
  bool is_complete = false;
};

Made make_sections(Console& console, const Options& options, const LoadedModel& loaded,
                   std::vector<Comparison>& plans, const std::filesystem::path& folder) {
  Made made;
  auto films = make_films(console, loaded, plans, folder);
  const bool has_all_films = films.size() == plans.size();
  if (!films.empty()) made.sections.push_back(film_section(std::move(films)));
  if (!has_all_films || is_interrupted()) return made;
  if (!options.has_sam) {
    made.is_complete = true;
    return made;
  }
  const std::string name = "segmentation";
  auto segments = make_segment_demo(
      console,
      {options.sam, folder / name, std::filesystem::path(options.output) / name, name + "/"});
  made.is_complete = segments.has_value();
  if (segments) made.sections.push_back(std::move(*segments));
  return made;
}

int run_demo(Console& console, Options options) {
  const auto start = std::chrono::steady_clock::now();
  check_output_folder(options.output, options.is_forced);
  try {
    find_model(options.sam);
  } catch (const IoError& error) {
    if (options.sam != kDefaultSam) throw;
    console.warn(concat("no segmentation in this demo: ", error.what()));
    options.has_sam = false;
  }
  FilmOptions film;
  film.model = options.model;
  film.threads = options.threads;
  film.attention.attention = "lite";
  const LoadedModel loaded = load_model(film);
  auto plans = plan_films(options, loaded, film);
  OutputFolder folder(options.output, options.is_forced);
  console.say(concat("Making ", plans.size(),
                     " films, each dense and lite, and training on drawn pictures; about 4 to 5 "
                     "minutes on 2 cores."));

  auto made = make_sections(console, options, loaded, plans, folder.temporary_path());
  if (made.sections.empty())
    throw Interrupted("[demo] stopped before two films were whole; nothing was written");
  write_file(folder.temporary_path() / "index.html", index_page(std::move(made.sections)));
  folder.commit();
  const std::string page = (std::filesystem::path(options.output) / "index.html").string();
  if (!made.is_complete)
    throw Interrupted(concat("[demo] stopped; what was finished is on the page: open ", page));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  console.say(concat("Open ", page, "  (took ", format_seconds(took.count()), ")"));
  return kOk;
}

}  // namespace

void add_demo(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand("demo",
                                         "Show what the program does, on one page.\n\n"
                                         "  tessera demo -o demo_out");
  add_output_flag(*command, options->output, "Folder for the page, the films and the masks");
  command->add_option("--model", options->model, "Model name or folder")->capture_default_str();
  command->add_option("--sam", options->sam, "The frozen SAM: model name or folder")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "CPU threads (default: all)")
      ->check(positive());
  add_force_flag(*command, options->is_forced);
  finish_command(*command, console, chosen,
                 [&console, options] { return run_demo(console, *options); });
}

}  // namespace tessera::cli
