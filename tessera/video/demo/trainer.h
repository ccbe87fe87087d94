// Training of the demo video model, from clips that are drawn as they are needed.
//
// Flow matching: x_s = (1 - s) x0 + s noise, the network reads x_s and 1000 s, the loss is the
// squared error of what the network is to put out (see Prediction). One step
// is a function of (seed, step, rank) and the weights, so a stopped run of so many steps continues
// to the same bits; one of so many minutes follows the clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "tessera/nn/training/training_run.h"
#include "tessera/video/demo/clip_generator.h"
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

struct TrainingSettings : nn::RunSettings {
  std::vector<TrainingStage> stages;

  // s = shift u / (1 + (shift - 1) u), u uniform in [0, 1), shift = sqrt(tokens / this), at
  // least 1.
  double tokens_without_shift = 64;
  double prompt_dropout = 0.1;  // share of clips whose words are withheld, for guidance
};

using nn::TrainingEnd;
using nn::TrainingProgress;

struct TrainingJob : nn::RunJob {
  VideoConfig config;
  TrainingSettings settings;

  /// Start from these weights (a model folder) instead of random ones.
  std::optional<std::filesystem::path> initial_model;
};

/// Runs the job on this rank. Rank 0 writes the checkpoint (fp32, everything needed to continue)
/// and, each time it does, the model folder `run_folder/model` with the averaged weights in bf16:
/// config.json, model.safetensors, vocab.txt. Throws InvalidArgument (settings), IoError (files),
/// and Error when the loss is no longer a number.
TrainingEnd train_demo_video(const TrainingJob& job);

}  // namespace tessera::video
