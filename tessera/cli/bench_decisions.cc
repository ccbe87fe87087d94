// tessera bench decisions: films by each policy against the dense film, at equal sparsity.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

#include "tessera/cli/bench.h"
#include "tessera/cli/checks.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/decision_rows.h"
#include "tessera/cli/film_run.h"
#include "tessera/cli/pages/decision_table.h"
#include "tessera/cli/prompt_file.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/safetensors.h"
#include "tessera/media/quality.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  FilmOptions film;
  std::string output = "decisions", prompt_file, calibration;
  int64_t prompts = 4, first_prompt = 0;
  std::vector<std::string> rows;
  std::vector<double> sparsities = {0.2, 0.3};
  bool has_recall = true;
};

/// Everything that must be the same for results to be compared; kept beside them.
nlohmann::json study_of(const Options& options, const LoadedModel& loaded,
                        const std::vector<std::string>& prompts) {
  FilmOptions film = options.film;
  film.prompt = "any";
  const auto request = make_request(film, loaded.model.config);
  return {{"schema", "tessera.decisions/2"},
          {"model", loaded.digests},
          {"size", concat(request.width, "x", request.height)},
          {"frames", request.frames},
          {"steps", request.steps},
          {"guidance", request.guidance},
          {"shift", request.shift},
          {"seed", options.film.seed},
          {"device", options.film.device},
          {"prompts", prompts}};
}

/// Makes the folder, or checks that what lies in it belongs to the same study.
void open_folder(const Options& options, const nlohmann::json& study) {
  const fs::path path = fs::path(options.output) / "study.json";
  if (fs::exists(path)) {
    const auto found = nlohmann::json::parse(read_text(path), nullptr, false);
    if (found != study) {
      throw IoError(concat(path.string(), ": is of a study with other settings: ", study.dump(),
                           ", got: ", found.is_discarded() ? "no JSON" : found.dump()));
    }
    return;
  }
  std::error_code failure;
  fs::create_directories(options.output, failure);
  if (failure) throw IoError(options.output + ": cannot be made: " + failure.message());
  write_file(path, study.dump(1) + "\n");
}

void save_film(const fs::path& path, const media::Frames& film) {
  const std::vector<int64_t> shape = {film.num_frames, film.height, film.width, 3};
  save_safetensors(
      path,
      {{"frames",
        {.dtype = DType::kUInt8, .shape = shape, .bytes = std::as_bytes(std::span(film.rgb))}}},
      {});
}

media::Frames load_film(const fs::path& path, double fps) {
  const SafetensorsFile file(path);
  const auto& stored = file.at("frames");
  if (stored.dtype != DType::kUInt8 || stored.shape.size() != 4 || stored.shape[3] != 3) {
    throw IoError(path.string() + ": `frames` must be uint8 [F, H, W, 3]");
  }
  media::Frames film{.num_frames = static_cast<int>(stored.shape[0]),
                     .height = static_cast<int>(stored.shape[1]),
                     .width = static_cast<int>(stored.shape[2]),
                     .fps = fps,
                     .rgb = {}};
  const auto* bytes = reinterpret_cast<const uint8_t*>(stored.bytes.data());
  film.rgb.assign(bytes, bytes + stored.bytes.size());
  return film;
}

class Study {
 public:
  Study(Console& console, const LoadedModel& loaded, const Options& options,
        std::vector<std::string> prompts)
      : console_(console), loaded_(loaded), options_(options), prompts_(std::move(prompts)) {}

  fs::path results() const { return fs::path(options_.output) / "results.jsonl"; }

  /// Makes the films that are missing; results are kept film by film.
  void run(const std::vector<DecisionRow>& rows) {
    struct Job {
      const DecisionRow* row;
      double level;
      int64_t prompt;
    };
    std::vector<Job> jobs;
    const auto done = pages::read_runs(results());
    // Prompt by prompt: a study that is stopped has whole prompts to compare.
    const int64_t end = options_.first_prompt + options_.prompts;
    for (int64_t prompt = options_.first_prompt; prompt < end; ++prompt) {
      for (const auto& row : rows) {
        for (const double level : row.levels) {
          const bool is_done = std::any_of(done.begin(), done.end(), [&](const auto& run) {
            return run.row == row.name && run.level == level && run.prompt == prompt;
          });
          if (!is_done) jobs.push_back({&row, level, prompt});
        }
      }
    }
    for (size_t i = 0; i < jobs.size(); ++i) {
      const auto& [row, level, prompt] = jobs[i];
      const auto title = concat(i + 1, "/", jobs.size(), " ", row->name, " ", level, " #", prompt);
      pages::append_run(results(), run_one(*row, level, prompt, title));
    }
  }

 private:
  video::GeneratedVideo film(const AttentionOptions& attention, int64_t prompt,
                             const std::string& title) {
    FilmOptions options = options_.film;
    options.prompt = prompts_[prompt % static_cast<int64_t>(prompts_.size())];
    options.seed = options_.film.seed + prompt;
    options.attention = attention;
    auto request = make_request(options, loaded_.model.config);
    request.attention.measures_recall =
        options_.has_recall && request.attention.mode == video::AttentionMode::kLite;
    auto video = run_film(console_, title, loaded_, request);
    if (!video.is_complete) throw Interrupted("[bench decisions] stopped; the results are kept");
    return video;
  }

