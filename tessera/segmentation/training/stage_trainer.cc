#include "tessera/segmentation/training/stage_trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "tessera/core/error.h"
#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/training/run_folder.h"

namespace tessera::segmentation {
namespace {

nn::OptimiserSettings optimiser_settings(const AutoSamSettings& settings) {
  nn::OptimiserSettings optimiser;
  optimiser.beta2 = 0.99;
  optimiser.weight_decay = settings.weight_decay;
  optimiser.max_gradient_norm = settings.max_gradient_norm;
  optimiser.average_decay = settings.average_decay;
  return optimiser;
}

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

StageTrainer::StageTrainer(RunContext& run, RunPosition& position, double max_minutes,
                           NamedVectors kept)
    : run_(run),
      position_(position),
      settings_(run.job.settings),
      max_epochs_(is_surrogate() ? settings_.surrogate.max_epochs : settings_.max_epochs),
      max_minutes_(max_minutes),
      peak_rate_(is_surrogate() ? settings_.surrogate.learning_rate : settings_.learning_rate),
      plan_(*run.job.dataset, run.train, settings_, run.model.config().tile,
            run.model.needs_embeddings() && settings_.views_per_image > 0),
      state_(trained_parts(run.model), run.model.device(), optimiser_settings(settings_)),
      kept_(std::move(kept)),
      recorded_([this](const StepInputs& inputs) { return learn_from(inputs); },
                run.model.device().is_cuda() ? nn::cuda_module()->make_step_graph : nullptr) {
  const auto& config = run.model.config();
  const bool reads_sam = !is_surrogate() || settings_.surrogate.distillation > 0;
  source_ = {.dataset = run.job.dataset,
             .plan = &plan_,
             .views = view_settings(settings_, config.tile),
             .prompt_colours = settings_.augmentation.prompt_colours,
             .seed = settings_.seed,
             .g_size = config.g_size,
             .mask_size = config.mask_size(),
             .picture_size = config.picture_size,
             .has_embeddings = run.model.needs_embeddings() && reads_sam,
             .stores = settings_.views_per_image > 0 ? run.stores : EmbeddingStores{},
             .is_pinned = run.model.device().is_cuda()};
  losses_ = at::zeros({plan_.steps_per_epoch()},
                      at::TensorOptions().dtype(at::kFloat).device(run.model.device()));
  last_tick_ = last_report_ = last_save_ = Clock::now();
}

std::vector<nn::ModulePart> StageTrainer::trained_parts(AutoSamModel& model) const {
  auto parts = model.parts();
  if (is_surrogate()) std::erase_if(parts, [](const auto& part) { return part.prefix != "h."; });
  return parts;
}

void StageTrainer::restore(const StoredRun& stored) {
  for (const auto& [name, vector] : state_.vectors()) stored.restore(name, vector);
  stored.restore("losses", losses_);
  if (position_.best_epoch == 0) return;
  best_ = state_.averages();
  stored.restore("best_values", best_.values);
  stored.restore("best_buffers", best_.buffers);
}

bool StageTrainer::run() {
  while (!is_over()) {
    const EpochEnd end = run_epoch();
    if (end == EpochEnd::kInterrupted) {
      save();
      return false;
    }
    finish_epoch();
    const double minutes = seconds_between(last_save_, Clock::now()) / 60;
    if (is_over() || minutes >= run_.job.checkpoint_every_minutes) save();
    // The best epoch's weights are known and on disk: a good moment to stop, too.
    if (!is_over() && run_.job.should_stop && run_.job.should_stop()) {
      save();
      return false;
    }
  }
  return true;
}

bool StageTrainer::is_over() {
  const int done = position_.epoch - 1;
  const int without_better = done - position_.best_epoch;
  if (done >= max_epochs_) {
    stop_reason_ = concat("all ", max_epochs_, " epochs are done");
  } else if (max_minutes_ > 0 && position_.stage_seconds >= 60 * max_minutes_) {
    stop_reason_ = concat("the time is up (", max_minutes_, " minutes)");
  } else if (settings_.patience > 0 && !run_.val.empty() && without_better >= settings_.patience) {
    stop_reason_ = concat("no better validation Dice for ", without_better, " epochs");
  } else {
    return false;
  }
  return done > 0;  // time that is up before the first epoch must still give a model
}

double StageTrainer::fraction() const {
  const double epochs =
      position_.epoch - 1 + static_cast<double>(position_.step) / plan_.steps_per_epoch();
  const double of_time = max_minutes_ > 0 ? position_.stage_seconds / (60 * max_minutes_) : 0;
  return std::min(1.0, std::max(epochs / max_epochs_, of_time));
}

double StageTrainer::learning_rate() const {
  const int64_t step = int64_t{position_.epoch - 1} * plan_.steps_per_epoch() + position_.step;
  const double warm = std::min(1.0, (step + 1.0) / std::max(1, settings_.warmup_steps));
  return peak_rate_ * warm * 0.5 * (1 + std::cos(std::numbers::pi * fraction()));
}

StageTrainer::EpochEnd StageTrainer::run_epoch() {
  run_.model.train(!is_surrogate());  // a frozen g keeps its statistics
  const auto batches = view_batches(source_, position_.epoch, position_.step, run_.num_threads);
  while (position_.step < plan_.steps_per_epoch()) {
    ViewBatch batch = batches->next();
    for (auto& warning : batch.warnings) run_.warnings.push_back(std::move(warning));
    const StepOutcome outcome = recorded_(inputs_of(batch));
    last_rate_ = learning_rate();
    state_.step(outcome.gradients, last_rate_);
    losses_[position_.step].copy_(outcome.loss);
    ++position_.step;
    views_since_report_ += plan_.batch();
    tick();
    const bool is_time_up = max_minutes_ > 0 && position_.stage_seconds >= 60 * max_minutes_;
    if (is_time_up) return EpochEnd::kTimeIsUp;
    if (position_.step == plan_.steps_per_epoch()) break;
    if (run_.job.should_stop && run_.job.should_stop()) return EpochEnd::kInterrupted;
    if (seconds_between(last_report_, Clock::now()) >= run_.job.report_every_seconds)
      report(nullptr, false);
    if (seconds_between(last_save_, Clock::now()) >= 60 * run_.job.checkpoint_every_minutes) save();
  }
  return EpochEnd::kDone;
}

void StageTrainer::finish_epoch() {
  EpochRecord record;
  record.stage = position_.stage;
  record.epoch = position_.epoch;
  record.loss = mean_loss(position_.step);
  record.learning_rate = last_rate_;
  record.val_dice = record.val_iou = std::numeric_limits<double>::quiet_NaN();
  const bool is_last = position_.epoch >= max_epochs_ ||
                       (max_minutes_ > 0 && position_.stage_seconds >= 60 * max_minutes_);
  const bool is_validated =
      !run_.val.empty() && (is_last || position_.epoch % settings_.validate_every == 0);
  bool is_best = run_.val.empty();
  if (is_validated) {
    const auto averages = state_.averages();
    state_.put(averages, trained_parts(run_.averaged));
    Predictor predictor(run_.averaged, {.is_fast = is_surrogate(),
                                        .batch = std::max(8, settings_.batch),
                                        .num_threads = run_.num_threads,
                                        .stores = run_.stores});
    const MeanScore score = validate(predictor, *run_.job.dataset, run_.val);
    position_.embedded += predictor.num_embedded();
    run_.warnings.insert(run_.warnings.end(), predictor.warnings().begin(),
                         predictor.warnings().end());
    record.val_dice = score.dice;
    record.val_iou = score.iou;
    is_best = position_.best_epoch == 0 || score.dice > position_.best_dice;
  }
  if (is_best) {
    best_ = state_.averages();
    position_.best_epoch = position_.epoch;
    position_.best_dice = is_validated ? record.val_dice : 0;
    position_.best_iou = is_validated ? record.val_iou : 0;
  }
  tick();
  record.seconds = std::exchange(position_.epoch_seconds, 0);
  position_.history.push_back(record);
  ++position_.epoch;
  position_.step = 0;
  report(&position_.history.back(), is_best);
}

double StageTrainer::mean_loss(int steps) {
  if (steps == 0) return 0;
  const at::Tensor host = losses_.narrow(0, 0, steps).to(at::kCPU, at::kDouble);
  const double* values = host.const_data_ptr<double>();
  double sum = 0;
  for (int i = 0; i < steps; ++i) {
    if (!std::isfinite(values[i])) {
      throw Error(concat("[train_autosam] the loss is no longer a number at epoch ",
                         position_.epoch, ", step ", i + 1,
                         "; continue from the last checkpoint with a smaller learning rate"));
    }
    sum += values[i];
  }
  return sum / steps;
}

void StageTrainer::tick() {
  const auto now = Clock::now();
  const double passed = seconds_between(std::exchange(last_tick_, now), now);
  position_.seconds += passed;
  position_.stage_seconds += passed;
  position_.epoch_seconds += passed;
}

void StageTrainer::report(const EpochRecord* finished, bool is_best) {
  const auto now = Clock::now();
  AutoSamProgress progress;
  progress.stage = position_.stage;
  progress.max_epochs = max_epochs_;
  progress.steps_per_epoch = plan_.steps_per_epoch();
  progress.epoch = finished != nullptr ? finished->epoch : position_.epoch;
  progress.step = finished != nullptr ? plan_.steps_per_epoch() : position_.step;
  progress.loss = finished != nullptr ? finished->loss : mean_loss(position_.step);
  progress.learning_rate = last_rate_;
  progress.images_per_second = static_cast<double>(std::exchange(views_since_report_, 0)) /
                               std::max(1e-9, seconds_between(last_report_, now));
  const double done = fraction();
  progress.seconds_left = done > 0 ? position_.stage_seconds * (1 - done) / done : 0;
  progress.embedded = position_.embedded;
  progress.finished = finished;
  progress.is_best = is_best;
  progress.warnings = std::exchange(run_.warnings, {});
  last_report_ = now;
  if (run_.job.report) run_.job.report(progress);
}

void StageTrainer::put_best() {
  TESSERA_ASSERT(best_.is_there());
  state_.put(best_, trained_parts(run_.averaged));
}

void StageTrainer::save() {
  mean_loss(position_.step);  // throws before anything is written over
  if (!state_.is_finite()) {
    throw Error(concat("[train_autosam] the weights are no longer numbers at epoch ",
                       position_.epoch, ", step ", position_.step,
                       "; the last checkpoint is kept, continue from it"));
  }
  const RunFolder folder{run_.job.run_folder};
  NamedVectors vectors = kept_;
  for (const auto& [name, vector] : state_.vectors()) vectors[name] = vector;
  vectors["losses"] = losses_;
  if (best_.is_there()) {
    vectors["best_values"] = best_.values;
    vectors["best_buffers"] = best_.buffers;
    put_best();
    save_autosam(run_.averaged, folder.model(),
                 {{"stage", stage_name(position_.stage)},
                  {"epoch", std::to_string(position_.best_epoch)},
                  {"validation_dice", concat(position_.best_dice)}});
  }
  save_run(folder.checkpoint(), vectors, position_, run_.identity);
  write_history(folder.history(), position_.history);
  last_save_ = Clock::now();
}

}  // namespace tessera::segmentation
