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
  run(problem, {.state = &view, .must_keep = second}, options());
  EXPECT_EQ(row_text(view, 4), "1100");
  const Answer got = run(problem, {.state = &view, .must_keep = third}, options());
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
  EXPECT_EQ(run(problem, {.state = &view}, options()).report.sum().visited, 4);
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
    const SkipRequest skip{.state = &view, .must_keep = keep, .must_skip = skip_range};
    const auto visits = expected_visits(problem, view, skip);
    const OracleAnswer want = oracle(problem, kTile, visits);
    const Answer got = run(problem, skip, options());
    const Tolerance t = forward_tolerance(problem, kTile);
    for (size_t i = 0; i < want.out.size(); ++i) {
      ASSERT_NEAR(got.out[i], want.out[i], t.out_absolute) << i;
    }
  }
}

}  // namespace
}  // namespace tessera::attention::testing
