// Revision under the policy `mass`: which dropped tiles are looked at again and when, which return,
// and that the mass estimated from them is the mass that is lost.
#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/mass_check.h"

namespace tessera::attention::testing {
namespace {

using Probes = PerBackend;
TESSERA_PER_BACKEND(Probes);

/// Nothing new is dropped, so what is probed is all that happens.
MassPolicy only_probes(int32_t period) { return {.budget = 0, .probe_period = period}; }

void keep_only(const SkipStateView& state, int64_t row, uint32_t tiles) {
  state.bits[row * state.bits_shape[3]] = static_cast<int32_t>(tiles);
}

TEST_P(Probes, LookAtEachDroppedTileInOneStepOfAPeriodOnAverage) {
  const Problem problem = problem_of_scores({9, -9, -9, -9, -9, 9, -9, -9, -9, -9, -9, -9});
  constexpr int kSteps = 400, kPeriod = 5;
  const SkipState state = begun_state(problem.spec, kSteps);
  const SkipStateView view = state.view();
  keep_only(view, 0, 0b100001);
  view.spent[0] = 0.4f;  // all of it: nothing more can be dropped
  const MassPolicy policy{
      .budget = 0.4, .growth = BudgetGrowth::kConstant, .probe_period = kPeriod};
  std::vector<int> looks(12);
  for (int step = 0; step < kSteps; ++step) {
    const Answer got = run(problem, {.state = &view, .policy = policy}, options());
    for (int j = 0; j < 12; ++j) looks[j] += got.tile_mass[j] >= 0;
    EXPECT_EQ(got.report.sum().visited, 2 + got.report.sum().probed);
    EXPECT_EQ(got.report.sum().returned, 0);
  }
  const double mean = kSteps / kPeriod, sigma = std::sqrt(mean * (1 - 1.0 / kPeriod));
  for (const int j : {0, 5}) EXPECT_EQ(looks[j], kSteps);
  for (const int j : {1, 2, 3, 4, 6, 7, 8, 9, 10, 11}) EXPECT_NEAR(looks[j], mean, 4.5 * sigma);
}

TEST_P(Probes, CountTowardsTheAnswer) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 400, .num_heads = 2, .num_kv_heads = 2};
  const Problem problem = make_problem(spec);
  const SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  for (int64_t row = 0; row < 6; ++row) keep_only(view, row, 0x155555 >> row);
  TileLists visits;
  for (const auto& row : expected_rows(problem, view, {.state = &view, .policy = only_probes(3)})) {
    visits.push_back(row.tiles);
  }
  const OracleAnswer want = oracle(problem, kTile, visits);
  const Answer got = run(problem, {.state = &view, .policy = only_probes(3)}, options());
  const Tolerance t = forward_tolerance(problem, kTile);
  for (size_t i = 0; i < want.out.size(); ++i) {
    ASSERT_NEAR(got.out[i], want.out[i], t.out_absolute + t.out_relative * std::abs(want.out[i]));
  }
}

/// A row of tiles whose first tile is dropped, after 16 calls: enough for its turn at a period
/// of 2.
std::string row_after(const std::vector<float>& scores, const RunOptions& options) {
  const Problem problem = problem_of_scores(scores);
  const SkipState state = begun_state(problem.spec, 16);
  const SkipStateView view = state.view();
  keep_only(view, 0, (1u << scores.size()) - 2);
  const MassPolicy policy{.budget = 0.1, .growth = BudgetGrowth::kConstant, .probe_period = 2};
  for (int step = 0; step < 16; ++step) run(problem, {.state = &view, .policy = policy}, options);
  return row_text(view, static_cast<int64_t>(scores.size()));
}

TEST_P(Probes, ReturnWhereTheyHoldMoreThanTheLightestThatStays) {
  EXPECT_EQ(row_after({8.9f, 9, 9, 8}, options()), "1111");
  EXPECT_EQ(row_after({7, 9, 9, 8}, options()), "0111");
}

TEST_P(Probes, AreNotJudgedBetterForComingFirst) {
  // Ascending, the first tile would be seen before all others and seem to hold everything.
  EXPECT_EQ(row_after({2, 9, 9, 9}, options()), "0111");
}

TEST_P(Probes, ReturnWhereTheyHoldMoreThanTheWholeBudget) {
  // The only tile that stays has mass 1, being the first. Once the other is back, it goes.
  EXPECT_EQ(row_after({9, 0}, options()), "10");
  EXPECT_EQ(row_after({-3, 0}, options()), "01");
}

TEST_P(Probes, LeaveRangesAndDenseStepsAlone) {
  const Problem problem = problem_of_scores({9, -9, -9, -9});
  const SkipState state = begun_state(problem.spec, 4);
  const SkipStateView view = state.view();
  keep_only(view, 0, 0b0001);
  const std::vector<TokenRange> keep = {{16, 17}}, skip = {{32, 64}};
  for (int step = 0; step < 2; ++step) {
    const SkipRequest request{
        .state = &view, .policy = only_probes(2), .must_keep = keep, .must_skip = skip};
    const Answer got = run(problem, request, options());
    EXPECT_EQ(got.report.sum().probed, 0);
    EXPECT_EQ(got.report.sum().visited, 2);
  }
  const Answer dense =
      run(problem, {.state = &view, .step = StepKind::kDense, .policy = only_probes(2)}, options());
  EXPECT_EQ(dense.report.sum().probed, 0);
  EXPECT_EQ(dense.report.sum_of_masses().rows, 0);
  EXPECT_EQ(row_text(view, 4), "1000");
}

