#include "tessera/nn/training/training_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/nn/training/delayed_numbers.h"

namespace tessera::nn {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class TrainingRun {
 public:
  TrainingRun(const TrainingTask& task, const RunSettings& settings, const RunJob& job)
      : task_(task),
        settings_(settings),
        job_(job),
        rank_(job.communicator->rank()),
        parameters_(*task.parameters),
        optimiser_(parameters_, settings.optimiser) {
    if (job.is_resumed) {
      position_ = load_checkpoint(job.run_folder / "checkpoint.safetensors", parameters_.values(),
                                  optimiser_, task.fingerprint);
    }
  }

  TrainingEnd run() {
    const auto start = Clock::now();
    const double elapsed_before = position_.elapsed_seconds;
    agreed_minutes_ = fraction_of_minutes();
    double next_report = 0, next_checkpoint = settings_.checkpoint_every_minutes * 60;
    while (true) {
      const double here = seconds_since(start);
      position_.elapsed_seconds = elapsed_before + here;
      // The ranks' clocks differ: what counts is their mean, which travels with the gradients and
      // is read a step later.
      const TrainingEnd end = end_of_run();
      if (end != TrainingEnd::kFinished || fraction() >= 1) {
        hear();
        save();
        report(true);
        return end;
      }
      step(fraction_of_minutes(), end_wish(here));
      if (here >= next_report) {
        report(false);
        next_report = here + job_.report_every_seconds;
      }
      if (here >= next_checkpoint) {
        save();
        next_checkpoint = here + settings_.checkpoint_every_minutes * 60;
      }
    }
  }

 private:
  /// Part of the minutes that are used up by this rank's clock.
  double fraction_of_minutes() const {
    return settings_.max_minutes > 0 ? position_.elapsed_seconds / (60 * settings_.max_minutes) : 0;
  }

  /// Part of the run that is done; the same on all ranks.
  double fraction() const {
    const double of_steps = settings_.max_steps > 0 ? static_cast<double>(position_.step) /
                                                          static_cast<double>(settings_.max_steps)
                                                    : 0;
    return std::max(of_steps, agreed_minutes_);
  }

  /// 1 when this rank wants to pause, 1000 when it was told to stop: the mean over the ranks tells
  /// every rank the same.
  double end_wish(double seconds_here) const {
    if (job_.should_stop && job_.should_stop()) return 1000;
    const bool is_pause =
        settings_.pause_after_minutes > 0 && seconds_here >= 60 * settings_.pause_after_minutes;
    return is_pause ? 1 : 0;
  }

  TrainingEnd end_of_run() const {
    if (agreed_end_ >= 1000.0 / job_.communicator->world_size()) return TrainingEnd::kInterrupted;
    if (agreed_end_ > 0) return TrainingEnd::kPaused;
    return TrainingEnd::kFinished;
  }

  double learning_rate() const {
    const double warm =
        std::min(1.0, static_cast<double>(position_.step + 1) /
                          static_cast<double>(std::max<int64_t>(1, settings_.warmup_steps)));
    const double fall = (1 - fraction()) / std::max(1e-6, 1 - settings_.decay_from);
    return settings_.learning_rate * warm * std::clamp(fall, 0.0, 1.0);
  }

  void step(double used_minutes, double wished_end) {
    const StepResult result = task_.step(position_.step, fraction());
    // Behind the gradients, in one exchange: what the step measured, what this rank wishes, and the
    // sum of its weights, by which each rank sees whether the others still hold the same.
    const at::Tensor wishes = at::tensor({used_minutes, wished_end}, at::kFloat)
                                  .to(result.numbers.device(), /*non_blocking=*/true);
    const at::Tensor own_sum = parameters_.values().sum().view({1});
    at::Tensor bucket = at::cat({parameters_.take_gradients(), result.numbers, wishes, own_sum});
    job_.communicator->all_reduce_mean(bucket);
    const int64_t size = parameters_.values().numel();
    gradient_norm_ = optimiser_.step(bucket.narrow(0, 0, size), learning_rate());
    // Read one step late, so that the device always has the next step's work waiting.
    hear();
    told_.send(at::cat({bucket.narrow(0, size, bucket.numel() - size), own_sum}));
    num_measures_ = result.numbers.numel();
    ++position_.step;
    position_.samples += result.samples * job_.communicator->world_size();
  }

