// The loop around the steps of a training: how long it runs, its learning rate, what the ranks
// agree on, checkpoints and progress. A model's trainer gives one step and the way to save.
//
// A step is to be a function of (seed, step, rank) and the weights: then a stopped run of so many
// steps continues to the same bits; one of so many minutes follows the clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tessera/nn/communicator.h"
#include "tessera/nn/training/optimiser.h"
#include "tessera/nn/training/training_checkpoint.h"

namespace tessera::nn {

struct RunSettings {
  /// The run ends after so many steps, or after so many minutes of training time in all (pauses
  /// not counted), whichever comes first; at least one of the two. The learning rate follows the
  /// larger of the two fractions.
  int64_t max_steps = 0;
  double max_minutes = 0;

  /// Stop and leave a checkpoint after so many minutes of this process; 0 for never.
  double pause_after_minutes = 0;
  double checkpoint_every_minutes = 5;

  double learning_rate = 1e-3;
  int64_t warmup_steps = 300;
  /// Fraction of the run after which the rate falls linearly to zero.
  double decay_from = 0.4;

  uint64_t seed = 1;
  OptimiserSettings optimiser;
};

/// What the loop tells after a step.
struct TrainingProgress {
  int64_t step = 0;            // steps done
  double fraction = 0;         // of the run, 0 to 1
  double elapsed_seconds = 0;  // training time in all
  double samples = 0;          // drawn so far, all ranks
  double loss = 0;             // mean over the steps since the last report
  std::vector<double> others;  // what else the steps measured, means as well
  double gradient_norm = 0;
  double learning_rate = 0;
};

enum class TrainingEnd { kFinished, kPaused, kInterrupted };

/// Where a run takes place.
struct RunJob {
  std::string device = "cpu";
  Communicator* communicator = nullptr;  // of this rank; not owned

  /// Folder of the run: checkpoint.safetensors, and what the trainer saves.
  std::filesystem::path run_folder;

  /// Continue from run_folder/checkpoint.safetensors.
  bool is_resumed = false;

  /// Called on rank 0 about every `report_every_seconds`, and after the last step.
  std::function<void(const TrainingProgress&)> report;
  double report_every_seconds = 10;

  /// Asked after each step on every rank.
  std::function<bool()> should_stop;
};

struct StepResult {
  at::Tensor numbers;  // fp32 [1 or more] on the device, detached: the loss, then other measures
  double samples = 0;  // that this rank drew
};

/// What a model's trainer gives to the loop. The functions are called on the calling thread.
struct TrainingTask {
  std::string name;         // for messages
  std::string fingerprint;  // what may not change between a checkpoint and its continuation
  FlatParameters* parameters = nullptr;

  /// Forward and backward; leaves the gradients at the parameters. `fraction` is of the run and
  /// the same on all ranks.
  std::function<StepResult(int64_t step, double fraction)> step;

  /// Called on rank 0 after each checkpoint; `average` is laid out as the parameters' values.
  std::function<void(const TrainingPosition& position, const at::Tensor& average)> save_model;
};

/// Runs on this rank to the end of the run. Throws InvalidArgument (settings), IoError (files), and
/// Error when the loss or the weights are no longer numbers; then the last checkpoint is kept.
TrainingEnd run_training(const TrainingTask& task, const RunSettings& settings, const RunJob& job);

/// Throws InvalidArgument in the name of `function` for a run that cannot end or begin.
void check_run(const RunSettings& settings, const RunJob& job, const std::string& function);

/// The settings as a part of a fingerprint.
std::string describe(const RunSettings& settings, int world_size);

/// A seed for one use in one step: streams of different ranks and uses do not meet.
uint64_t step_seed(uint64_t seed, int64_t step, int rank, int use);

}  // namespace tessera::nn
