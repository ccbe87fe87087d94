// Training of the demo video model, from clips that are drawn as they are needed.
//
// Flow matching: x_s = (1 - s) x0 + s noise, the network reads x_s and 1000 s, the loss is the
// squared error of what the network is to put out (see Prediction). One step
// is a function of (seed, step, rank) and the weights, so a stopped run of so many steps continues
// to the same bits; one of so many minutes follows the clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tessera/nn/communicator.h"
#include "tessera/video/demo/clip_generator.h"
#include "tessera/video/demo/optimiser.h"
#include "tessera/video/wan/config.h"

namespace tessera::video {

/// A shape of clip, how often it is drawn, and how many at once on each rank.
struct ClipShare {
  ClipShape shape;
  double share = 1;  // of the steps; the shares need not sum to one
  int64_t batch = 1;
};

/// A part of the run with clips of its own. Short clips first: a still costs a sixteenth of a film
/// and teaches shapes, colours and counts; films then only add motion.
struct TrainingStage {
  double until = 1;  // fraction of the run at which the next stage begins
  std::vector<ClipShare> shapes;
};

struct TrainingSettings {
  std::vector<TrainingStage> stages;

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

  // s = shift u / (1 + (shift - 1) u), u uniform in [0, 1), shift = sqrt(tokens / this), at
  // least 1.
  double tokens_without_shift = 64;
  double prompt_dropout = 0.1;  // share of clips whose words are withheld, for guidance
  uint64_t seed = 1;
  OptimiserSettings optimiser;
};

/// What the trainer tells after a step.
struct TrainingProgress {
  int64_t step = 0;            // steps done
  double fraction = 0;         // of the run, 0 to 1
  double elapsed_seconds = 0;  // training time in all
  double clips = 0;            // drawn so far by this process, all ranks
  double loss = 0;             // mean over the steps since the last report
  double gradient_norm = 0;
  double learning_rate = 0;
};

enum class TrainingEnd { kFinished, kPaused, kInterrupted };

struct TrainingJob {
  VideoConfig config;
  TrainingSettings settings;
  std::string device = "cpu";
  nn::Communicator* communicator = nullptr;  // of this rank; not owned

  /// Folder of the run: checkpoint.safetensors, and at the end the model's files.
  std::filesystem::path run_folder;

  /// Start from these weights (a model folder) instead of random ones.
  std::optional<std::filesystem::path> initial_model;

  /// Continue from run_folder/checkpoint.safetensors.
  bool is_resumed = false;

  /// Called on rank 0 about every `report_every_seconds`, and after the last step.
  std::function<void(const TrainingProgress&)> report;
  double report_every_seconds = 10;

  /// Asked after each step on every rank.
  std::function<bool()> should_stop;
};

/// Runs the job on this rank. Rank 0 writes the checkpoint (fp32, everything needed to continue)
/// and, each time it does, the model folder `run_folder/model` with the averaged weights in bf16:
/// config.json, model.safetensors, vocab.txt. Throws InvalidArgument (settings), IoError (files),
/// and Error when the loss is no longer a number.
TrainingEnd train_demo_video(const TrainingJob& job);

}  // namespace tessera::video
