// The policy `mass`: the tiles that hold the least softmax mass are dropped, within a budget that
// grows with the step.
//
// A row of tiles (batch entry, head, q tile) has a budget eps_t in [0, 1) for the mass that it may
// have dropped up to step t, and a sum `spent` of what it did drop. Of the tiles visited in this
// call, kept so far and outside must_keep, the lightest go first (ties: the lower tile index)
// while spent + their masses <= eps_t. They are still part of this call's answer.
//
// Why the budget grows: taken at once, it is all spent on step 0, which sees noise; the marks then
// age. On the demo video model a linear growth was worth 6 dB at equal sparsity (docs/results.md).
//
// What a tile holds is estimated within the pass, in one of two ways:
//
// kRowMaximum. With P_r(j) row r's sum of exp(scale * score) over tile j, and R_r(j) the sum over
//   the tiles visited up to and including j, mass(j) = max over rows of P_r(j) / R_r(j). R_r only
//   grows, so mass(j) is never below the tile's true share of any row: the choice is *certified*.
//   Removing a call's dropped tiles from that call's inputs changes no row's output by more than
//   2 eps max |v| (docs/numerics.md, eq. 7). The first visited tile has mass 1 and stays; the
//   visiting direction should alternate, so that every tile is judged late every second call.
//
// kRowMean. mass(j) = sum over rows of P_r(j) exp(-lse_r), over all visited tiles normalised to 1,
//   lse_r the row's log-sum-exp in the previous call (the state keeps it). Rows whose lse_r is not
//   finite are left out; if none is left, every mass is 1 and nothing goes. So it is in the first
//   call of a generation, which has no lse. Not certified: a row may lose more than the mean.
//
// Revision. With probe_period R >= 2, each row of tiles draws one of R phases anew in each step;
// dropped tiles j with j mod R equal to it are computed again, as probes. A probe counts towards
// the answer like any visited tile. It returns if it holds more mass than the lightest of the
// candidates that stay, or more than all of eps_t; what it had spent is not refunded.
//   Probes are visited after the other tiles, so that each is judged against all that is kept, and
// no tile is judged by company that does not stay.
//   R times the probed mass estimates the dropped mass without bias: whatever happened before, a
// tile's turn comes with chance 1 / R. (A rotation, each tile every R-th step, would overestimate:
// of the tiles that have become heavy, those that had their turn are no longer dropped.)
//
// Non-finite masses (rows with NaN) are never dropped. A mass below fp32's least number counts as
// 0 and goes at any budget.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/attention/level_table.h"
#include "tessera/attention/skip_state.h"

namespace tessera::attention {

enum class MassEstimate : int32_t {
  kRowMaximum,  ///< largest share over the rows, against the running sum: certified
  kRowMean,     ///< mean share over the rows, against the previous call's log-sum-exp
};

enum class BudgetGrowth : int32_t {
  kConstant,  ///< eps_t = budget
  kLinear,    ///< eps_t = 2 budget (t + 1) / (S + 1), t = 0 .. S - 1: the mean is `budget`
};

inline constexpr double kDefaultMassBudget = 0.05;

struct MassPolicy {
  double budget = kDefaultMassBudget;  ///< share of a row's mass, mean over the steps; [0, 0.5)
  BudgetGrowth growth = BudgetGrowth::kLinear;
  LevelTable budgets = {};  ///< if set, eps_t by step and head, each in [0, 1), instead
  MassEstimate estimate = MassEstimate::kRowMaximum;
  int32_t probe_period = 0;  ///< R; 0: dropped tiles never return
  /// Which tiles are probed when. Give each layer, stream and film its own: else all draw alike,
  /// and a mean over them estimates no better than one. Calls that share a state share a seed.
  uint64_t probe_seed = 0;
  DirectionMode direction = DirectionMode::kAlternating;
};

/// Throws InvalidArgument if a number of the policy is outside its range or its table is of another
/// size.
void check_mass_policy(const MassPolicy& policy, int64_t total_steps, int64_t num_heads);

/// eps_t of a checked policy.
double mass_budget(const MassPolicy& policy, int64_t step, int64_t total_steps, int64_t head);

/// A visited tile, as the choice sees it.
struct TileMass {
  int32_t tile = 0;
  float mass = 0;
};

/// Sorts out what may go: reorders `candidates` so that the dropped ones come first, lightest
/// first, and returns how many there are. `spent` grows by their masses.
int64_t choose_dropped(std::vector<TileMass>& candidates, double budget, double& spent);

/// Of a row's dropped tiles those with tile % probe_period == phase are probed in this step. `row`
/// counts rows of tiles over (b, h, q tile).
int64_t probe_phase(int64_t probe_period, uint64_t seed, int64_t step, int64_t generation,
                    int64_t row);

}  // namespace tessera::attention
