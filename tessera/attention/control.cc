#include "tessera/attention/control.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

// What was dropped too early cannot be made up for, what was kept can. So the first budget is a
// small one, and until a power has been seen a large one is assumed. (On the demo video model the
// sparsity goes like budget^.6 under the certified masses.)
constexpr double kFirstBudget = 0.005;  // mean over the run, for a target of 1
constexpr double kAssumedPower = 1.0, kLeastPower = 0.15, kLargestPower = 1.5;
constexpr double kUpward = 0.85;         // part of a missing rise that one step takes
constexpr double kLargestLogStep = 1.4;  // of the scale, from one step to the next
constexpr double kCalmSteps = 12;        // a run of fewer starts higher and may rise faster
double hurry(int64_t total_steps) {
  return std::max(1.0, kCalmSteps / static_cast<double>(total_steps));
}

// Recall. Between the light tiles and the heavy ones there may be none: there a budget may grow and
// grow without an answer, until the heavy ones go all at once. So rises are small, they end where
// the last one was not answered, and the scale has an end.
constexpr double kLargestRise = 1.3;   // of the scale, from one step to the next
constexpr double kLeastAnswer = 0.02;  // more lost than a step before, of what may be lost
constexpr double kMostRise = 10;       // of the scale, over where it starts

}  // namespace

BudgetControl::BudgetControl(const ControlTarget& target, const MassPolicy& policy,
                             int64_t total_steps, int64_t last_lite_step)
    : target_(target),
      policy_(policy),
      total_steps_(total_steps),
      last_lite_step_(last_lite_step),
      power_(kAssumedPower) {
  const double value = target.value;
  TESSERA_CHECK(
      policy.budget > 0,
      "[BudgetControl] the policy's budget must be > 0 to be scaled, got: ", policy.budget);
  if (target.goal == ControlGoal::kRecall) {
    TESSERA_CHECK(0.5 <= value && value < 1,
                  "[BudgetControl] a recall must be in [0.5, 1), got: ", value);
    TESSERA_CHECK(policy.probe_period > 0,
                  "[BudgetControl] a target recall needs probes (probe_period >= 2), got: 0");
    scale_ = first_scale_ = (1 - value) / policy.budget;
    return;
  }
  TESSERA_CHECK(0 < value && value <= 0.95,
                "[BudgetControl] a sparsity must be in (0, 0.95], got: ", value);
  scale_ = kFirstBudget * value / policy.budget * std::pow(hurry(total_steps), 3);
}

double BudgetControl::log_budget(int64_t step) const {
  MassPolicy growth = policy_;
  growth.budgets = {};
  return std::log(std::max(mass_budget(growth, step, total_steps_, 0), 1e-9));
}

void BudgetControl::observe(const StepSums& sums) {
  if (target_.goal == ControlGoal::kRecall) {
    aim_at_recall(sums.mass);
  } else {
    aim_at_sparsity(sums);
  }
  ++step_;
}

void BudgetControl::aim_at_sparsity(const StepSums& sums) {
  const TileCounts& tiles = sums.tiles;
  const auto total = static_cast<double>(std::max<int64_t>(tiles.total, 1));
  done_ += 1 - static_cast<double>(tiles.visited) / total;
  if (sums.is_dense) return;
  // Probes are computed too: they take from the sparsity what they take from the tiles.
  const double level =
      1 - static_cast<double>(tiles.visited - tiles.dropped + tiles.returned) / total;
  const double log_now = log_budget(step_) + std::log(scale_);
  if (last_level_ > 0 && log_now > last_log_ + 0.02) {
    const double seen = std::log(std::max(level / last_level_, 1.0)) / (log_now - last_log_);
    power_ = std::clamp(0.5 * power_ + 0.5 * seen, kLeastPower, kLargestPower);
  }
  if (level > 0 && (tiles.dropped > 0 || log_now > last_log_)) {
    last_level_ = level;
    last_log_ = log_now;
  }

  const double needed = target_.value * static_cast<double>(total_steps_) - done_;
  const double largest = kLargestLogStep * hurry(total_steps_);
  double low = std::log(scale_) - largest, high = std::log(scale_) + largest;
  if (level > 0) {
    for (int i = 0; i < 40; ++i) {
      const double middle = (low + high) / 2;
      (expected(level, middle) < needed ? low : high) = middle;
    }
  } else {
    low = high;
  }
  const double shift = low - std::log(scale_);
  scale_ *= std::exp(shift > 0 ? kUpward * shift : shift);
  scale_ = std::clamp(scale_, 1e-6, 1e6);
}

double BudgetControl::expected(double level, double log_scale) const {
  double sum = 0;
  for (int64_t u = step_ + 1; u <= last_lite_step_; ++u) {
    // Marks of step u - 1 act in step u; a budget below the one that bought `level` buys nothing.
    const double rise = log_budget(u - 1) + log_scale - last_log_;
    sum += std::min(level * std::exp(power_ * std::max(rise, 0.0)), 0.98);
  }
  return sum;
}

void BudgetControl::aim_at_recall(const LostMass& mass) {
  if (mass.rows == 0) return;
  const double allowed = 1 / target_.value - 1;
  const double lost = std::max(mass.lost, 0.0);
  if (lost > allowed) {
    // What was dropped comes back by and by, so the root.
    scale_ *= std::max(std::sqrt(allowed / lost), std::exp(-kLargestLogStep));
  } else if (lost - last_lost_ > kLeastAnswer * allowed) {
    const double rise = std::min(std::sqrt(allowed / lost), kLargestRise);
    scale_ = std::min(scale_ * rise, kMostRise * first_scale_);
  }
  last_lost_ = lost;
}

}  // namespace tessera::attention
