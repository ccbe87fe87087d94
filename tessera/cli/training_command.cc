#include "tessera/cli/training_command.h"

#include <unistd.h>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/core/error.h"
#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"

namespace tessera::cli {

std::string TrainingOptions::own_device() const {
  return num_devices > 1 ? concat("cuda:", rank) : device;
}

void add_training_flags(CLI::App& command, TrainingOptions& options, nn::RunSettings& settings) {
  add_output_flag(command, options.output, "Folder of the run");
  command.add_flag("--resume", options.is_resumed, "Continue the run in the output folder");
  command.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--num-devices", options.num_devices, "GPUs of this machine to train on")
      ->check(number_in(1, 64))
      ->capture_default_str();
  command.add_option("--steps", settings.max_steps, "End after so many steps")->check(positive());
  command
      .add_option("--minutes", settings.max_minutes, "End after so many minutes of training in all")
      ->check(positive());
  command
      .add_option("--pause-after-minutes", settings.pause_after_minutes,
                  "Pause this process with a checkpoint; 0 for never")
      ->check(not_negative());
  command.add_option("--learning-rate", settings.learning_rate, "Highest learning rate")
      ->check(positive())
      ->capture_default_str();
  command.add_option("--seed", settings.seed, "Seed of weights and all that is drawn")
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--rank", options.rank)->group("");
  command.add_option("--meeting-file", options.meeting_file)->group("");
}

void prepare_run_folder(const TrainingOptions& options) {
  // Not by the parser, since --config may give it.
  TESSERA_CHECK(!options.output.empty(),
                "[--output] a run needs a folder (-o FOLDER), got: nothing");
  if (options.rank != 0) return;
  const bool has_run = std::filesystem::exists(options.folder() / "checkpoint.safetensors");
  if (options.is_resumed && !has_run)
    throw IoError(concat(options.output, ": has no checkpoint.safetensors to resume"));
  if (!options.is_resumed && has_run)
    throw IoError(concat(options.output, ": holds a run already; --resume continues it"));
  std::error_code failure;
  std::filesystem::create_directories(options.folder(), failure);
  if (failure) throw IoError(concat(options.output, ": cannot be made: ", failure.message()));
}

std::unique_ptr<nn::Communicator> join_ranks(const TrainingOptions& options,
                                             const std::string& command, WorkerProcesses& workers) {
  if (options.num_devices == 1) return nn::make_single_communicator();
  TESSERA_CHECK(options.device == "cuda", "[", command,
                "] --num-devices needs --device cuda, got: ", options.device);
  std::string meeting_file = options.meeting_file;
  if (options.rank == 0) {
    const auto* cuda = nn::cuda_module();
    const int found = cuda == nullptr ? 0 : cuda->device_count();
    TESSERA_CHECK(found >= options.num_devices, "[", command, "] --num-devices asks for ",
                  options.num_devices, " GPUs, found: ", found);
    meeting_file = (options.folder() / concat("meeting-", ::getpid())).string();
    for (int rank = 1; rank < options.num_devices; ++rank) {
      workers.start({"--rank", std::to_string(rank), "--meeting-file", meeting_file});
    }
  }
  return nn::make_nccl_communicator(options.rank, options.num_devices, options.rank, meeting_file);
}

void fill_job(nn::RunJob& job, const TrainingOptions& options, nn::Communicator& communicator) {
  job.device = options.own_device();
  job.communicator = &communicator;
  job.run_folder = options.folder();
  job.is_resumed = options.is_resumed;
  job.should_stop = is_interrupted;
}

int finish_training(Console& console, const TrainingOptions& options, nn::TrainingEnd end,
                    WorkerProcesses& workers) {
  const int code = end == nn::TrainingEnd::kInterrupted ? kInterrupted : kOk;
  if (options.rank != 0) return code;
  if (options.num_devices > 1) workers.wait(code);
  console.say(concat(end == nn::TrainingEnd::kFinished ? "finished" : "stopped; --resume continues",
                     ": the model is in ", (options.folder() / "model").string()));
  return code;
}

}  // namespace tessera::cli
