// Training of the demo SAM, from scenes that are drawn as they are needed.
//
// A step encodes a batch of images once. Targets are then asked for in rounds: first by a point
// (three masks, the best of which learns), a box, or a spoilt mask alone; then with a click where
// the last answer is wrong and that answer as a mask prompt. Each round goes back to the image
// embedding by itself, and the sum of what arrives there goes back through the encoder once.
// A stopped run of so many steps continues to the same bits on a CPU; on a GPU sums of gradients
// are taken in any order.
#pragma once

#include <filesystem>

#include "tessera/nn/training/training_run.h"
#include "tessera/segmentation/demo_sam/scene_batches.h"
#include "tessera/segmentation/sam/config.h"

namespace tessera::segmentation {

struct SamTrainingSettings : nn::RunSettings {
  int64_t batch = 16;  // images a rank
  TargetCounts targets;
  int max_objects = 120;  // in a scene

  /// Rounds after the first are drawn anew for each step, from min to max; guided targets take part
  /// in the first of them only.
  int min_corrections = 1, max_corrections = 3;

  /// Fraction of the run over which the balanced term of the loss fades from 1 to 0; 0 for none of
  /// it, as for weights that find objects already.
  double balanced_until = 0.3;

  double uses_per_scene = 1;
  int64_t pool = 1024;
  int loader_threads = 0;  // 0: scenes are drawn between the steps
};

struct SamTrainingJob : nn::RunJob {
  SamConfig config;
  SamTrainingSettings settings;

  /// Weights to start from, as load_sam() takes them; empty: random ones. A resumed run has its
  /// own parameters, and takes what is no parameter (the matrix of the positions) from here again.
  std::filesystem::path initial_model;
};

/// Names of TrainingProgress::others: mean IoU of the mask ranked first, after one point, a box, a
/// mask prompt alone, and the last correction.
inline constexpr const char* kSamMeasures[] = {"point", "box", "mask", "corrected"};

/// Runs the job on this rank. Rank 0 writes checkpoint.safetensors (fp32, everything needed to
/// continue) and, each time it does, `run_folder/model` with the averaged weights in fp16. Throws
/// as nn::run_training does, and InvalidArgument for an initial model of another configuration.
nn::TrainingEnd train_demo_sam(const SamTrainingJob& job);

}  // namespace tessera::segmentation
