// Two streams that share their marks: a step is two calls, and a tile goes only if both allow it.
#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/pending.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/mass_check.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::attention::testing {
namespace {

const SkipRequest kGap{.policy = MaxGapPolicy{}};

const std::vector<float> kFirst = {9, -9, -9, 9}, kSecond = {9, -9, 9, -9};

/// Both calls of one step on a new state; the row's tiles after it.
std::string row_after(const SkipRequest& first, const SkipRequest& second,
                      const RunOptions& options, SkipState* keep_state = nullptr) {
  SkipState state = begun_state_with(problem_of_scores(kFirst).spec, 2, 2, false);
  const SkipStateView view = state.view();
  SkipRequest a = first, b = second;
  a.state = b.state = &view;
  run(problem_of_scores(kFirst), a, options);
  EXPECT_EQ(row_text(view, 4), "1111");
  run(problem_of_scores(kSecond), b, options);
  const std::string row = row_text(view, 4);
  if (keep_state != nullptr) *keep_state = std::move(state);
  return row;
}

using SharedGaps = PerBackend;
TESSERA_PER_BACKEND(SharedGaps);

TEST_P(SharedGaps, DropOnlyWhatBothStreamsCanSpare) {
  EXPECT_EQ(row_after(kGap, kGap, options()), "1011");
}

TEST_P(SharedGaps, KeepWhatOneCallMustKeep) {
  const std::vector<TokenRange> keep = {{20, 21}};
  EXPECT_EQ(row_after({.policy = MaxGapPolicy{}, .must_keep = keep}, kGap, options()), "1111");
  EXPECT_EQ(row_after(kGap, {.policy = MaxGapPolicy{}, .must_keep = keep}, options()), "1111");
}

TEST_P(SharedGaps, KeepWhatOneCallDidNotSee) {
  const std::vector<TokenRange> skip = {{16, 32}};
  EXPECT_EQ(row_after({.policy = MaxGapPolicy{}, .must_skip = skip}, kGap, options()), "1111");
  EXPECT_EQ(row_after(kGap, {.policy = MaxGapPolicy{}, .must_skip = skip}, options()), "1111");
}

TEST_P(SharedGaps, ADenseCallAllowsNothing) {
  EXPECT_EQ(row_after({.step = StepKind::kDense, .policy = MaxGapPolicy{}}, kGap, options()),
            "1111");
  EXPECT_EQ(row_after(kGap, {.step = StepKind::kDense, .policy = MaxGapPolicy{}}, options()),
            "1111");
}

TEST_P(SharedGaps, TwoCallsAreOneStep) {
  const SkipState state = begun_state_with(problem_of_scores(kFirst).spec, 2, 2, false);
  const SkipStateView view = state.view();
  const auto fields = [&] {
    return std::array<int32_t, 3>{view.field(HeaderField::kStep), view.field(HeaderField::kStream),
                                  view.field(HeaderField::kDirection)};
  };
  run(problem_of_scores(kFirst), {.state = &view, .policy = MaxGapPolicy{}, .stream = 0},
      options());
  EXPECT_EQ(fields(), (std::array<int32_t, 3>{0, 1, 0}));
  run(problem_of_scores(kSecond), {.state = &view, .stream = 1}, options());
  EXPECT_EQ(fields(), (std::array<int32_t, 3>{1, 0, 1}));
}

TEST_P(SharedGaps, EqualTheOraclesOverATrajectory) {
  const ProblemSpec spec{
      .q_len = 90, .kv_len = 500, .num_heads = 2, .num_kv_heads = 1, .is_dyadic = true};
  ProblemSpec other = spec;
  other.seed = 9;
  const SkipState state = begun_state_with(spec, 3, 2, false);
  const SkipStateView view = state.view();
  int64_t dropped = 0;
  for (int step = 0; step < 3; ++step) {
    const Problem a = make_problem(spec, 0.1 * step), b = make_problem(other, 0.1 * step);
    const SkipState before = copy_of(view);
    const auto visits = expected_visits(a, view);
    const auto gaps_a = oracle(a, kTile, visits).gaps, gaps_b = oracle(b, kTile, visits).gaps;
    run(a, {.state = &view, .policy = MaxGapPolicy{}}, options());
    dropped += run(b, {.state = &view, .policy = MaxGapPolicy{}}, options()).report.sum().dropped;
    for (size_t row = 0; row < visits.size(); ++row) {
      for (size_t n = 0; n < visits[row].size(); ++n) {
        const double gap = std::max(gaps_a[row][n], gaps_b[row][n]);
        const bool is_kept = view.is_kept(0, row / 6, row % 6, visits[row][n]);
        EXPECT_EQ(is_kept, gap * a.scale() > kDefaultMaxGapThreshold) << row << " " << n;
      }
    }
  }
  EXPECT_GT(dropped, 0.1 * 2 * 6 * 32);
}

using SharedMasses = PerBackend;
TESSERA_PER_BACKEND(SharedMasses);

const SkipRequest kMass{.policy = MassPolicy{.budget = 0.05}};

TEST_P(SharedMasses, DropOnlyWhatBothStreamsCanSpare) {
  EXPECT_EQ(row_after(kMass, kMass, options()), "1011");
}

TEST_P(SharedMasses, SpendTheLargerMassOfTheTwoRoundedUp) {
  // Tile 1 is seen second: its share is its weight against the first two tiles'.
  for (const auto& [a, b] : {std::pair{-5.0f, -4.0f}, std::pair{-4.0f, -5.0f}}) {
    const Problem first = problem_of_scores({0, a, 0}), second = problem_of_scores({0, b, 0});
    const SkipState state = begun_state_with(first.spec, 1, 2, false);
    const SkipStateView view = state.view();
    const SkipRequest skip{.state = &view, .policy = MassPolicy{.budget = 0.05}};
    run(first, skip, options());
    const LostMass lost = run(second, skip, options()).report.sum_of_masses();
    const double shares[] = {std::exp(a) / (1 + std::exp(a)), std::exp(b) / (1 + std::exp(b))};
    const double stored = decode_pending_mass(encode_pending_mass(static_cast<float>(shares[0])));
    const double want = std::max(stored, shares[1]);
    EXPECT_EQ(row_text(view, 3), "101");
    EXPECT_NEAR(view.spent[0], want, 1e-5 * want);
    EXPECT_GE(view.spent[0] * (1 + 1e-5), std::max(shares[0], shares[1]));
    EXPECT_NEAR(lost.dropped, want, 1e-5 * want);
  }
}

TEST_P(SharedMasses, DoNotMixPoliciesWithinAStep) {
  // What one policy allows says nothing to the other: nothing goes, and nothing is spent.
  SkipState state = begun_state_with(problem_of_scores(kFirst).spec, 1, 2, false);
  EXPECT_EQ(row_after(kGap, kMass, options(), &state), "1111");
  EXPECT_EQ(row_after(kMass, kGap, options(), &state), "1111");
  EXPECT_EQ(state.view().spent[0], 0);
}

TEST_P(SharedMasses, KeepTheLogSumExpOfEachStreamApart) {
  const ProblemSpec spec{.q_len = 20, .kv_len = 200};
  ProblemSpec other = spec;
  other.seed = 5;
  const SkipState state = begun_state_with(spec, 3, 2, true);
  const SkipStateView view = state.view();
  const MassPolicy policy{.budget = 0.05, .estimate = MassEstimate::kRowMean};
  MassTally tally;
  int64_t dropped = 0;
  for (int step = 0; step < 3; ++step) {
    const SkipRequest skip{.state = &view, .policy = policy};
    const Answer a = run_and_check(make_problem(spec, 0.1 * step), skip, options(), tally);
    const Answer b = run_and_check(make_problem(other, 0.1 * step), skip, options(), tally);
    EXPECT_TRUE(std::equal(a.lse.begin(), a.lse.end(), view.lse));
    EXPECT_TRUE(std::equal(b.lse.begin(), b.lse.end(), view.lse + 20));
    dropped += b.report.sum().dropped;
  }
  EXPECT_GT(dropped, 0);
}

TEST_P(SharedMasses, BringAProbeBackForEitherStream) {
  const Problem light = problem_of_scores({-9, 9, 9}), heavy = problem_of_scores({9, 9, 9});
  for (const bool is_first_heavy : {true, false}) {
    const SkipState state = begun_state_with(light.spec, 16, 2, false);
    const SkipStateView view = state.view();
    view.row(0, 0, 0)[0] = 0b110;
    int64_t returned = 0;
    for (int step = 0; step < 16; ++step) {
      const SkipRequest skip{.state = &view,
                             .policy = MassPolicy{.budget = 0.1, .probe_period = 2}};
      returned += run(is_first_heavy ? heavy : light, skip, options()).report.sum().returned;
      returned += run(is_first_heavy ? light : heavy, skip, options()).report.sum().returned;
    }
    EXPECT_EQ(returned, 1);
    EXPECT_EQ(row_text(view, 3), "111");
  }
}

TEST_P(SharedMasses, GoOnFromAFileSavedInTheMiddleOfAStep) {
  const ProblemSpec spec{.q_len = 40, .kv_len = 300, .num_heads = 2, .num_kv_heads = 2};
  const tessera::testing::TemporaryFolder folder;
  const SkipState state = begun_state_with(spec, 3, 2, true);
  const SkipStateView view = state.view();
  const SkipRequest skip{.state = &view, .policy = MassPolicy{.budget = 0.05, .probe_period = 2}};
  for (int call = 0; call < 3; ++call) run(make_problem(spec, 0.1 * call), skip, options());
  state.save(folder / "middle.safetensors");
  const SkipState loaded = SkipState::load(folder / "middle.safetensors");
  EXPECT_EQ(loaded.shape(), state.shape());
  const SkipStateView loaded_view = loaded.view();
  EXPECT_EQ(loaded_view.field(HeaderField::kStream), 1);
  SkipRequest resumed = skip;
  resumed.state = &loaded_view;
  for (int call = 3; call < 6; ++call) {
    const Problem problem = make_problem(spec, 0.1 * call);
    const Answer want = run(problem, skip, options()), got = run(problem, resumed, options());
    EXPECT_EQ(got.out, want.out);
    EXPECT_EQ(got.tile_mass, want.tile_mass);
  }
  EXPECT_EQ(bits_of(loaded_view), bits_of(view));
  EXPECT_LT(kept_tiles(view), 2 * 3 * 19);
  for (int i = 0; i < 2 * 3; ++i) EXPECT_EQ(loaded_view.spent[i], view.spent[i]);
}

TEST_P(SharedMasses, ANewGenerationForgetsTheHalfStep) {
  SkipState state = begun_state_with(problem_of_scores(kFirst).spec, 2, 2, true);
  const SkipStateView view = state.view();
  SkipRequest skip = kMass;
  skip.state = &view;
  run(problem_of_scores(kFirst), skip, options());
  state.begin(2);
  EXPECT_EQ(view.field(HeaderField::kStream), 0);
  for (int j = 0; j < 4; ++j) EXPECT_EQ(view.pending[j], kPendingKeep);
  for (int t = 0; t < 32; ++t) EXPECT_EQ(view.lse[t], 0);
}

}  // namespace
}  // namespace tessera::attention::testing
