// What the policy `mass` finds in each tile and which tiles it drops, against an oracle.
#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/mass_check.h"

namespace tessera::attention::testing {
namespace {

using MassMarks = PerBackend;
TESSERA_PER_BACKEND(MassMarks);

/// Queries, keys and heads that fill no tile, and a short entry.
const ProblemSpec kRagged{.batch = 2,
                          .q_len = 75,
                          .kv_len = 600,
                          .num_heads = 4,
                          .num_kv_heads = 2,
                          .kv_lengths = {600, 333}};

/// A trajectory under `policy`: masses and marks as the oracle has them, in enough tiles to mean
/// something and with few that rounding may decide.
void check_trajectory(const ProblemSpec& spec, const MassPolicy& policy, int steps,
                      const RunOptions& options) {
  const bool has_lse = policy.estimate == MassEstimate::kRowMean;
  const SkipState state = begun_state_with(spec, steps, 1, has_lse);
  const SkipStateView view = state.view();
  const int64_t all = kept_tiles(view);
  MassTally tally;
  for (int step = 0; step < steps; ++step) {
    run_and_check(make_problem(spec, 0.1 * step), {.state = &view, .policy = policy}, options,
                  tally);
  }
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.invalid, 0);
  EXPECT_LE(tally.undecided, 0.005 * tally.visited);
  EXPECT_GT(kept_tiles(view), 0.3 * all);
  EXPECT_LT(kept_tiles(view), 0.7 * all);
}

TEST_P(MassMarks, OfTheRowMaximumEqualTheOracles) {
  check_trajectory(kRagged, {.budget = 0.02}, 6, options());
}

TEST_P(MassMarks, OfTheRowMeanEqualTheOracles) {
  check_trajectory(kRagged, {.budget = 0.01, .estimate = MassEstimate::kRowMean}, 6, options());
}

TEST_P(MassMarks, InFixedOrderEqualTheOracles) {
  check_trajectory(kRagged, {.budget = 0.1, .direction = DirectionMode::kFixed}, 6, options());
}

TEST_P(MassMarks, WithProbesEqualTheOracles) {
  check_trajectory(kRagged, {.budget = 0.02, .probe_period = 4, .probe_seed = 11}, 8, options());
}

TEST_P(MassMarks, OfAConstantBudgetEqualTheOracles) {
  check_trajectory(kRagged, {.budget = 0.03, .growth = BudgetGrowth::kConstant}, 3, options());
}

TEST_P(MassMarks, OfLargeHeadsEqualTheOracles) {
  const ProblemSpec spec{.q_len = 100, .kv_len = 900, .num_heads = 2, .head_dim = 64};
  check_trajectory(spec, {.budget = 0.005}, 4, options());
}

TEST_P(MassMarks, FollowATableByStepAndHead) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 300, .num_heads = 2, .num_kv_heads = 2};
  const std::vector<float> levels = {0.0f, 0.02f, 0.03f, 0.02f, 0.03f, 0.3f};
  const MassPolicy policy{.budgets = {levels, 3, 2}};
  const SkipState state = begun_state(spec, 3);
  const SkipStateView view = state.view();
  MassTally tally;
  std::vector<std::array<int64_t, 2>> dropped;
  for (int step = 0; step < 3; ++step) {
    const auto report =
        run_and_check(make_problem(spec), {.state = &view, .policy = policy}, options(), tally)
            .report;
    dropped.push_back({report.heads[0].dropped, report.heads[1].dropped});
  }
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(dropped[0][0], 0);
  EXPECT_GT(dropped[0][1], 0);
  EXPECT_GT(dropped[1][0], 0);
  EXPECT_GT(dropped[2][1], 0);
}

TEST_P(MassMarks, ARowMeanSumsToOneAndDropsNothingInTheFirstCall) {
  const MassPolicy policy{.budget = 0.05, .estimate = MassEstimate::kRowMean};
  const SkipState state = begun_state_with(kRagged, 2, 1, true);
  const SkipStateView view = state.view();
  const Answer first = run(make_problem(kRagged), {.state = &view, .policy = policy}, options());
  EXPECT_EQ(first.report.sum().dropped, 0);
  for (const float mass : first.tile_mass) EXPECT_TRUE(mass == 1 || mass == -1) << mass;
  const Answer second =
      run(make_problem(kRagged, 1.0), {.state = &view, .policy = policy}, options());
  EXPECT_GT(second.report.sum().dropped, 0);
  for (int64_t row = 0; row < 2 * 4 * 5; ++row) {
    double sum = 0;
    for (int64_t j = 0; j < 38; ++j) sum += std::max(0.0f, second.tile_mass[row * 38 + j]);
    EXPECT_NEAR(sum, 1, 38 * 0x1p-24) << row;
  }
}

