// tessera train-demo-video: trains the model that ships with the program.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <unistd.h>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/worker_processes.h"
#include "tessera/core/error.h"
#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"
#include "tessera/video/demo/recipe.h"
#include "tessera/video/demo/trainer.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string output, initial_model, device = "cpu", meeting_file;
  int num_devices = 1, rank = 0;
  double batch_scale = 1;
  bool is_resumed = false;
  video::TrainingSettings settings;
};

/// Rank 0 starts the other ranks; each process then joins the communicator.
std::unique_ptr<nn::Communicator> join(const Options& options, WorkerProcesses& workers) {
  if (options.num_devices == 1) return nn::make_single_communicator();
  TESSERA_CHECK(options.device == "cuda",
                "[train-demo-video] --num-devices needs --device cuda, got: ", options.device);
  std::string meeting_file = options.meeting_file;
  if (options.rank == 0) {
    const auto* cuda = nn::cuda_module();
    const int found = cuda == nullptr ? 0 : cuda->device_count();
    TESSERA_CHECK(found >= options.num_devices, "[train-demo-video] --num-devices asks for ",
                  options.num_devices, " GPUs, found: ", found);
    meeting_file =
        (std::filesystem::path(options.output) / concat("meeting-", ::getpid())).string();
    for (int rank = 1; rank < options.num_devices; ++rank) {
      workers.start({"--rank", std::to_string(rank), "--meeting-file", meeting_file});
    }
  }
  return nn::make_nccl_communicator(options.rank, options.num_devices, options.rank, meeting_file);
}

std::string describe(const video::TrainingProgress& progress) {
  char text[200];
  std::snprintf(text, sizeof(text), "step %lld  loss %.4f  gradient %.2f  rate %.2e  %.0f clips/s",
                static_cast<long long>(progress.step), progress.loss, progress.gradient_norm,
                progress.learning_rate, progress.samples / std::max(1e-9, progress.elapsed_seconds));
  return text;
}

int run_training(Console& console, Options options) {
  // Not by the parser, since --config may give it.
  TESSERA_CHECK(!options.output.empty(),
                "[--output] a run needs a folder (-o FOLDER), got: nothing");
  const std::filesystem::path folder = options.output;
  if (options.rank == 0) {
    const bool has_run = std::filesystem::exists(folder / "checkpoint.safetensors");
    if (options.is_resumed && !has_run)
      throw IoError(concat(options.output, ": has no checkpoint.safetensors to resume"));
    if (!options.is_resumed && has_run) {
      throw IoError(concat(options.output, ": holds a run already; --resume continues it"));
    }
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    if (failure) throw IoError(concat(options.output, ": cannot be made: ", failure.message()));
  }
  WorkerProcesses workers;
  const auto communicator = join(options, workers);
  video::TrainingJob job;
  job.config = video::demo_video_config();
  job.settings = options.settings;
  for (auto& stage : job.settings.stages) {
    for (auto& entry : stage.shapes) {
      entry.batch = std::max<int64_t>(1, static_cast<int64_t>(entry.batch * options.batch_scale));
    }
  }
  job.device = options.num_devices > 1 ? concat("cuda:", options.rank) : options.device;
  job.communicator = communicator.get();
  job.run_folder = folder;
  if (!options.initial_model.empty()) job.initial_model = options.initial_model;
  job.is_resumed = options.is_resumed;
  job.should_stop = is_interrupted;
  std::optional<Progress> progress;
  job.report = [&](const video::TrainingProgress& now) {
    const auto done = static_cast<int64_t>(now.fraction * 1000);
    if (!progress) progress.emplace(console, "train", 1000, done);  // a resumed run starts here
    progress->update(done, describe(now));
  };
  const auto end = video::train_demo_video(job);
  const int code = end == video::TrainingEnd::kInterrupted ? kInterrupted : kOk;
  if (options.rank == 0 && options.num_devices > 1) workers.wait(code);
  if (options.rank == 0) {
    console.say(
        concat(end == video::TrainingEnd::kFinished ? "finished" : "stopped; --resume continues",
               ": the model is in ", (folder / "model").string()));
  }
  return code;
}

}  // namespace

void add_train_demo_video(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  options->settings = video::demo_training_settings();
  auto& settings = options->settings;
  auto* command = program.add_subcommand(
      "train-demo-video",
      "Train the demo video model from clips that the program draws itself.\n\n"
      "  tessera train-demo-video -o run --device cuda --num-devices 2 --minutes 20\n"
      "  tessera train-demo-video -o run --resume --device cuda --num-devices 2 --minutes 20\n"
      "  tessera train-demo-video -o try --steps 20 --batch-scale 0.05     (on a CPU, to see it "
      "work)");
  add_output_flag(*command, options->output, "Folder of the run");
  command->add_option("--init", options->initial_model,
                      "Model folder to start from instead of random weights");
  command->add_flag("--resume", options->is_resumed, "Continue the run in the output folder");
  command->add_option("--device", options->device, "cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--num-devices", options->num_devices, "GPUs of this machine to train on")
      ->check(number_in(1, 64))
      ->capture_default_str();
  command->add_option("--steps", settings.max_steps, "End after so many steps")->check(positive());
  command
      ->add_option("--minutes", settings.max_minutes,
                   "End after so many minutes of training in all")
      ->check(positive());
  command
      ->add_option("--pause-after-minutes", settings.pause_after_minutes,
                   "Pause this process with a checkpoint; 0 for never")
      ->check(not_negative());
  command->add_option("--learning-rate", settings.learning_rate, "Highest learning rate")
      ->check(positive())
      ->capture_default_str();
  command->add_option("--batch-scale", options->batch_scale, "Multiplies the recipe's batch sizes")
      ->check(number_in(0, 1000, true))
      ->capture_default_str();
  command->add_option("--seed", settings.seed, "Seed of weights, clips and noise")
      ->check(not_negative())
      ->capture_default_str();
  command->add_option("--rank", options->rank)->group("");
  command->add_option("--meeting-file", options->meeting_file)->group("");
  finish_command(*command, console, chosen,
                 [&console, options] { return run_training(console, *options); });
}

}  // namespace tessera::cli
