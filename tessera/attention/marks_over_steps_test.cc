// How marks go on from call to call: fixed points, shrinking sets, dense steps, counters.
#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/oracle.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {
namespace {

using MarksOverSteps = PerBackend;
TESSERA_PER_BACKEND(MarksOverSteps);

TEST_P(MarksOverSteps, SameInputsReachAFixedPointAfterOneStepInFixedOrder) {
  const ProblemSpec spec{.q_len = 100, .kv_len = 500};
  const Problem problem = make_problem(spec);
  const SkipState state = begun_state(spec, 3);
  const SkipStateView view = state.view();
  const SkipRequest skip{.state = &view,
                         .policy = MaxGapPolicy{.direction = DirectionMode::kFixed}};
  EXPECT_GT(run(problem, skip, options()).report.sum().dropped, 0);
  EXPECT_EQ(run(problem, skip, options()).report.sum().dropped, 0);
  EXPECT_EQ(view.field(HeaderField::kDirection), 0);
}

TEST_P(MarksOverSteps, SameInputsReachAFixedPointAfterTwoStepsInAlternatingOrder) {
  const ProblemSpec spec{.q_len = 100, .kv_len = 500};
  const Problem problem = make_problem(spec);
  const SkipState state = begun_state(spec, 4);
  const SkipStateView view = state.view();
  EXPECT_GT(
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report.sum().dropped, 0);
  EXPECT_GT(
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report.sum().dropped, 0);
  EXPECT_EQ(
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report.sum().dropped, 0);
  EXPECT_EQ(
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report.sum().dropped, 0);
}

TEST_P(MarksOverSteps, KeptSetsOnlyShrinkAndKeepEachRowsLargestTile) {
  const ProblemSpec spec{.q_len = 60, .kv_len = 400};
  const SkipState state = begun_state(spec, 4);
  const SkipStateView view = state.view();
  for (int step = 0; step < 4; ++step) {
    const Problem problem = make_problem(spec, 0.2 * step);
    const auto before = bits_of(view);
    const auto visits = expected_visits(problem, view);
    run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
    const auto after = bits_of(view);
    for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i] & ~before[i], 0);
    for (int64_t t = 0; t < 60; ++t) {
      double best = -INFINITY;
      int64_t best_tile = -1;
      for (const int64_t j : visits[t / 16]) {
        for (int64_t c = j * 16; c < std::min<int64_t>(j * 16 + 16, 400); ++c) {
          double score = 0;
          for (int64_t d = 0; d < 16; ++d)
            score += problem.q.at(0, t, 0, d) * problem.k.at(0, c, 0, d);
          if (score > best) best = score, best_tile = j;
        }
      }
      EXPECT_TRUE(view.is_kept(0, 0, t / 16, best_tile)) << t;
    }
  }
}

TEST_P(MarksOverSteps, ADenseStepVisitsAllDropsNothingAndCounts) {
  const Problem problem = problem_of_scores({9, -9, 9});
  const SkipState state = begun_state(problem.spec, 5);
  const SkipStateView view = state.view();
  const MaxGapPolicy fixed{.direction = DirectionMode::kFixed};
  run(problem, {.state = &view, .policy = fixed}, options());
  const Answer got =
      run(problem, {.state = &view, .step = StepKind::kDense, .policy = fixed}, options());
  EXPECT_EQ(got.report.sum().visited, 3);
  EXPECT_EQ(got.report.sum().dropped, 0);
  const SkipState fresh = begun_state(problem.spec, 1);
  const SkipStateView fresh_view = fresh.view();
  EXPECT_EQ(got.out, run(problem, {.state = &fresh_view}, options()).out);
  EXPECT_EQ(row_text(view, 3), "101");
  EXPECT_EQ(view.field(HeaderField::kStep), 2);
}

TEST_P(MarksOverSteps, EveryCallFlipsAnAlternatingDirectionDenseOnesToo) {
  const Problem problem = problem_of_scores({9, -9});
  const SkipState state = begun_state(problem.spec, 2);
  const SkipStateView view = state.view();
  run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options());
  EXPECT_EQ(view.field(HeaderField::kDirection), 1);
  run(problem, {.state = &view, .step = StepKind::kDense}, options());
  EXPECT_EQ(view.field(HeaderField::kDirection), 0);
}

TEST_P(MarksOverSteps, AGroupOfRowsLoadsATileOnce) {
  ProblemSpec spec{.q_len = 48, .kv_len = 64, .num_heads = 2, .num_kv_heads = 2};
  SkipStateShape shape = state_shape_for(spec, {16, 16, 2});
  SkipState state(shape);
  state.begin(1);
  const SkipStateView view = state.view();
  const int32_t rows[] = {0b0011, 0b0110, 0b0010, 0b1111, 0b1111, 0b1000};
  std::copy(std::begin(rows), std::end(rows), view.bits);
  const AttentionReport report =
      run(make_problem(spec), {.state = &view, .policy = MaxGapPolicy{}}, options()).report;
  EXPECT_EQ(report.head(0, 0).visited, 5);
  EXPECT_EQ(report.head(0, 0).loaded, 4);  // rows 0 and 1 need 0, 1, 2; row 2 is a group alone
  EXPECT_EQ(report.head(0, 1).visited, 9);
  EXPECT_EQ(report.head(0, 1).loaded, 5);
}

TEST_P(MarksOverSteps, CountersSayWhatHappenedPerHead) {
  const ProblemSpec spec{.batch = 2,
                         .q_len = 40,
                         .kv_len = 300,
                         .num_heads = 4,
                         .num_kv_heads = 2,
                         .kv_lengths = {300, 100}};
  const SkipState state = begun_state(spec, 2);
  const SkipStateView view = state.view();
  const Problem problem = make_problem(spec);
  const AttentionReport first =
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report;
  const AttentionReport second =
      run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).report;
  ASSERT_EQ(first.heads.size(), 8u);
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t h = 0; h < 4; ++h) {
      EXPECT_EQ(first.head(b, h).total, 3 * (b == 0 ? 19 : 7));
      EXPECT_EQ(first.head(b, h).visited, first.head(b, h).total);
      EXPECT_EQ(second.head(b, h).visited, first.head(b, h).visited - first.head(b, h).dropped);
    }
  }
  EXPECT_EQ(kept_tiles(view), 2 * 4 * 3 * 19 - first.sum().dropped - second.sum().dropped);
}

}  // namespace
}  // namespace tessera::attention::testing
