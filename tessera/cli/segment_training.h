// One training run from checked data to its report; shared by `segment train` and `demo`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tessera/cli/console.h"
#include "tessera/cli/segment_run_report.h"
#include "tessera/cli/segment_scoring.h"
#include "tessera/cli/segment_settings.h"
#include "tessera/segmentation/training/trainer.h"

namespace tessera::cli {

class Training {
 public:
  /// Loads the SAM. Nothing is written yet. Throws IoError. `console` and `data` must outlive this.
  /// `shown`: the flags as files and pages tell them, where the run will move to another place.
  Training(Console& console, TrainFlags flags, const segmentation::AutoSamSettings& settings,
           const segmentation::Dataset& data, std::optional<TrainFlags> shown = {});

  /// Says what is about to happen: data, device, SAM, network; run() goes on with tile and cache.
  void announce();

  /// Makes the run's folder and trains, with a line an epoch. Throws what train_autosam throws; a
  /// folder in which nothing came to be is removed again.
  const segmentation::AutoSamResult& run();

  /// Predicts the validation images and writes their masks, summary.json and report.html. After
  /// Ctrl-C without them; a run that stopped before its first checkpoint has none.
  void write_results();

  /// Verdict, where everything is, what to do next.
  void say_end();

  const FinishedRun& finished() const { return run_; }
  const Scored& scored() const { return scored_; }

 private:
  void tell(const segmentation::AutoSamProgress& now, StatusLine& line);
  void tell_epoch(const segmentation::AutoSamProgress& now, StatusLine& line);
  void score_validation();

  Console& console_;
  TrainFlags flags_, shown_;
  const segmentation::Dataset& data_;
  FinishedRun run_;
  Scored scored_;
  bool is_announced_ = false, has_told_time_ = false;
};

}  // namespace tessera::cli
