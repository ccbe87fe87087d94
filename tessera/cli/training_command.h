// What the commands that train a shipped model have in common: flags, the run's folder, one process
// a GPU.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tessera/cli/console.h"
#include "tessera/cli/worker_processes.h"
#include "tessera/nn/training/training_run.h"

namespace tessera::cli {

struct TrainingOptions {
  std::string output, device = "cpu", meeting_file;
  int num_devices = 1, rank = 0;
  bool is_resumed = false;

  std::filesystem::path folder() const { return output; }

  /// This rank's device.
  std::string own_device() const;
};

/// Adds -o, --resume, --device, --num-devices, --steps, --minutes, --pause-after-minutes,
/// --learning-rate, --seed, and the hidden flags between processes.
void add_training_flags(CLI::App& command, TrainingOptions& options, nn::RunSettings& settings);

/// Rank 0 makes the folder, or finds the checkpoint to resume. Throws InvalidArgument, IoError.
void prepare_run_folder(const TrainingOptions& options);

/// Rank 0 starts the other ranks; each process then joins the communicator. `command` is for
/// messages.
std::unique_ptr<nn::Communicator> join_ranks(const TrainingOptions& options,
                                             const std::string& command, WorkerProcesses& workers);

/// Fills in the job but its report.
void fill_job(nn::RunJob& job, const TrainingOptions& options, nn::Communicator& communicator);

/// Waits for the other ranks and says how the run ended. Returns the exit code.
int finish_training(Console& console, const TrainingOptions& options, nn::TrainingEnd end,
                    WorkerProcesses& workers);

}  // namespace tessera::cli
