// Which tiles one call drops: the rule of max_gap.h and the oracles of LiteAttention.
#include "tessera/attention/testing/marks.h"

#include <cstring>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/oracle.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/attention/testing/tolerance.h"

namespace tessera::attention::testing {
namespace {

struct Tally {
  int64_t visited = 0, dropped = 0, near = 0, wrong = 0;
};

/// Compares one call's marks with the oracle's gaps.
void tally_marks(const Problem& problem, const TileLists& visits, const OracleAnswer& want,
                 const SkipStateView& after, double threshold, double delta, Tally& tally) {
  const auto& shape = after.bits_shape;
  for (size_t row = 0; row < visits.size(); ++row) {
    const int64_t i = row % shape[2], h = row / shape[2] % shape[1], b = row / shape[2] / shape[1];
    for (size_t n = 0; n < visits[row].size(); ++n) {
      const double margin = want.gaps[row][n] - threshold / problem.scale();
      const bool is_kept = after.is_kept(b, h, i, visits[row][n]);
      ++tally.visited;
      tally.dropped += !is_kept;
      if (std::abs(margin) <= delta) {
        ++tally.near;
      } else {
        tally.wrong += is_kept != (margin > 0);
      }
    }
  }
}

using Marks = PerBackend;
TESSERA_PER_BACKEND(Marks);

TEST_P(Marks, EqualTheOraclesExactlyWhereScoresAreExact) {
  const ProblemSpec spec{.batch = 2,
                         .q_len = 150,
                         .kv_len = 1000,
                         .num_heads = 4,
                         .num_kv_heads = 2,
                         .head_dim = 16,
                         .is_dyadic = true};
  const SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  const Problem problem = make_problem(spec);
  const auto visits = expected_visits(problem, view);
  // A threshold that scores meet exactly: multiples of 1/64, times the scale 1/4.
  const SkipRequest skip{.state = &view, .policy = MaxGapPolicy{.threshold = -7.0f}};
  run(problem, skip, options());
  Tally tally;
  tally_marks(problem, visits, oracle(problem, kTile, visits), view, -7.0, -1.0, tally);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_GT(tally.dropped, 0.3 * tally.visited);
  EXPECT_LT(tally.dropped, 0.7 * tally.visited);
}

TEST_P(Marks, EqualTheOraclesWhereTheMarginExceedsDelta) {
  const ProblemSpec spec{
      .q_len = 200, .kv_len = 1500, .num_heads = 4, .num_kv_heads = 4, .head_dim = 64};
  const SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  const Problem problem = make_problem(spec);
  const auto visits = expected_visits(problem, view);
  run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
  Tally tally;
  tally_marks(problem, visits, oracle(problem, kTile, visits), view, kDefaultMaxGapThreshold,
              forward_tolerance(problem, kTile).gap, tally);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_LE(tally.near, 0.005 * tally.visited);
  EXPECT_GT(tally.dropped, 0.3 * tally.visited);
  EXPECT_LT(tally.dropped, 0.7 * tally.visited);
}

TEST_P(Marks, EqualTheReferencesOverATrajectoryOfExactScores) {
  const ProblemSpec spec{
      .q_len = 90, .kv_len = 500, .num_heads = 2, .num_kv_heads = 1, .is_dyadic = true};
  const SkipState state = begun_state(spec, 4), truth = begun_state(spec, 4);
  const SkipStateView view = state.view(), truth_view = truth.view();
  for (int step = 0; step < 4; ++step) {
    const Problem problem = make_problem(spec, 0.1 * step);
    const Answer got = run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
    const Answer want =
        run(problem, {.state = &truth_view, .policy = MaxGapPolicy{}}, {.backend = "reference"});
    EXPECT_EQ(bits_of(view), bits_of(truth_view)) << step;
    EXPECT_EQ(got.report.sum().dropped, want.report.sum().dropped);
  }
}

TEST_P(Marks, EqualityDrops) {
  const SkipState state = begun_state(problem_of_scores({8, 4, 5, 3}).spec, 1);
  const SkipStateView view = state.view();
  run(problem_of_scores({8, 4, 5, 3}), {.state = &view, .policy = MaxGapPolicy{.threshold = -4.0f}},
      options());
  EXPECT_EQ(row_text(view, 4), "1010");
}

TEST_P(Marks, TheFirstVisitedTileIsAlwaysNeeded) {
  const Problem problem = problem_of_scores({-50, 8, 9, -50});
  for (const auto first : {Direction::kAscending, Direction::kDescending}) {
    const SkipState state = begun_state(problem.spec, 1, first);
    const SkipStateView view = state.view();
    run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
    EXPECT_EQ(row_text(view, 4), first == Direction::kAscending ? "1110" : "0111");
  }
}

TEST_P(Marks, ANearlyZeroThresholdLeavesOneTileOfAFallingRow) {
  const Problem problem = problem_of_scores({9, 8, 7, 6, 5});
  const SkipState state = begun_state(problem.spec, 1);
  const SkipStateView view = state.view();
  run(problem, {.state = &view, .policy = MaxGapPolicy{.threshold = -1e-6f}}, options());
  EXPECT_EQ(row_text(view, 5), "10000");
}

TEST_P(Marks, AVeryLowThresholdDropsNothing) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 300, .contrast = 100};
  const SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  const Answer got = run(make_problem(spec),
                         {.state = &view, .policy = MaxGapPolicy{.threshold = -3e38f}}, options());
  EXPECT_EQ(got.report.sum().dropped, 0);
  EXPECT_EQ(kept_tiles(view), 3 * 19);
}