  media::Frames dense(const std::string& order, const AttentionOptions& attention, int64_t prompt) {
    const fs::path path =
        fs::path(options_.output) / concat("dense_", order, "_", prompt, ".safetensors");
    const double fps = loaded_.model.config.defaults.fps;
    if (fs::exists(path)) return load_film(path, fps);
    AttentionOptions dense{.attention = "dense", .token_order = order};
    dense.token_box = attention.token_box;
    const auto video = film(dense, prompt, concat("dense, ", order, " #", prompt));
    auto frames = nn::tensor_to_film(video.frames, fps);
    save_film(path, frames);
    return frames;
  }

  pages::DecisionRun run_one(const DecisionRow& row, double level, int64_t prompt,
                             const std::string& title) {
    AttentionOptions attention = row.attention;
    attention.attention = "lite";
    row.set_level(attention, level);
    const auto want = dense(attention.token_order, attention, prompt);
    const auto video = film(attention, prompt, title);
    const auto got = nn::tensor_to_film(video.frames, want.fps);
    const auto quality = media::compare_films(want, got, torch_ops::torch_executor());
    double recall = 0;
    int64_t calls = 0;
    for (const auto& step : video.steps) {
      for (const auto& call : step.tiles) recall += call.recall, ++calls;
    }
    const TileSums sums = sum_tiles(video);
    const auto period = static_cast<double>(attention.probe_period);
    return {
        .row = row.name,
        .level = level,
        .prompt = prompt,
        .sparsity = sums.skipped_share(),
        .recall = recall / static_cast<double>(std::max<int64_t>(calls, 1)),
        // The probes were visited too: their 1 / period of the lost mass is not missing.
        .estimated_recall = period > 0 ? (1 + sums.mass.lost / period) / (1 + sums.mass.lost) : 0,
        // An identical film: as much as 8 bits can tell.
        .psnr = std::min(quality.psnr, 99.0),
        .ssim = quality.ssim,
        .seconds = video.seconds};
  }

  Console& console_;
  const LoadedModel& loaded_;
  const Options& options_;
  std::vector<std::string> prompts_;
};

/// How far two dense films are apart that differ only in the order of their sums.
std::string noise_floor(const Options& options, double fps) {
  std::vector<double> values;
  for (int64_t prompt = 0; prompt < options.first_prompt + options.prompts; ++prompt) {
    const auto path = [&](const char* order) {
      return fs::path(options.output) / concat("dense_", order, "_", prompt, ".safetensors");
    };
    if (!fs::exists(path("raster")) || !fs::exists(path("hilbert"))) continue;
    values.push_back(
        std::min(media::compare_films(load_film(path("raster"), fps),
                                      load_film(path("hilbert"), fps), torch_ops::torch_executor())
                     .psnr,
                 99.0));
  }
  if (values.empty()) return "";
  const double least = *std::min_element(values.begin(), values.end());
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  char text[128];
  std::snprintf(text, sizeof(text),
                "Noise floor (dense, Hilbert against raster): mean %.1f dB, least %.1f dB.", mean,
                least);
  return text;
}

int run_decisions(Console& console, const Options& options) {
  const auto rows = decision_rows(options.rows, options.calibration);
  for (const double sparsity : options.sparsities) {
    TESSERA_CHECK(0 < sparsity && sparsity < 1,
                  "[--at] a sparsity must be in (0, 1), got: ", sparsity);
  }
  const LoadedModel loaded = load_model(options.film);
  const auto prompts = read_prompt_file(options.prompt_file);
  open_folder(options, study_of(options, loaded, prompts));
  Study study(console, loaded, options, prompts);
  study.run(rows);

  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.name);
  const auto runs = pages::read_runs(study.results());
  const auto report =
      concat(pages::decision_table(runs, names, kBaseDecisionRow, options.sparsities), "\n",
             pages::level_table(runs, names), "\n",
             noise_floor(options, loaded.model.config.defaults.fps), "\n");
  write_file(fs::path(options.output) / "table.md", report);
  console.say(report);
  return kOk;
}

}  // namespace

void add_bench_decisions(CLI::App& group, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = group.add_subcommand(
      "decisions",
      "Films by each policy and token order against the dense film of the same noise: sparsity,\n"
      "recall, PSNR and SSIM at equal sparsity, with paired differences. Results are kept film by\n"
      "film in the folder; the same command goes on where it was stopped.\n\n"
      "  tessera bench decisions -o decisions --prompts 4\n"
      "  tessera bench decisions -o decisions --prompts 32 --size 128x128 --at 0.2,0.3,0.4,0.5");
  add_film_flags(*command, options->film);
  add_output_flag(*command, options->output, "folder");
  command
      ->add_option("--prompts", options->prompts,
                   "How many prompts; after the last they repeat with other noise")
      ->check(number_in(1, 100000))
      ->capture_default_str();
  command->add_option("--first-prompt", options->first_prompt, "Index of the first one")
      ->check(not_negative())
      ->capture_default_str();
  command->add_option("--prompt-file", options->prompt_file,
                      "A file with a prompt on a line (default: 16 of the demo model's)");
  command->add_option("--calibration", options->calibration,
                      "From tessera calibrate: adds a row that uses it");
  command->add_option("--row", options->rows, "Only this row; may be given several times");
  command->add_option("--at", options->sparsities, "Sparsities to compare at")
      ->delimiter(',')
      ->capture_default_str();
  command->add_flag("!--no-recall", options->has_recall,
                    "Do not measure the recall (it costs a dense attention call each time)");
  finish_command(*command, console, chosen,
                 [&console, options] { return run_decisions(console, *options); });
}

}  // namespace tessera::cli