TEST_P(Probes, OnUnchangedInputsHardlyAnyReturns) {
  const ProblemSpec spec{.q_len = 100, .kv_len = 480, .num_heads = 2, .num_kv_heads = 2};
  const Problem problem = make_problem(spec);
  const SkipState state = begun_state(spec, 12);
  const SkipStateView view = state.view();
  TileCounts sum;
  for (int step = 0; step < 12; ++step) {
    const MassPolicy policy{.budget = 0.02, .probe_period = 4};
    sum += run(problem, {.state = &view, .policy = policy}, options()).report.sum();
  }
  EXPECT_GT(sum.probed, 100);
  EXPECT_LT(sum.returned, 0.05 * sum.probed);
}

/// The estimate that each of `period` phases would make of a row of tiles, and their mean, which is
/// the truth: (mass of all dropped tiles) / (mass of the kept ones), mean over the queries.
struct PhaseEstimates {
  double truth = 0, variance = 0;
};
PhaseEstimates estimates_of(const OracleRow& row, const std::vector<QueryWeights>& weights,
                            const SkipStateView& state, int64_t period) {
  std::vector<double> phases(period);
  for (const int64_t query : row.queries) {
    double kept = 0;
    std::vector<double> dropped(period);
    for (size_t j = 0; j < weights[query].weight.size(); ++j) {
      const bool is_kept = state.is_kept(row.b, row.h, row.i, j);
      (is_kept ? kept : dropped[j % period]) += weights[query].weight[j];
    }
    for (int64_t phase = 0; phase < period; ++phase) {
      phases[phase] += period * dropped[phase] / kept / row.queries.size();
    }
  }
  PhaseEstimates found;
  for (const double phase : phases) found.truth += phase / period;
  for (const double phase : phases) found.variance += std::pow(phase - found.truth, 2) / period;
  return found;
}

/// The same over all rows of tiles, weighted by their queries as the report weights them.
PhaseEstimates estimates_of_all(const Problem& problem, const SkipStateView& state,
                                int64_t period) {
  const auto weights = all_weights(problem, kTile);
  PhaseEstimates sum;
  for (const auto& row : expected_rows(problem, state, {.policy = only_probes(0)})) {
    const PhaseEstimates one = estimates_of(row, weights, state, period);
    const double part = static_cast<double>(row.queries.size()) / weights.size();
    sum.truth += part * one.truth;
    sum.variance += part * part * one.variance;
  }
  return sum;
}

TEST_P(Probes, EstimateTheLostMassWithoutBiasOverThePhases) {
  // Each row of tiles draws a phase. Over many of them the mean must come
  // within 4.5 standard errors of the truth, the error known from all phases.
  const ProblemSpec spec{.q_len = 40, .kv_len = 400, .num_heads = 2, .num_kv_heads = 2};
  const Problem problem = make_problem(spec);
  SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  constexpr int kGenerations = 300, kPeriod = 4;
  PhaseEstimates want;
  double mean = 0;
  for (int generation = 0; generation < kGenerations; ++generation) {
    state.begin(1);
    for (int64_t row = 0; row < 6; ++row) keep_only(view, row, 0x5a5a5a5 >> (row % 3) & 0x1ffffff);
    want = estimates_of_all(problem, view, kPeriod);
    const SkipRequest skip{.state = &view, .policy = only_probes(kPeriod)};
    mean += run(problem, skip, options()).report.sum_of_masses().lost / kGenerations;
  }
  const double error = std::sqrt(want.variance / kGenerations);
  EXPECT_LT(error, 0.1 * want.truth);
  EXPECT_NEAR(mean, want.truth, 4.5 * error);
}

/// The keys wander from their own place to another's, so that what mattered changes.
Problem wandering_problem(double how_far) {
  Problem p = make_problem({.q_len = 128, .kv_len = 480, .num_heads = 8, .num_kv_heads = 8});
  const Problem from = p;
  for (int64_t t = 0; t < 480; ++t) {
    for (int64_t h = 0; h < 8; ++h) {
      for (int64_t d = 0; d < 16; ++d) {
        const float there = from.k.at(0, (t + 7 * 16) % 480, h, d);
        p.k.set(0, t, h, d,
                static_cast<float>((1 - how_far) * from.k.at(0, t, h, d) + how_far * there));
      }
    }
  }
  return p;
}

TEST_P(Probes, FollowTheTrueRecallOverADriftingTrajectory) {
  constexpr int kSteps = 20, kPeriod = 4;
  const SkipState state = begun_state(wandering_problem(0).spec, kSteps);
  const SkipStateView view = state.view();
  const MassPolicy policy{.budget = 0.05, .probe_period = kPeriod};
  double estimated = 0, truth = 0, variance = 0, least = INFINITY, most = 0;
  for (int step = 0; step < kSteps; ++step) {
    const Problem problem = wandering_problem(0.04 * step);
    const PhaseEstimates want = estimates_of_all(problem, view, kPeriod);
    const Answer got = run(problem, {.state = &view, .policy = policy}, options());
    const LostMass lost = got.report.sum_of_masses();
    EXPECT_EQ(lost.rows, 8 * 128);
    EXPECT_NEAR(lost.lost, want.truth, 4.5 * std::sqrt(want.variance) + 1e-6 * want.truth) << step;
    estimated += lost.lost;
    truth += want.truth;
    variance += want.variance;
    if (step > 0) least = std::min(least, want.truth), most = std::max(most, want.truth);
  }
  EXPECT_GT(most, 3 * least);
  // Given all that happened before, each step's error has mean 0: variances add.
  EXPECT_LT(std::sqrt(variance), 0.06 * truth);
  EXPECT_NEAR(estimated, truth, 4.5 * std::sqrt(variance));
}

}  // namespace
}  // namespace tessera::attention::testing