  /// Takes in what all ranks said at the last step.
  void hear() {
    const double* values = told_.receive();
    if (values == nullptr) return;
    if (!std::isfinite(values[0])) {
      throw Error(concat("[", task_.name, "] the loss is no longer a number at step ",
                         position_.step - 1,
                         "; continue from the last checkpoint with a smaller learning rate"));
    }
    const double* after = values + num_measures_;  // minutes, end, mean sum, own sum
    if (std::abs(after[2] - after[3]) > 1e-5 * (1 + std::abs(after[3]))) {
      throw Error(concat("[", task_.name, "] the ranks hold different weights at step ",
                         position_.step - 1));
    }
    sums_.resize(static_cast<size_t>(num_measures_));
    for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += values[i];
    ++num_summed_;
    agreed_minutes_ = after[0];
    agreed_end_ = after[1];
  }

  void report(bool is_last) {
    if (rank_ != 0 || !job_.report || (num_summed_ == 0 && !is_last)) return;
    TrainingProgress progress;
    progress.step = position_.step;
    progress.fraction = std::min(1.0, fraction());
    progress.elapsed_seconds = position_.elapsed_seconds;
    progress.samples = position_.samples;
    for (double& sum : sums_) sum /= static_cast<double>(std::max<int64_t>(1, num_summed_));
    if (!sums_.empty()) {
      progress.loss = sums_[0];
      progress.others.assign(sums_.begin() + 1, sums_.end());
    }
    progress.gradient_norm = gradient_norm_.defined() ? gradient_norm_.item<double>() : 0.0;
    progress.learning_rate = learning_rate();
    job_.report(progress);
    sums_.clear();
    num_summed_ = 0;
  }

  void save() {
    if (rank_ != 0) return;
    const at::NoGradGuard no_grad;
    if (!at::isfinite(parameters_.values()).all().item<bool>()) {
      throw Error(concat("[", task_.name, "] the weights are no longer numbers at step ",
                         position_.step, "; the last checkpoint is kept, continue from it"));
    }
    save_checkpoint(job_.run_folder / "checkpoint.safetensors", parameters_.values(), optimiser_,
                    position_, task_.fingerprint);
    task_.save_model(position_, optimiser_.average);
  }

  const TrainingTask& task_;
  const RunSettings& settings_;
  const RunJob& job_;
  int rank_;
  FlatParameters& parameters_;
  Optimiser optimiser_;
  TrainingPosition position_;
  double agreed_minutes_ = 0, agreed_end_ = 0;
  int64_t num_measures_ = 1, num_summed_ = 0;
  std::vector<double> sums_;
  at::Tensor gradient_norm_;
  DelayedNumbers told_;
};

}  // namespace

TrainingEnd run_training(const TrainingTask& task, const RunSettings& settings, const RunJob& job) {
  check_run(settings, job, task.name);
  std::error_code failure;
  std::filesystem::create_directories(job.run_folder, failure);
  if (failure)
    throw IoError(concat(job.run_folder.string(), ": cannot be made: ", failure.message()));
  return TrainingRun(task, settings, job).run();
}

void check_run(const RunSettings& settings, const RunJob& job, const std::string& function) {
  TESSERA_CHECK(settings.max_steps > 0 || settings.max_minutes > 0, "[", function,
                "] max_steps or max_minutes must be > 0, got: ", settings.max_steps, " and ",
                settings.max_minutes);
  TESSERA_CHECK(job.communicator != nullptr, "[", function, "] a communicator is needed");
}

std::string describe(const RunSettings& settings, int world_size) {
  const auto& optimiser = settings.optimiser;
  return concat("seed ", settings.seed, " ranks ", world_size, " rate ", settings.learning_rate,
                " warm-up ", settings.warmup_steps, " decay from ", settings.decay_from,
                " optimiser ", optimiser.beta1, ",", optimiser.beta2, ",", optimiser.momentum, ",",
                optimiser.muon_scale, ",", optimiser.weight_decay, ",", optimiser.average_decay);
}

uint64_t step_seed(uint64_t seed, int64_t step, int rank, int use) {
  Random mix(seed ^ (static_cast<uint64_t>(step) * 0x9e3779b97f4a7c15ull) ^
             (static_cast<uint64_t>(rank) << 56) ^ (static_cast<uint64_t>(use) << 48));
  mix.next();
  return mix.next() >> 1;  // Torch's generators take 63 bits everywhere
}

}  // namespace tessera::nn