TEST_P(MassMarks, ARowMeanLeavesOutRowsThatWereSpoilt) {
  const ProblemSpec spec{.q_len = 32, .kv_len = 300};
  const MassPolicy policy{.budget = 0.05, .estimate = MassEstimate::kRowMean};
  const SkipState state = begun_state_with(spec, 2, 1, true);
  const SkipStateView view = state.view();
  Problem spoilt = make_problem(spec);
  spoilt.q.set(0, 3, 0, 0, NAN);                                         // one row of tile 0
  for (int64_t t = 16; t < 32; ++t) spoilt.q.set(0, t, 0, 0, INFINITY);  // all rows of tile 1
  run(spoilt, {.state = &view, .policy = policy}, options());
  MassTally tally;
  const Answer got =
      run_and_check(make_problem(spec), {.state = &view, .policy = policy}, options(), tally);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_LT(got.tile_mass[0], 1);
  EXPECT_EQ(got.tile_mass[19], 1);
  EXPECT_NE(row_text(view, 19), std::string(19, '1'));
  EXPECT_EQ(row_text(view, 19, 1), std::string(19, '1'));
}

TEST_P(MassMarks, ANanKeepsItsRowOfTilesAndNoOther) {
  const ProblemSpec spec{.q_len = 32, .kv_len = 300};
  Problem problem = make_problem(spec);
  problem.q.set(0, 3, 0, 0, NAN);
  const SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  run(problem, {.state = &view, .policy = MassPolicy{.budget = 0.2}}, options());
  EXPECT_EQ(row_text(view, 19), std::string(19, '1'));
  EXPECT_NE(row_text(view, 19, 1), std::string(19, '1'));
}

TEST_P(MassMarks, ABudgetOfZeroDropsOnlyWhatHoldsNothing) {
  const Problem problem = problem_of_scores({500, 480, 0, 499});
  const SkipState state = begun_state(problem.spec, 1);
  const SkipStateView view = state.view();
  run(problem, {.state = &view, .policy = MassPolicy{.budget = 0}}, options());
  EXPECT_EQ(row_text(view, 4), "1101");  // exp(-20) is something, exp(-500) is not
  EXPECT_EQ(view.spent[0], 0);
}

TEST_P(MassMarks, DropWhatJustFitsAndNothingMore) {
  // 1 / 2, then two tiles of exp(-3): shares .5 (the second), .0243, .0237 in this order.
  const Problem problem = problem_of_scores({0, 0, -3, -3});
  const double third = std::exp(-3) / (2 + std::exp(-3));
  const double fourth = std::exp(-3) / (2 + 2 * std::exp(-3));
  for (const auto& [budget, want] :
       {std::pair{third + fourth + 1e-6, "1100"}, std::pair{third + fourth - 1e-6, "1110"},
        std::pair{fourth - 1e-6, "1111"}}) {
    const SkipState state = begun_state(problem.spec, 1);
    const SkipStateView view = state.view();
    const MassPolicy policy{.budget = budget, .growth = BudgetGrowth::kConstant};
    run(problem, {.state = &view, .policy = policy}, options());
    EXPECT_EQ(row_text(view, 4), want) << budget;
  }
}

TEST_P(MassMarks, ARowOfTilesKeepsItsLastTile) {
  // Tile 0 is not in K but visited, first, and holds everything: all of K could go.
  const Problem problem = problem_of_scores({50, 0, 1});
  const std::vector<TokenRange> keep = {{0, 1}};
  for (const SkipPolicy& policy :
       {SkipPolicy(MassPolicy{.budget = 0.1}), SkipPolicy(MaxGapPolicy{})}) {
    const SkipState state = begun_state(problem.spec, 1);
    const SkipStateView view = state.view();
    view.row(0, 0, 0)[0] = 0b110;
    const Answer got =
        run(problem, {.state = &view, .policy = policy, .must_keep = keep}, options());
    EXPECT_EQ(row_text(view, 3), "001");
    EXPECT_EQ(got.report.sum().dropped, 1);
  }
}

TEST_P(MassMarks, TheLastTileLeavesNoTraceInSpent) {
  // Both tiles of K fit; 2 stays as the last. Next to its mass, 0.05, what was spent is nothing.
  const Problem problem = problem_of_scores({3, -200, 0});
  const std::vector<TokenRange> keep = {{0, 1}};
  for (const float spent : {3.5e-12f, 1e-12f, 1.1e-12f, 2e-17f}) {
    const SkipState state = begun_state(problem.spec, 1);
    const SkipStateView view = state.view();
    view.row(0, 0, 0)[0] = 0b110;
    view.spent[0] = spent;
    const MassPolicy policy{.budget = 0.1};
    run(problem, {.state = &view, .policy = policy, .must_keep = keep}, options());
    EXPECT_EQ(row_text(view, 3), "001");
    EXPECT_EQ(view.spent[0], spent);
  }
}

