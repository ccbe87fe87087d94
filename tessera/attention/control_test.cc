#include "tessera/attention/control.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

constexpr int64_t kTiles = 100000;

/// A model of whose tiles the share level * eps^power can go at a budget eps, or (is_log)
/// level + power * ln(eps); it moves by `drift` over the run. Marks only grow.
struct World {
  double level, power, drift;
  bool is_log = false;

  double share(double budget, double time) const {
    const double base = is_log ? level + power * std::log(budget) : level * std::pow(budget, power);
    return std::clamp(base + drift * time, 0.0, 0.98);
  }

  /// The sparsity of a whole run under the control.
  double run(double target, int64_t steps, int64_t dense_first = 0, int64_t dense_last = 0) const {
    const MassPolicy policy;
    BudgetControl control({ControlGoal::kSparsity, target}, policy, steps, steps - 1 - dense_last);
    double kept = 1, computed = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const bool is_dense = step < dense_first || step >= steps - dense_last;
      StepSums sums;
      sums.tiles.total = kTiles;
      sums.tiles.visited = std::llround((is_dense ? 1 : kept) * kTiles);
      computed += static_cast<double>(sums.tiles.visited);
      sums.is_dense = is_dense;
      if (!is_dense) {
        const double budget = std::min(control.scale() * mass_budget(policy, step, steps, 0), 0.9);
        const double next = std::min(
            kept, 1 - share(budget, static_cast<double>(step) / static_cast<double>(steps)));
        sums.tiles.dropped = std::llround((kept - next) * kTiles);
        kept = next;
      }
      control.observe(sums);
    }
    return 1 - computed / static_cast<double>(kTiles * steps);
  }
};

void expect_to_land(const World& world, int64_t steps) {
  for (const double target : {0.2, 0.3, 0.4}) {
    // Half-way through the run, at an ample budget, the target must be within reach.
    if (target > 0.7 * world.share(0.3, 0.5)) continue;
    EXPECT_NEAR(world.run(target, steps), target, 0.02)
        << "level " << world.level << " power " << world.power << " drift " << world.drift
        << " steps " << steps << " logarithmic " << world.is_log;
  }
}

TEST(BudgetControl, LandsOnTheSparsityInWorldsOfAllKinds) {
  for (const double drift : {-0.05, 0.0, 0.1}) {
    for (const int64_t steps : {20, 30, 50}) {
      for (const double level : {0.4, 0.6, 0.9}) {
        for (const double power : {0.3, 0.6, 0.9}) expect_to_land({level, power, drift}, steps);
      }
      for (const double level : {0.45, 0.6, 0.75}) {
        for (const double slope : {0.06, 0.09, 0.14}) {
          expect_to_land({level, slope, drift, true}, steps);
        }
      }
    }
  }
}

TEST(BudgetControl, ComesNearItsTargetInRunsOfFewSteps) {
  for (const int64_t steps : {6, 8, 10}) {
    for (const double power : {0.6, 0.9}) {
      const World world{0.7, power, 0};
      EXPECT_NEAR(world.run(0.2, steps), 0.2, 0.045) << steps << " " << power;
    }
  }
}

TEST(BudgetControl, CountsDenseStepsAtBothEnds) {
  const World world{0.7, 0.5, 0};
  EXPECT_NEAR(world.run(0.3, 40, 4, 4), 0.3, 0.02);
}

TEST(BudgetControl, DoesWhatItCanWhereTheTargetIsOutOfReach) {
  const World world{0.2, 0.5, 0};
  const double reached = world.run(0.9, 30);
  EXPECT_GT(reached, 0.1);
  EXPECT_LT(reached, 0.2);
}

TEST(BudgetControl, FollowsTheRecallThatProbesSee) {
  const MassPolicy policy{.probe_period = 16};
  BudgetControl control({ControlGoal::kRecall, 0.95}, policy, 40, 39);
  double lost = 0, last = 0;
  for (int64_t step = 0; step < 40; ++step) {
    // Twice the budget is lost, and half of that change shows at once.
    const double budget = control.scale() * mass_budget(policy, step, 40, 0);
    lost += 0.5 * (2 * budget - lost);
    StepSums sums;
    sums.mass.lost = lost;
    sums.mass.rows = 100;
    control.observe(sums);
    last = 1 / (1 + lost);
  }
  EXPECT_NEAR(last, 0.95, 0.01);
}

TEST(BudgetControl, DoesNotRaiseABudgetThatFindsNothingToDrop) {
  // Tiles hold next to nothing or an eighth: at any budget below that, nothing more is lost.
  const MassPolicy policy{.probe_period = 8};
  BudgetControl control({ControlGoal::kRecall, 0.95}, policy, 20, 19);
  for (int64_t step = 0; step < 20; ++step) {
    EXPECT_LT(control.scale() * mass_budget(policy, step, 20, 0), 0.125) << step;
    StepSums sums;
    sums.mass.lost = step == 0 ? 0 : 1e-7;
    sums.mass.rows = 100;
    control.observe(sums);
  }
}

TEST(BudgetControl, RefusesTargetsOutOfRange) {
  const MassPolicy plain, probing{.probe_period = 8};
  for (const double value : {0.0, -0.1, 0.96, std::nan("")}) {
    EXPECT_THROW(BudgetControl({ControlGoal::kSparsity, value}, plain, 10, 9), InvalidArgument);
  }
  for (const double value : {0.49, 1.0, std::nan("")}) {
    EXPECT_THROW(BudgetControl({ControlGoal::kRecall, value}, probing, 10, 9), InvalidArgument);
  }
  EXPECT_THROW(BudgetControl({ControlGoal::kRecall, 0.9}, plain, 10, 9), InvalidArgument);
  const MassPolicy nothing{.budget = 0};
  EXPECT_THROW(BudgetControl({ControlGoal::kSparsity, 0.3}, nothing, 10, 9), InvalidArgument);
}

}  // namespace
}  // namespace tessera::attention
