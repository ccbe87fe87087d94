// One stage of a run: epochs of steps, each followed by validation, until it ends.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/segmentation/training/recorded_step.h"
#include "tessera/segmentation/training/run_checkpoint.h"
#include "tessera/segmentation/training/stage_state.h"
#include "tessera/segmentation/training/trainer.h"
#include "tessera/segmentation/training/validation.h"
#include "tessera/segmentation/training/view_batches.h"

namespace tessera::segmentation {

/// What the stages of a run share.
struct RunContext {
  const AutoSamJob& job;
  std::vector<size_t> train, val;
  AutoSamModel& model;     // is trained
  AutoSamModel& averaged;  // validated and saved; shares the frozen SAM
  EmbeddingStores stores = {};
  int num_threads = 1;  // that prepare views and tiles
  RunIdentity identity = {};
  std::vector<std::string> warnings = {};  // not told yet
};

class StageTrainer {
 public:
  /// `kept`: vectors that every checkpoint of this stage holds besides its own.
  StageTrainer(RunContext& run, RunPosition& position, double max_minutes, NamedVectors kept);

  /// Continues where a checkpoint of this stage stood.
  void restore(const StoredRun& stored);

  /// Runs to the stage's end. False when it was told to stop; then a checkpoint is written.
  bool run();

  /// The stage's best averages, into run.averaged.
  void put_best();
  const KeptWeights& best() const { return best_; }
  const std::string& stop_reason() const { return stop_reason_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class EpochEnd { kDone, kTimeIsUp, kInterrupted };

  bool is_surrogate() const { return position_.stage == Stage::kSurrogate; }
  std::vector<nn::ModulePart> trained_parts(AutoSamModel& model) const;
  EpochEnd run_epoch();
  StepInputs inputs_of(ViewBatch& batch);
  at::Tensor loss_of(const StepInputs& inputs);
  StepOutcome learn_from(const StepInputs& inputs);
  void finish_epoch();
  bool is_over();
  double fraction() const;
  double learning_rate() const;
  double mean_loss(int steps);
  void tick();
  void report(const EpochRecord* finished, bool is_best);
  void save();

  RunContext& run_;
  RunPosition& position_;
  const AutoSamSettings& settings_;
  const int max_epochs_;
  const double max_minutes_, peak_rate_;
  ViewPlan plan_;
  ViewSource source_;
  StageState state_;
  NamedVectors kept_;
  KeptWeights best_;
  at::Tensor losses_;  // fp32 [steps_per_epoch], on the device
  RecordedStep recorded_;
  std::string stop_reason_;
  Clock::time_point last_tick_, last_report_, last_save_;
  double last_rate_ = 0;
  int64_t views_since_report_ = 0;
};

}  // namespace tessera::segmentation
