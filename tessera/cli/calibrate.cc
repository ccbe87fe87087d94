// tessera calibrate: budgets by layer, step and head from a few dense films.
#include <memory>

#include <ATen/ops/empty.h>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/film_run.h"
#include "tessera/cli/prompt_file.h"
#include "tessera/core/error.h"
#include "tessera/media/video_writer.h"

namespace tessera::cli {
namespace {

struct Options {
  FilmOptions film;
  std::string output = "calibration.json", prompt_file;
  double target_sparsity = 0.3;
  int64_t prompts = 2;
  bool is_forced = false;
};

int run_calibrate(Console& console, Options options) {
  media::refuse_existing_file(options.output, options.is_forced);
  options.film.attention.attention = "dense";
  const LoadedModel loaded = load_model(options.film);
  const auto& config = loaded.model.config;
  const auto prompts = options.film.prompt.empty() ? read_prompt_file(options.prompt_file)
                                                   : std::vector<std::string>{options.film.prompt};
  std::unique_ptr<attention::CalibrationRecorder> recorder;
  attention::CalibrationKey key;
  for (int64_t i = 0; i < options.prompts; ++i) {
    FilmOptions film = options.film;
    film.prompt = prompts[i % prompts.size()];
    film.seed += i;
    auto request = make_request(film, config);
    if (recorder == nullptr) {
      recorder = std::make_unique<attention::CalibrationRecorder>(
          config.dit.num_layers, config.dit.num_heads, request.steps);
      key = calibration_key(loaded, request);
    }
    request.attention.observer = [&](video::Stream stream, int64_t layer, int64_t step,
                                     const at::Tensor& mass) {
      recorder->add(layer, step, {mass.const_data_ptr<float>(), static_cast<size_t>(mass.numel())},
                    {mass.size(0), mass.size(1), mass.size(2), mass.size(3)},
                    static_cast<int64_t>(stream));
    };
    const auto video =
        run_film(console, concat("calibrate ", i + 1, "/", options.prompts), loaded, request);
    if (!video.is_complete) throw Interrupted("[calibrate] stopped; nothing was written");
  }
  const auto calibration = recorder->solve(options.target_sparsity, key);
  calibration.save(options.output);
  char text[160];
  std::snprintf(text, sizeof(text), "%s  (mean budget %.4f for a sparsity of %.2f)",
                options.output.c_str(), calibration.budget, calibration.expected_sparsity);
  console.say(text);
  console.event({{"event", "calibration"},
                 {"path", options.output},
                 {"budget", calibration.budget},
                 {"expected_sparsity", calibration.expected_sparsity}});
  return kOk;
}

}  // namespace

void add_calibrate(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  options->film.attention.attention = "dense";
  auto* command = program.add_subcommand(
      "calibrate",
      "Find budgets by layer, head and step from a few dense films of a model, for the policy "
      "mass.\n\n"
      "  tessera calibrate --target-sparsity 0.35 -o calibration.json\n"
      "  tessera generate -p \"a red circle\" --calibration calibration.json -o circle.mp4");
  add_film_flags(*command, options->film);
  command
      ->add_option("--target-sparsity", options->target_sparsity,
                   "Share of all tiles that films should skip")
      ->check(number_in(0, 0.95, true))
      ->capture_default_str();
  command->add_option("--prompts", options->prompts, "How many films")
      ->check(number_in(1, 1000))
      ->capture_default_str();
  command->add_option("--prompt-file", options->prompt_file,
                      "A file with a prompt on a line (default: 16 of the demo model's)");
  add_calibration_flags(*command, options->film.attention);
  add_output_flag(*command, options->output, "file");
  add_force_flag(*command, options->is_forced);
  finish_command(*command, console, chosen,
                 [&console, options] { return run_calibrate(console, *options); });
}

}  // namespace tessera::cli
