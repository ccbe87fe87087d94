// All that a run needs to continue, in one safetensors file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/segmentation/training/trainer.h"

namespace tessera::segmentation {

/// Where a run stands. A step is a function of it and the weights.
struct RunPosition {
  Stage stage = Stage::kMain;
  int epoch = 1;             // the one that runs, within the stage
  int step = 0;              // steps of it that are done
  double stage_seconds = 0;  // training time of the stage
  double seconds = 0;        // of the run
  double epoch_seconds = 0;
  int64_t embedded = 0;
  int best_epoch = 0;  // of the stage; 0: none yet
  double best_dice = 0, best_iou = 0;
  int main_best_epoch = 0;  // set in the second stage
  double main_best_dice = 0, main_best_iou = 0;
  std::string stop_reason;  // of the main stage, set in the second
  std::vector<EpochRecord> history;
};

/// What a continued run must share with the one that was stopped.
struct RunIdentity {
  std::string settings;  // autosam_settings_json(), the tile decided
  std::string data;      // digest of the data set and of the images chosen
  std::string sam;       // digest; empty without SAM
};

using NamedVectors = std::map<std::string, at::Tensor>;

void save_run(const std::filesystem::path& path, const NamedVectors& vectors,
              const RunPosition& position, const RunIdentity& identity);

/// A checkpoint that was read; tensors on the host.
struct StoredRun {
  RunPosition position;
  NamedVectors vectors;
  std::string path;

  /// Copies a vector into `target`. Throws IoError unless it has the same number of values.
  void restore(const std::string& name, at::Tensor target) const;
};

/// Throws IoError: missing, damaged, of another configuration (the message names each setting that
/// differs), of other data, of another SAM. The lengths of the run, its patience and its device may
/// differ.
StoredRun load_run(const std::filesystem::path& path, const RunIdentity& identity);

}  // namespace tessera::segmentation
