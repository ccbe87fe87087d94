// Holding a target over one generation, without a calibration run: after each step the budgets of
// the policy `mass` are scaled by what was seen so far.
//
//   BudgetControl control({ControlGoal::kSparsity, 0.35}, total_steps);
//   for (each step) {
//     run all calls of the step with budgets times control.scale();
//     control.observe(sums over these calls);
//   }
//
// Sparsity means: of all tiles of all steps, layers, heads and streams, the share that was not
// computed, dense steps and probes included. Marks only grow, so a target is approached from
// below: the sparsity that a budget eps buys is taken to go like eps^p, p is learned from step to
// step, and the scale is set such that the steps still to come, on the growing budget, make up for
// what is missing.
//
// Recall means: mass of the kept tiles over the mass of all, estimated by probes (mass.h). The
// scale starts where the mean budget is what may be lost. It falls with the ratio of the lost mass
// allowed and seen, and rises slowly, as long as rises show: what is asked for is a floor.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tessera/attention/attention.h"

namespace tessera::attention {

enum class ControlGoal : int32_t { kSparsity, kRecall };

struct ControlTarget {
  ControlGoal goal = ControlGoal::kSparsity;
  double value = 0;  ///< sparsity in (0, 0.95], or recall in [0.5, 1)
};

/// What one step did, over all layers, heads and streams.
struct StepSums {
  TileCounts tiles = {};
  LostMass mass = {};
  bool is_dense = false;  ///< no call of the step could drop anything
};

class BudgetControl {
 public:
  /// `last_lite_step`: the last step that may skip, total_steps - 1 unless the last ones are dense.
  /// Throws InvalidArgument for a target outside its range, a budget of 0, a recall without probes.
  BudgetControl(const ControlTarget& target, const MassPolicy& policy, int64_t total_steps,
                int64_t last_lite_step);

  /// What the policy's budgets are multiplied by in the next step.
  double scale() const { return scale_; }

  /// The step is over. Steps come in order.
  void observe(const StepSums& sums);

  static constexpr double kMaxBudget = 0.9;

  /// A budget of the policy, as the next step's calls should have it.
  double scaled(double budget) const { return std::min(budget * scale_, kMaxBudget); }

 private:
  void aim_at_sparsity(const StepSums& sums);
  void aim_at_recall(const LostMass& mass);
  double log_budget(int64_t step) const;
  /// Sparsity of the steps to come, summed, if `level` holds now and the scale is this.
  double expected(double level, double log_scale) const;

  ControlTarget target_;
  MassPolicy policy_;
  int64_t total_steps_, last_lite_step_;
  int64_t step_ = 0;  // observed so far
  double scale_ = 1;
  double first_scale_ = 1, last_lost_ = 0;  // recall
  double power_;                            // d ln(sparsity) / d ln(budget)
  double done_ = 0;                         // sparsity of the observed steps, summed
  double last_level_ = -1;  // sparsity that the last observed step left for the next one
  double last_log_ = 0;     // ln of the budget that bought it
};

}  // namespace tessera::attention