TEST_P(MassMarks, MustKeepTilesAreNeverCandidates) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 400};
  const std::vector<TokenRange> keep = {{0, 100}, {300, 320}}, all = {{0, 400}};
  const SkipState state = begun_state(spec, 4);
  const SkipStateView view = state.view();
  MassTally tally;
  for (int step = 0; step < 3; ++step) {
    const SkipRequest skip{.state = &view, .policy = MassPolicy{.budget = 0.2}, .must_keep = keep};
    run_and_check(make_problem(spec, 0.1 * step), skip, options(), tally);
  }
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_GT(tally.dropped, 0);
  for (const int64_t j : {0, 1, 2, 3, 4, 5, 6, 18, 19}) EXPECT_TRUE(view.is_kept(0, 0, 0, j)) << j;
  const SkipRequest skip{.state = &view, .policy = MassPolicy{.budget = 0.4}, .must_keep = all};
  EXPECT_EQ(run(make_problem(spec), skip, options()).report.sum().dropped, 0);
}

TEST_P(MassMarks, ADenseStepJudgesAndDropsNothingButCounts) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 300};
  const SkipState state = begun_state_with(spec, 3, 1, true);
  const SkipStateView view = state.view();
  const MassPolicy mean{.budget = 0.05, .estimate = MassEstimate::kRowMean};
  MassTally tally;
  const Answer dense =
      run_and_check(make_problem(spec), {.state = &view, .step = StepKind::kDense, .policy = mean},
                    options(), tally);
  EXPECT_EQ(dense.report.sum().dropped, 0);
  // Its log-sum-exp is the next step's reference.
  run_and_check(make_problem(spec, 0.1), {.state = &view, .policy = mean}, options(), tally);
  EXPECT_GT(tally.dropped, 0);
  EXPECT_EQ(tally.wrong, 0);
}

TEST_P(MassMarks, WithoutAStateMassesAreThoseOfTheDenseCall) {
  const Problem problem = make_problem({.q_len = 100, .kv_len = 300});
  const SkipState state(state_shape_for(problem.spec, kCpuTileGeometry));
  SkipState begun = copy_of(state.view());
  begun.begin(1);
  const SkipStateView view = begun.view();
  const Answer bare = run(problem, {.policy = MassPolicy{}}, options());
  EXPECT_EQ(bare.tile_mass,
            run(problem, {.state = &view, .policy = MassPolicy{}}, options()).tile_mass);
}

TEST_P(MassMarks, EmptyEntriesHoldNothingAndKeepTheirBits) {
  const ProblemSpec spec{.batch = 2, .q_len = 20, .kv_len = 100, .kv_lengths = {0, 100}};
  const SkipState state = begun_state_with(spec, 2, 1, true);
  const SkipStateView view = state.view();
  for (const auto estimate : {MassEstimate::kRowMaximum, MassEstimate::kRowMean}) {
    const MassPolicy policy{.budget = 0.4, .estimate = estimate, .probe_period = 2};
    MassTally tally;
    const Answer got =
        run_and_check(make_problem(spec), {.state = &view, .policy = policy}, options(), tally);
    EXPECT_EQ(got.report.head(0, 0).visited, 0);
    EXPECT_EQ(got.report.masses[0].spent, 0);
    EXPECT_EQ(got.lse[0], -INFINITY);
    EXPECT_EQ(row_text(view, 7), "1111111");
  }
}

TEST_P(MassMarks, OneStepUsesTheWholeBudget) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 300};
  const SkipState growing = begun_state(spec, 1), constant = begun_state(spec, 1);
  const SkipStateView a = growing.view(), b = constant.view();
  run(make_problem(spec), {.state = &a, .policy = MassPolicy{.budget = 0.02}}, options());
  const MassPolicy flat{.budget = 0.02, .growth = BudgetGrowth::kConstant};
  run(make_problem(spec), {.state = &b, .policy = flat}, options());
  EXPECT_EQ(bits_of(a), bits_of(b));
}

TEST_P(MassMarks, ThreadsDoNotChangeABit) {
  const MassPolicy policy{.budget = 0.02, .probe_period = 3};
  std::vector<std::vector<float>> outs, masses;
  std::vector<std::vector<int32_t>> bits;
  std::vector<double> lost;
  for (const int threads : {1, 2, 3}) {
    const auto pool = make_thread_pool(threads);
    const SkipState state = begun_state_with(kRagged, 4, 2, true);
    const SkipStateView view = state.view();
    Answer got;
    for (int call = 0; call < 8; ++call) {
      got = run(make_problem(kRagged, 0.05 * call), {.state = &view, .policy = policy},
                options(pool.get()));
    }
    outs.push_back(got.out);
    masses.push_back(got.tile_mass);
    bits.push_back(bits_of(view));
    lost.push_back(got.report.sum_of_masses().lost);
  }
  for (const int i : {1, 2}) {
    EXPECT_EQ(outs[i], outs[0]);
    EXPECT_EQ(masses[i], masses[0]);
    EXPECT_EQ(bits[i], bits[0]);
    EXPECT_EQ(lost[i], lost[0]);
  }
}

}  // namespace
}  // namespace tessera::attention::testing
