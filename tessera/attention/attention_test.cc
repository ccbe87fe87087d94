// Output, log-sum-exp and marks of every back end against the fp64 oracle.
#include "tessera/attention/attention.h"

#include <cstring>

#include <gtest/gtest.h>

#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/oracle.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/attention/testing/tolerance.h"
#include "tessera/testing/close_to.h"

namespace tessera::attention::testing {
namespace {

using tessera::testing::close_to;

void expect_close(const Problem& problem, TileGeometry tile, const Answer& got,
                  const OracleAnswer& want) {
  const Tolerance t = forward_tolerance(problem, tile);
  EXPECT_TRUE(close_to<double>(got.out, want.out, t.out_absolute, t.out_relative));
  EXPECT_TRUE(close_to<double>(got.lse, want.lse, t.lse_absolute, t.lse_relative));
}

SkipState dense_state(const ProblemSpec& spec, TileGeometry tile, int steps = 1,
                      Direction first = Direction::kAscending) {
  SkipState state(state_shape_for(spec, tile));
  state.begin(steps, first);
  return state;
}

struct Size {
  const char* name;
  ProblemSpec spec;
  TileGeometry tile = {16, 16};

  friend void PrintTo(const Size& value, std::ostream* stream) { *stream << value.name; }
};

const Size kSizes[] = {
    {"OneToken", {.q_len = 1, .kv_len = 1, .head_dim = 1}},
    {"OneQuery", {.q_len = 1, .kv_len = 100, .head_dim = 64}, {64, 64}},
    {"OneKey", {.q_len = 70, .kv_len = 1, .head_dim = 64}, {64, 64}},
    {"DefaultTile", {.q_len = 128, .kv_len = 192, .head_dim = 64}, kCpuTileGeometry},
    {"OneLessThanATile", {.q_len = 63, .kv_len = 63, .head_dim = 64}, {64, 64}},
    {"OneMoreThanATile", {.q_len = 65, .kv_len = 65, .head_dim = 64}, {64, 64}},
    {"PrimeLengths", {.q_len = 131, .kv_len = 257, .head_dim = 40}, {64, 64}},
    {"PrimeTiles", {.q_len = 61, .kv_len = 97, .head_dim = 33}, {7, 13}},
    {"TilesOfOne", {.q_len = 9, .kv_len = 40, .head_dim = 8}, {1, 1}},
    {"TilesLargerThanAll", {.q_len = 37, .kv_len = 41, .head_dim = 16}, {4096, 4096}},
    {"UpstreamTiles", {.q_len = 300, .kv_len = 400, .head_dim = 128}, {128, 176}},
    {"LargestHead", {.q_len = 33, .kv_len = 70, .head_dim = 256}, {32, 32}},
    {"OddHead", {.q_len = 33, .kv_len = 70, .head_dim = 255}, {32, 32}},
    {"Grouped", {.batch = 2, .q_len = 50, .kv_len = 60, .num_heads = 6, .num_kv_heads = 2}},
    {"HeadsFirst",
     {.batch = 2,
      .q_len = 50,
      .kv_len = 60,
      .num_heads = 4,
      .num_kv_heads = 4,
      .is_heads_first = true}},
    {"KvLengths",
     {.batch = 4,
      .q_len = 20,
      .kv_len = 70,
      .num_heads = 2,
      .num_kv_heads = 1,
      .kv_lengths = {70, 1, 33, 0}}},
    {"BFloat16",
     {.q_len = 100,
      .kv_len = 150,
      .num_heads = 2,
      .num_kv_heads = 2,
      .head_dim = 64,
      .dtype = DType::kBFloat16}},
    {"BFloat16HeadsFirst",
     {.batch = 2,
      .q_len = 19,
      .kv_len = 45,
      .num_heads = 3,
      .num_kv_heads = 3,
      .head_dim = 17,
      .dtype = DType::kBFloat16,
      .is_heads_first = true}},
    {"Float16",
     {.q_len = 100,
      .kv_len = 150,
      .num_heads = 2,
      .num_kv_heads = 2,
      .head_dim = 64,
      .dtype = DType::kFloat16}},
    {"Float16OddHead",
     {.batch = 2,
      .q_len = 19,
      .kv_len = 45,
      .num_heads = 3,
      .num_kv_heads = 3,
      .head_dim = 21,
      .dtype = DType::kFloat16,
      .is_heads_first = true}},
    {"OwnScale", {.q_len = 40, .kv_len = 90, .scale = 0.7}},
    {"Noise", {.q_len = 40, .kv_len = 300, .head_dim = 64, .contrast = 1e-6}},
    {"SteepSoftmax", {.q_len = 40, .kv_len = 90, .contrast = 300}},
};

class AttentionSizes : public ::testing::TestWithParam<std::tuple<BackendCase, Size>> {
 private:
  ForcedCase forced_{std::get<0>(GetParam())};
};

TEST_P(AttentionSizes, DenseAnswerMatchesTheOracle) {
  const auto& [backend, size] = GetParam();
  const Problem problem = make_problem(size.spec);
  const SkipState state = dense_state(size.spec, size.tile);
  const SkipStateView view = state.view();
  const SkipRequest skip{.state = &view, .step = StepKind::kDense};
  const auto visits = expected_visits(problem, view, skip);
  const Answer got = run(problem, skip, {.backend = backend.backend});
  expect_close(problem, size.tile, got, oracle(problem, size.tile, visits));
}

TEST_P(AttentionSizes, AnswersMatchTheOracleRestrictedToTheKeptTiles) {
  const auto& [backend, size] = GetParam();
  SkipState state = dense_state(size.spec, size.tile, 3);
  const SkipStateView view = state.view();
  for (int step = 0; step < 3; ++step) {
    const Problem problem = make_problem(size.spec, 0.05 * step);
    const SkipRequest skip{.state = &view, .policy = MaxGapPolicy{}};
    const auto visits = expected_visits(problem, view, skip);
    const Answer got = run(problem, skip, {.backend = backend.backend});
    expect_close(problem, size.tile, got, oracle(problem, size.tile, visits));
    EXPECT_NO_THROW(check_state(view));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AttentionSizes,
    ::testing::Combine(::testing::ValuesIn(backend_cases()), ::testing::ValuesIn(kSizes)),
    [](const auto& info) {
      return case_name({std::get<0>(info.param), 0}) + "_" + std::get<1>(info.param).name;
    });

using Attention = PerBackend;
TESSERA_PER_BACKEND(Attention);

TEST_P(Attention, ReportsWhichBackEndRan) {
  const Answer got = run(make_problem({}), {}, options());
  EXPECT_EQ(got.report.backend, GetParam().full_name);
}

TEST_P(Attention, WithoutAStateIsDenseBitForBit) {
  const ProblemSpec spec{.q_len = 100, .kv_len = 200, .head_dim = 64};
  const Problem problem = make_problem(spec);
  const SkipState state = dense_state(spec, kCpuTileGeometry);
  const SkipStateView view = state.view();
  const Answer bare = run(problem, {}, options());
  const Answer dense = run(problem, {.state = &view, .step = StepKind::kDense}, options());
  EXPECT_EQ(bare.out, dense.out);
  EXPECT_EQ(bare.lse, dense.lse);
  EXPECT_EQ(bare.report.sum().visited, 2 * 4);
}

TEST_P(Attention, FirstSkippingStepIsDenseBitForBit) {
  const ProblemSpec spec{.q_len = 100, .kv_len = 200, .head_dim = 64};
  const Problem problem = make_problem(spec);
  const SkipState state = dense_state(spec, kCpuTileGeometry);
  const SkipStateView view = state.view();
  EXPECT_EQ(run(problem, {.state = &view, .policy = MaxGapPolicy{}}, options()).out,
            run(problem, {}, options()).out);
}

TEST_P(Attention, ThreadsDoNotChangeABit) {
  const ProblemSpec spec{
      .batch = 2, .q_len = 150, .kv_len = 170, .num_heads = 4, .num_kv_heads = 2, .head_dim = 32};
  const auto pool = make_thread_pool(2);
  const SkipState one = dense_state(spec, {16, 16}, 3), two = dense_state(spec, {16, 16}, 3);
  const SkipStateView one_view = one.view(), two_view = two.view();
  for (int step = 0; step < 3; ++step) {
    const Problem problem = make_problem(spec, 0.05 * step);
    const Answer a = run(problem, {.state = &one_view}, options());
    const Answer b = run(problem, {.state = &two_view}, options(pool.get()));
    EXPECT_EQ(a.out, b.out);
    EXPECT_EQ(a.lse, b.lse);
    EXPECT_EQ(a.report.sum().dropped, b.report.sum().dropped);
  }
  EXPECT_EQ(0, std::memcmp(one_view.bits, two_view.bits, 2 * 4 * 10 * 4));
}

TEST_P(Attention, LseMayBeNull) {
  const Problem problem = make_problem({});
  const auto out =
      run_strided(problem, contiguous_strides({1, 64, 1, 16}), int64_t{64} * 16, options());
  EXPECT_EQ(out, run(problem, {}, options()).out);
}

TEST_P(Attention, OutputStridesAreKept) {
  // out as [B, H, L, D] with a gap of 3 after each head.
  const ProblemSpec spec{.q_len = 20, .kv_len = 30, .num_heads = 2, .num_kv_heads = 2};
  const Problem problem = make_problem(spec);
  const auto out = run_strided(problem, {0, 19, 20 * 19, 1}, 2 * 20 * 19, options());
  const Answer want = run(problem, {}, options());
  for (int h = 0; h < 2; ++h) {
    for (int t = 0; t < 20; ++t) {
      const float* row = out.data() + (h * 20 + t) * 19;
      for (int d = 0; d < 16; ++d) EXPECT_EQ(row[d], want.out[(t * 2 + h) * 16 + d]);
      for (int d = 16; d < 19; ++d) EXPECT_EQ(row[d], -5.0f);
    }
  }
}

TEST_P(Attention, KeysPastTheLengthAreNotRead) {
  ProblemSpec spec{.batch = 2, .q_len = 20, .kv_len = 70, .head_dim = 8, .kv_lengths = {33, 70}};
  Problem problem = make_problem(spec);
  const Answer want = run(problem, {}, options());
  for (int64_t t = 33; t < 70; ++t) {
    problem.k.set(0, t, 0, 3, NAN);
    problem.v.set(0, t, 0, 3, NAN);
  }
  EXPECT_EQ(run(problem, {}, options()).out, want.out);
}

TEST_P(Attention, ANanSpoilsOnlyItsOwnQuery) {
  Problem problem = make_problem({.q_len = 20, .kv_len = 30});
  const Answer want = run(problem, {}, options());
  problem.q.set(0, 7, 0, 2, NAN);
  const Answer got = run(problem, {}, options());
  for (int64_t t = 0; t < 20; ++t) {
    if (t == 7) {
      EXPECT_TRUE(std::isnan(got.out[t * 16]));
      EXPECT_TRUE(std::isnan(got.lse[t]));
      EXPECT_TRUE(std::isnan(got.row_max[t]));
    } else {
      EXPECT_EQ(got.out[t * 16], want.out[t * 16]);
      EXPECT_EQ(got.lse[t], want.lse[t]);
      EXPECT_EQ(got.row_max[t], want.row_max[t]);
    }
  }
}

TEST_P(Attention, ANanInAKeySpoilsTheQueriesThatVisitIt) {
  for (const float nan : {NAN, -NAN}) {
    Problem problem = make_problem({.batch = 2, .q_len = 20, .kv_len = 60});
    const Answer want = run(problem, {}, options());
    problem.k.set(0, 25, 0, 2, nan);
    const Answer got = run(problem, {}, options());
    for (int64_t t = 0; t < 20; ++t) {
      EXPECT_TRUE(std::isnan(got.out[t * 16]) && std::isnan(got.lse[t])) << t << " of " << nan;
      EXPECT_TRUE(std::isnan(got.row_max[t]));
      EXPECT_EQ(got.lse[20 + t], want.lse[20 + t]);
    }
  }
}

TEST_P(Attention, KeysAndValuesMayBePermutedTogether) {
  const ProblemSpec spec{.q_len = 30, .kv_len = 90};
  const Problem problem = make_problem(spec);
  Problem turned = problem;
  for (int64_t t = 0; t < 90; ++t) {
    for (int64_t d = 0; d < 16; ++d) {
      turned.k.set(0, t, 0, d, problem.k.at(0, 89 - t, 0, d));
      turned.v.set(0, t, 0, d, problem.v.at(0, 89 - t, 0, d));
    }
  }
  const Tolerance t = forward_tolerance(problem);
  EXPECT_TRUE(close_to<float>(run(turned, {}, options()).out, run(problem, {}, options()).out,
                              2 * t.out_absolute));
}

}  // namespace
}  // namespace tessera::attention::testing
