#include "tessera/attention/control.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

// What was dropped too early cannot be made up for, what was kept can. So the first budget is a
// small one, and until a slope has been seen a steep one is assumed. (Of the tiles of a small
// trained video model 46, 38 and 25 % can go at 10, 5 and 1 % of the mass: a slope of .09.)
constexpr double kFirstBudget = 1e-3;  // mean over the run, for a target of 1
constexpr double kAssumedSlope = 0.15, kLeastSlope = 0.02, kLargestSlope = 0.4;
constexpr double kUpward = 0.85;         // part of a missing rise that one step takes
constexpr double kLargestLogStep = 2.0;  // of the scale, from one step to the next

}  // namespace

BudgetControl::BudgetControl(const ControlTarget& target, const MassPolicy& policy,
                             int64_t total_steps, int64_t last_lite_step)
    : target_(target),
      policy_(policy),
      total_steps_(total_steps),
      last_lite_step_(last_lite_step),
      slope_(kAssumedSlope) {
  const double value = target.value;
  if (target.goal == ControlGoal::kRecall) {
    TESSERA_CHECK(0.5 <= value && value < 1,
                  "[BudgetControl] a recall must be in [0.5, 1), got: ", value);
    TESSERA_CHECK(policy.probe_period > 0,
                  "[BudgetControl] a target recall needs probes (probe_period >= 2), got: 0");
    scale_ = (1 - value) / std::max(policy.budget, 1e-6);
    return;
  }
  TESSERA_CHECK(0 < value && value <= 0.95,
                "[BudgetControl] a sparsity must be in (0, 0.95], got: ", value);
  scale_ = kFirstBudget * value / std::max(policy.budget, 1e-6);
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
    aim_at_sparsity(sums.tiles);
  }
  ++step_;
}

void BudgetControl::aim_at_sparsity(const TileCounts& tiles) {
  const auto total = static_cast<double>(std::max<int64_t>(tiles.total, 1));
  done_ += 1 - static_cast<double>(tiles.visited) / total;
  // Probes are computed too: they take from the sparsity what they take from the tiles.
  const double level =
      1 - static_cast<double>(tiles.visited - tiles.dropped + tiles.returned) / total;
  const double log_now = log_budget(step_) + std::log(scale_);
  if (last_level_ > 0 && tiles.dropped > 0 && log_now > last_log_ + 0.02) {
    const double seen = (level - last_level_) / (log_now - last_log_);
    slope_ = std::clamp(0.3 * slope_ + 0.7 * seen, kLeastSlope, kLargestSlope);
  }
  if (tiles.dropped > 0) {
    last_level_ = level;
    last_log_ = log_now;
  }

  // What the steps to come will add up to at the present scale. Marks of step u act from u + 1 on.
  const int64_t rest = last_lite_step_ - step_;
  if (rest <= 0) return;
  double expected = 0;
  for (int64_t u = step_ + 1; u <= last_lite_step_; ++u) {
    const double growth = log_budget(u - 1) - log_budget(step_);
    expected += std::clamp(level + slope_ * growth, 0.0, 0.99);
  }
  const double missing = target_.value * static_cast<double>(total_steps_) - done_ - expected;
  double shift = missing / static_cast<double>(rest) / slope_;
  if (shift > 0) shift *= kUpward;
  scale_ *= std::exp(std::clamp(shift, -kLargestLogStep, kLargestLogStep));
  scale_ = std::clamp(scale_, 1e-6, 1e6);
}

void BudgetControl::aim_at_recall(const LostMass& mass) {
  if (mass.rows == 0 || mass.lost <= 0) return;
  const double allowed = 1 / target_.value - 1;
  // The square root damps: what is dropped stays dropped for a while.
  const double ratio = std::sqrt(allowed / mass.lost);
  scale_ *= std::clamp(ratio, std::exp(-kLargestLogStep), std::exp(kLargestLogStep));
}

}  // namespace tessera::attention
