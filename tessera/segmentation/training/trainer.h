// Training of AutoSAM and of the baselines beside it.
//
// A step is a function of (seed, epoch, index) and the weights: which views, which changes of
// colour. So a stopped run of so many epochs continues to the same bits on a CPU; one of so many
// minutes follows the clock. The weights that are validated, kept and used are an average over the
// steps, BatchNorm's statistics included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/training/autosam_model.h"
#include "tessera/segmentation/training/autosam_settings.h"

namespace tessera::segmentation {

/// The parts of a run.
enum class Stage { kMain, kSurrogate };
std::string stage_name(Stage stage);  // "main", "surrogate"

struct EpochRecord {
  Stage stage = Stage::kMain;
  int epoch = 0;        // from 1, within the stage
  double loss = 0;      // BCE + Dice, mean over the epoch's steps
  double val_dice = 0;  // mean over images at full resolution; NaN where not validated
  double val_iou = 0;
  double learning_rate = 0;  // of the last step
  double seconds = 0;        // of the epoch, validation included
};

/// What the trainer tells: about every report_every_seconds, and after each epoch.
struct AutoSamProgress {
  Stage stage = Stage::kMain;
  int epoch = 0, max_epochs = 0;  // the epoch that runs or just ended, from 1
  int step = 0, steps_per_epoch = 0;
  double loss = 0;  // mean over this epoch so far
  double learning_rate = 0;
  double images_per_second = 0;  // since the last report
  double seconds_left = 0;       // to the end of the stage at the latest, without early stop
  int64_t embedded = 0;          // pictures that went through SAM's encoder so far
  /// Set when the epoch has just ended.
  const EpochRecord* finished = nullptr;
  bool is_best = false;
  /// Since the last report, such as a damaged cache entry that was computed again.
  std::vector<std::string> warnings;
};

struct AutoSamJob {
  AutoSamSettings settings;
  const Dataset* dataset = nullptr;  // not owned
  /// Images to train on and to validate on; empty: all of split train, val.
  std::vector<size_t> train, val;
  FrozenSam sam;  // empty for plain-head and unet

  /// A folder from open_run_folder(); see run_folder.h for what lies in it.
  std::filesystem::path run_folder;
  bool is_resumed = false;

  /// Where SAM's embeddings of views and validation tiles are kept: in a folder, in so many bytes
  /// of the device's memory, or in both; where there is no room its encoder runs at every step.
  /// That changes the time alone, on a CPU not a bit of the result.
  std::optional<std::filesystem::path> cache_folder;
  int64_t device_cache_bytes = 0;

  std::function<void(const AutoSamProgress&)> report;
  double report_every_seconds = 5;
  /// What the run is about to do, before its first step: tile, disk need.
  std::function<void(const std::string&)> announce;

  /// Asked after each step; true saves a checkpoint and ends the run.
  std::function<bool()> should_stop;
  double checkpoint_every_minutes = 3;
};

struct AutoSamResult {
  bool is_interrupted = false;
  std::string stop_reason;  // "no better validation Dice for 25 epochs"
  int best_epoch = 0;
  double best_dice = 0;  // on validation, with threshold .5
  double best_iou = 0;
  double fast_dice = 0;  // of g + h, where there is an h
  /// The threshold that scores best on validation, and its Dice; always recorded, used where
  /// settings say so.
  double val_threshold = 0.5, val_threshold_dice = 0;
  int tile = 0;
  double seconds = 0;  // training time in all, pauses not counted
  std::vector<EpochRecord> history;
};

/// Runs the job; leaves RUN/model and RUN/checkpoint.safetensors. Throws InvalidArgument
/// (settings), IoError (files, a checkpoint of another configuration, data or SAM), and Error when
/// the loss is no longer a number (it names the step; the last checkpoint is kept).
AutoSamResult train_autosam(const AutoSamJob& job);

struct TileChoice {
  int tile = 0;
  double ceiling = 1;  // best mean Dice that masks of this size allow
  std::string text;    // one line for the user
};

/// What `--tile auto` means for these images: the whole image, unless masks of SAM's size cannot
/// hold the truth; then tiles of mask_size source pixels. Looks at 100 masks at most.
TileChoice choose_tile(const Dataset& dataset, const std::vector<size_t>& images, int asked,
                       int mask_size, int picture_size);

}  // namespace tessera::segmentation
