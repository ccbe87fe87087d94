// tessera train-demo-video: trains the model that ships with the program.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/training_command.h"
#include "tessera/core/error.h"
#include "tessera/video/demo/recipe.h"
#include "tessera/video/demo/trainer.h"

namespace tessera::cli {
namespace {

struct Options : TrainingOptions {
  std::string initial_model;
  double batch_scale = 1;
  video::TrainingSettings settings;
};

std::string describe(const video::TrainingProgress& progress) {
  char text[200];
  std::snprintf(text, sizeof(text), "step %lld  loss %.4f  gradient %.2f  rate %.2e  %.0f clips/s",
                static_cast<long long>(progress.step), progress.loss, progress.gradient_norm,
                progress.learning_rate,
                progress.samples / std::max(1e-9, progress.elapsed_seconds));
  return text;
}

int run_training(Console& console, const Options& options) {
  prepare_run_folder(options);
  WorkerProcesses workers;
  const auto communicator = join_ranks(options, "train-demo-video", workers);
  video::TrainingJob job;
  fill_job(job, options, *communicator);
  job.config = video::demo_video_config();
  job.settings = options.settings;
  for (auto& stage : job.settings.stages) {
    for (auto& entry : stage.shapes) {
      entry.batch = std::max<int64_t>(1, static_cast<int64_t>(entry.batch * options.batch_scale));
    }
  }
  if (!options.initial_model.empty()) job.initial_model = options.initial_model;
  std::optional<Progress> progress;
  job.report = [&](const video::TrainingProgress& now) {
    const auto done = static_cast<int64_t>(now.fraction * 1000);
    if (!progress) progress.emplace(console, "train", 1000, done);  // a resumed run starts here
    progress->update(done, describe(now));
  };
  return finish_training(console, options, video::train_demo_video(job), workers);
}

}  // namespace

void add_train_demo_video(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  options->settings = video::demo_training_settings();
  auto* command = program.add_subcommand(
      "train-demo-video",
      "Train the demo video model from clips that the program draws itself.\n\n"
      "  tessera train-demo-video -o run --device cuda --num-devices 2 --minutes 20\n"
      "  tessera train-demo-video -o run --resume --device cuda --num-devices 2 --minutes 20\n"
      "  tessera train-demo-video -o try --steps 20 --batch-scale 0.05     (on a CPU, to see it "
      "work)");
  add_training_flags(*command, *options, options->settings);
  command->add_option("--init", options->initial_model,
                      "Model folder to start from instead of random weights");
  command->add_option("--batch-scale", options->batch_scale, "Multiplies the recipe's batch sizes")
      ->check(number_in(0, 1000, true))
      ->capture_default_str();
  finish_command(*command, console, chosen,
                 [&console, options] { return run_training(console, *options); });
}

}  // namespace tessera::cli