TEST_P(Marks, OneNeedyRowKeepsATileForAll) {
  Problem problem = problem_of_scores({9, -9});
  const SkipState state = begun_state(problem.spec, 1);
  const SkipStateView view = state.view();
  problem.q.set(0, 11, 0, 0, -1.0f);
  run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
  EXPECT_EQ(row_text(view, 2), "11");
}

TEST_P(Marks, RowsPastTheEndDoNotVote) {
  // 17 queries: the second tile has one real row. Padding rows score 0 everywhere and would keep
  // every tile.
  ProblemSpec spec = problem_of_scores({9, -9}).spec;
  spec.q_len = 17;
  Problem problem = make_problem(spec);
  for (int64_t t = 0; t < 17; ++t) problem.q.set(0, t, 0, 0, 1.0f);
  for (int64_t t = 0; t < 32; ++t) problem.k.set(0, t, 0, 0, t < 16 ? 9.0f : -9.0f);
  const SkipState state = begun_state(spec, 1);
  const SkipStateView view = state.view();
  run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
  EXPECT_EQ(row_text(view, 2, 1), "10");
}

TEST_P(Marks, ColumnsPastTheLengthDoNotVote) {
  Problem problem = problem_of_scores({9, -9});
  problem.spec.kv_lengths = {20};
  for (int64_t t = 20; t < 32; ++t) problem.k.set(0, t, 0, 0, 100.0f);
  const SkipState state = begun_state(problem.spec, 1);
  const SkipStateView view = state.view();
  run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
  EXPECT_EQ(row_text(view, 2), "10");
}

TEST_P(Marks, TilesPastTheLengthKeepTheirBits) {
  Problem problem = problem_of_scores({9, -9, -9});
  problem.spec.kv_lengths = {32};
  const SkipState state = begun_state(problem.spec, 1);
  const SkipStateView view = state.view();
  const Answer got = run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
  EXPECT_EQ(row_text(view, 3), "101");
  EXPECT_EQ(got.report.sum().total, 2);
}

TEST_P(Marks, NoRowOfTilesDependsOnAnother) {
  const ProblemSpec spec{.batch = 2, .q_len = 50, .kv_len = 300, .num_heads = 2, .num_kv_heads = 2};
  const SkipState a = begun_state(spec, 1), b = begun_state(spec, 1);
  const SkipStateView a_view = a.view(), b_view = b.view();
  Problem problem = make_problem(spec);
  run(problem, {.state = &a_view, .policy = MaxGapPolicy{}}, options());
  for (int64_t t = 16; t < 32; ++t) {
    for (int64_t d = 0; d < 16; ++d) problem.q.set(1, t, 0, d, 100.0f);
  }
  run(problem, {.state = &b_view, .policy = MaxGapPolicy{}}, options());
  for (int64_t row = 0; row < 2 * 2 * 4; ++row) {
    const bool is_changed = a_view.bits[row] != b_view.bits[row];
    EXPECT_EQ(is_changed, row == (1 * 2 + 0) * 4 + 1) << row;
  }
}

TEST(MarksAcrossTargets, AreTheSameBitsOnAvx2AndAvx512) {
  // Both sum a score in one chain of fused multiply-adds, so even inexact scores agree.
  const ProblemSpec spec{.q_len = 100, .kv_len = 700, .head_dim = 64};
  std::vector<std::vector<int32_t>> bits;
  for (const auto& backend : backend_cases()) {
    if (backend.full_name != "cpu/AVX2" && backend.full_name != "cpu/AVX3") continue;
    hwy::SetSupportedTargetsForTest(backend.hwy_target);
    const SkipState state = begun_state(spec, 1);
    const SkipStateView view = state.view();
    run(make_problem(spec), {.state = &view, .policy = MaxGapPolicy{}}, {.backend = "cpu"});
    bits.push_back(bits_of(view));
  }
  hwy::SetSupportedTargetsForTest(0);
  if (bits.size() < 2) GTEST_SKIP() << "this machine lacks AVX-512 or AVX2";
  EXPECT_EQ(bits[0], bits[1]);
}

}  // namespace
}  // namespace tessera::attention::testing
