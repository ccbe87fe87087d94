// Ranges of tokens that a call must keep or must skip: what is visited, and what is marked.
#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/oracle.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/attention/testing/tolerance.h"

namespace tessera::attention::testing {
namespace {

using Ranges = PerBackend;
TESSERA_PER_BACKEND(Ranges);

TEST_P(Ranges, MustKeepVisitsDroppedTilesAndVetoesMarksButSetsNoBit) {
  const Problem problem = problem_of_scores({9, -9, -9, -9});
  const SkipState state = begun_state(problem.spec, 3);
  const SkipStateView view = state.view();
  const std::vector<TokenRange> second = {{17, 18}}, third = {{40, 41}};
  run(problem, {.state = &view, .policy = MaxGapPolicy{}, .must_keep = second}, options());
  EXPECT_EQ(row_text(view, 4), "1100");
  const Answer got =
      run(problem, {.state = &view, .policy = MaxGapPolicy{}, .must_keep = third}, options());
  EXPECT_EQ(got.report.sum().visited, 3);
  // Descending now: tile 2 (kept by range) comes first, then 1, then 0. Tile 1 scores as tile 2.
  EXPECT_EQ(row_text(view, 4), "1100");
}

TEST_P(Ranges, MustSkipLeavesTilesOutForOneCallAndClearsNoBit) {
  const Problem problem = problem_of_scores({9, 9, 9, 9});
  const SkipState state = begun_state(problem.spec, 2);
  const SkipStateView view = state.view();
  const std::vector<TokenRange> middle = {{10, 40}};
  const auto visits = expected_visits(problem, view, {.state = &view, .must_skip = middle});
  EXPECT_EQ(visits[0], (std::vector<int64_t>{0, 2, 3}));
  const Answer got = run(problem, {.state = &view, .must_skip = middle}, options());
  EXPECT_EQ(got.report.sum().visited, 3);
  EXPECT_EQ(row_text(view, 4), "1111");
  EXPECT_EQ(
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report.sum().visited, 4);
}

TEST_P(Ranges, AllSkippedGivesZeroOutputAndMinusInfinityLse) {
  const Problem problem = problem_of_scores({9, 9});
  const std::vector<TokenRange> all = {{0, 32}};
  const Answer got = run(problem, {.must_skip = all}, options());
  EXPECT_EQ(got.out, std::vector<float>(16, 0.0f));
  EXPECT_EQ(got.lse, std::vector<float>(16, -INFINITY));
  EXPECT_EQ(got.report.sum().visited, 0);
}

TEST_P(Ranges, RangesAndKeptTilesGiveTheOraclesAnswer) {
  const ProblemSpec spec{.batch = 2,
                         .q_len = 50,
                         .kv_len = 333,
                         .num_heads = 2,
                         .num_kv_heads = 1,
                         .kv_lengths = {333, 170}};
  const SkipState state = begun_state(spec, 3);
  const SkipStateView view = state.view();
  const std::vector<TokenRange> keep = {{0, 20}, {200, 201}}, skip_range = {{30, 90}, {300, 333}};
  for (int step = 0; step < 3; ++step) {
    const Problem problem = make_problem(spec, 0.05 * step);
    const SkipRequest skip{
        .state = &view, .policy = MaxGapPolicy{}, .must_keep = keep, .must_skip = skip_range};
    const auto visits = expected_visits(problem, view, skip);
    const OracleAnswer want = oracle(problem, kTile, visits);
    const Answer got = run(problem, skip, options());
    const Tolerance t = forward_tolerance(problem, kTile);
    for (size_t i = 0; i < want.out.size(); ++i) {
      ASSERT_NEAR(got.out[i], want.out[i], t.out_absolute) << i;
    }
  }
}

/// Ranges of all kinds: whole, for some queries, for one head, both.
const std::vector<TokenRange> kMixedKeep = {
    {0, 20}, {200, 201}, {100, 130, 20, 37}, {250, 260, 0, kLastToken, 1}, {70, 75, 8, 9, 0}};
const std::vector<TokenRange> kMixedSkip = {
    {30, 50}, {300, 333}, {140, 180, 16, 50}, {180, 199, 16, 50}, {208, 245, 0, 32, 1}};

TEST_P(Ranges, RangesOfHeadsAndQueriesGiveTheOraclesAnswer) {
  const ProblemSpec spec{
      .batch = 2, .q_len = 50, .kv_len = 333, .num_heads = 3, .kv_lengths = {333, 170}};
  const SkipState state = begun_state(spec, 3);
  const SkipStateView view = state.view();
  for (int step = 0; step < 3; ++step) {
    const Problem problem = make_problem(spec, 0.05 * step);
    const SkipRequest skip{
        .state = &view, .policy = MaxGapPolicy{}, .must_keep = kMixedKeep, .must_skip = kMixedSkip};
    const OracleAnswer want = oracle(problem, kTile, expected_visits(problem, view, skip));
    const Answer got = run(problem, skip, options());
    const Tolerance t = forward_tolerance(problem, kTile);
    for (size_t i = 0; i < want.out.size(); ++i) {
      ASSERT_NEAR(got.out[i], want.out[i], t.out_absolute + t.out_relative * std::abs(want.out[i]))
          << i;
    }
  }
}

TEST_P(Ranges, MustKeepOfOneHeadVetoesTheMarksOfThatHeadAndTheseQueriesAlone) {
  ProblemSpec spec{
      .q_len = 32, .kv_len = 64, .num_heads = 2, .num_kv_heads = 1, .head_dim = 1, .scale = 1.0};
  Problem problem = make_problem(spec);
  for (int64_t t = 0; t < 32; ++t) {
    for (int64_t h = 0; h < 2; ++h) problem.q.set(0, t, h, 0, 1.0f);
  }
  for (int64_t t = 0; t < 64; ++t) problem.k.set(0, t, 0, 0, t < 16 ? 9.0f : -9.0f);
  const SkipState state = begun_state(spec, 2);
  const SkipStateView view = state.view();
  const std::vector<TokenRange> keep = {{32, 33, 16, 17, 1}};
  run(problem, {.state = &view, .policy = MaxGapPolicy{}, .must_keep = keep}, options());
  std::string rows;
  for (int64_t h = 0; h < 2; ++h) {
    for (int64_t i = 0; i < 2; ++i) {
      for (int64_t j = 0; j < 4; ++j) rows += view.is_kept(0, h, i, j) ? '1' : '0';
      rows += ' ';
    }
  }
  EXPECT_EQ(rows, "1000 1000 1000 1010 ");
}

}  // namespace
}  // namespace tessera::attention::testing
