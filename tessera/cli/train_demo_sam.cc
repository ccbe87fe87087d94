// tessera train-demo-sam: trains the promptable model that ships with the program.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/models.h"
#include "tessera/cli/prompt_scoring.h"
#include "tessera/cli/training_command.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/segmentation/demo_sam/evaluation_sets.h"
#include "tessera/segmentation/demo_sam/recipe.h"
#include "tessera/segmentation/sam/sam_files.h"

namespace tessera::cli {
namespace {

struct Options : TrainingOptions {
  bool is_tiny = false;
  int64_t batch = 0;          // 0: the recipe's
  int loader_threads = -1;    // -1: what the machine has to spare
  double uses_per_scene = 0;  // 0: the recipe's
  int num_scored = 50;
  std::string initial_model;
  bool has_learning_rate = false;  // the flag was given, so it beats either recipe's
  segmentation::SamTrainingSettings settings;
};

std::string describe(const nn::TrainingProgress& progress) {
  char text[240];
  std::string measures;
  for (size_t i = 0; i < progress.others.size(); ++i) {
    std::snprintf(text, sizeof(text), "  %s %.3f", segmentation::kSamMeasures[i],
                  progress.others[i]);
    measures += text;
  }
  std::snprintf(text, sizeof(text),
                "step %lld  loss %.4f%s  gradient %.2f  rate %.2e  %.1f images/s",
                static_cast<long long>(progress.step), progress.loss, measures.c_str(),
                progress.gradient_norm, progress.learning_rate,
                progress.samples / std::max(1e-9, progress.elapsed_seconds));
  return text;
}

/// Each rank's share of the processors, less one for the steps themselves.
int spare_threads(int num_ranks) {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / num_ranks - 1);
}

/// Scores the averaged weights on held-out scenes.
void score_model(Console& console, const Options& options) {
  constexpr int kInstancesOfAScene = 20;
  const auto sam = segmentation::load_sam(options.folder() / "model");
  const auto scenes = segmentation::held_out_scenes(static_cast<int>(sam->config.image_size),
                                                    options.num_scored, kInstancesOfAScene);
  const std::string name = concat("generated scenes (", options.num_scored, ")");
  const auto scores = score_prompts(console, *sam, scenes, options.own_device());
  say_prompt_scores(console, scores, name);
  write_file(options.folder() / "scores.json", segmentation::prompt_scores_json(scores, name));
}

/// The recipe for given weights, with what the flags say.
segmentation::SamTrainingSettings continued_settings(const Options& options) {
  const auto& flags = options.settings;
  auto settings = segmentation::demo_sam_continued_settings();
  settings.max_steps = flags.max_steps;
  settings.max_minutes = flags.max_minutes;
  settings.pause_after_minutes = flags.pause_after_minutes;
  settings.seed = flags.seed;
  if (options.has_learning_rate) settings.learning_rate = flags.learning_rate;
  return settings;
}

int run_training(Console& console, const Options& options) {
  prepare_run_folder(options);
  WorkerProcesses workers;
  const auto communicator = join_ranks(options, "train-demo-sam", workers);
  segmentation::SamTrainingJob job;
  fill_job(job, options, *communicator);
  job.config = options.is_tiny ? segmentation::tiny_sam_config() : segmentation::demo_sam_config();
  job.settings = options.settings;
  if (!options.initial_model.empty()) {
    job.settings = continued_settings(options);
    job.initial_model = find_model(options.initial_model);
  }
  if (options.batch > 0) job.settings.batch = options.batch;
  if (options.uses_per_scene > 0) job.settings.uses_per_scene = options.uses_per_scene;
  job.settings.loader_threads =
      options.loader_threads >= 0 ? options.loader_threads : spare_threads(options.num_devices);
  std::optional<Progress> progress;
  job.report = [&](const nn::TrainingProgress& now) {
    const auto done = static_cast<int64_t>(now.fraction * 1000);
    if (!progress) progress.emplace(console, "train", 1000, done);  // a resumed run starts here
    progress->update(done, describe(now));
  };
  const nn::TrainingEnd end = segmentation::train_demo_sam(job);
  const int code = finish_training(console, options, end, workers);
  if (options.rank == 0 && end == nn::TrainingEnd::kFinished && options.num_scored > 0)
    score_model(console, options);
  return code;
}

}  // namespace

void add_train_demo_sam(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  options->settings = segmentation::demo_sam_training_settings();
  auto* command = program.add_subcommand(
      "train-demo-sam",
      "Train the demo Segment Anything Model from scenes that the program draws itself.\n\n"
      "  tessera train-demo-sam -o run --device cuda --num-devices 2 --minutes 15\n"
      "  tessera train-demo-sam -o run --resume --device cuda --num-devices 2 --minutes 15\n"
      "  tessera train-demo-sam -o better --init run/model --device cuda --minutes 15\n"
      "  tessera train-demo-sam -o try --steps 20 --tiny                   (on a CPU, to see it "
      "work)");
  add_training_flags(*command, *options, options->settings);
  command->add_flag("--tiny", options->is_tiny, "A far smaller network on 128-pixel scenes");
  command->add_option("--init", options->initial_model,
                      "Start from the weights of this model (a name or folder) instead of random "
                      "ones; --resume takes it again");
  command->add_option("--batch", options->batch, "Images a step and GPU; 0: the recipe's")
      ->check(not_negative());
  command
      ->add_option("--uses-per-scene", options->uses_per_scene,
                   "How often each scene is used, for slow processors; 0: the recipe's")
      ->check(not_negative());
  command
      ->add_option("--loader-threads", options->loader_threads,
                   "Threads a GPU that draw scenes; -1: all that are spare")
      ->check(number_in(-1, 1024))
      ->capture_default_str();
  command
      ->add_option("--score-scenes", options->num_scored,
                   "At the end, measure on so many held-out scenes")
      ->check(not_negative())
      ->capture_default_str();
  finish_command(*command, console, chosen, [&console, options, command] {
    options->has_learning_rate = command->count("--learning-rate") > 0;
    return run_training(console, *options);
  });
}

}  // namespace tessera::cli
