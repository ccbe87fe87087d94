// Keys spread over shards, a state each: what is carried from shard to shard makes them decide as
// one state over all keys does. docs/attention/shards.md shows the same loop.
#include <cmath>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/merge_partials.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {
namespace {

constexpr int64_t kQueries = 40, kKeys = 160, kHeads = 2, kDim = 16;
constexpr int64_t kRows = kHeads * kQueries;
constexpr int64_t kShards = 2, kShardKeys = kKeys / kShards, kShardTiles = kShardKeys / 16;
const ProblemSpec kSpec{
    .q_len = kQueries, .kv_len = kKeys, .num_heads = kHeads, .head_dim = kDim, .is_dyadic = true};

using Shards = PerBackend;
TESSERA_PER_BACKEND(Shards);

/// Keys of one shard: a view into the whole.
TensorView shard_of(TensorView keys, int64_t shard) {
  const auto bytes = static_cast<int64_t>(dtype_bytes(keys.dtype));
  keys.data = static_cast<const char*>(keys.data) + shard * kShardKeys * keys.strides[1] * bytes;
  keys.shape[1] = kShardKeys;
  return keys;
}

struct Sharded {
  std::vector<SkipState> states;
  std::vector<float> out = std::vector<float>(kRows * kDim), lse = std::vector<float>(kRows),
                     row_max = std::vector<float>(kRows);
  std::vector<AttentionReport> reports = {};

  explicit Sharded(int32_t steps) {
    ProblemSpec spec = kSpec;
    spec.kv_len = kShardKeys;
    for (int64_t shard = 0; shard < kShards; ++shard) states.push_back(begun_state(spec, steps));
  }

  /// One step over all shards, in the states' direction.
  void step(const Problem& problem, const SkipPolicy& policy, const RunOptions& options) {
    const std::array<int64_t, 4> shape = {1, kQueries, kHeads, kDim};
    std::vector<float> part_out(kRows * kDim), part_lse(kRows);
    const MutableTensorView whole{out.data(), DType::kFloat32, shape, contiguous_strides(shape)};
    const bool is_descending = states[0].view().field(HeaderField::kDirection) == 1;
    reports.clear();
    for (int64_t i = 0; i < kShards; ++i) {
      const int64_t shard = is_descending ? kShards - 1 - i : i;
      AttentionProblem view = problem.view();
      view.k = shard_of(view.k, shard);
      view.v = shard_of(view.v, shard);
      const SkipStateView state = states[shard].view();
      SkipRequest skip{.state = &state, .policy = policy};
      if (i > 0) skip.carried = {.row_max = row_max.data(), .lse = lse.data()};
      MutableTensorView part = whole;
      part.data = part_out.data();  // large enough for any dtype
      part.dtype = problem.spec.dtype;
      reports.push_back(
          attention_forward(view, {part, part_lse.data(), row_max.data()}, skip, options));
      const PartialAttention now{{part.data, part.dtype, shape, part.strides}, part_lse.data()};
      const PartialAttention before{{whole.data, whole.dtype, shape, whole.strides}, lse.data()};
      const std::vector<PartialAttention> parts =
          i == 0 ? std::vector{now} : std::vector{before, now};
      merge_partials(parts, whole, lse.data());
    }
  }
};

std::string text_of(const SkipStateView& state, int64_t tiles, int64_t head) {
  std::string text;
  for (int64_t i = 0; i < state.bits_shape[2]; ++i) {
    for (int64_t j = 0; j < tiles; ++j) text += state.is_kept(0, head, i, j) ? '1' : '0';
  }
  return text;
}

std::string joined(const Sharded& sharded, int64_t head) {
  std::string text;
  for (int64_t i = 0; i < sharded.states[0].view().bits_shape[2]; ++i) {
    for (const SkipState& state : sharded.states) {
      for (int64_t j = 0; j < kShardTiles; ++j) {
        text += state.view().is_kept(0, head, i, j) ? '1' : '0';
      }
    }
  }
  return text;
}

TEST_P(Shards, ACarriedMaximumMarksAsOneStateOverAllKeysDoes) {
  for (const DirectionMode mode : {DirectionMode::kFixed, DirectionMode::kAlternating}) {
    const MaxGapPolicy policy{.direction = mode};
    const SkipState whole = begun_state(kSpec, 4);
    Sharded sharded(4);
    for (int step = 0; step < 4; ++step) {
      const Problem problem = make_problem(kSpec, 0.2 * step);
      const SkipStateView state = whole.view();
      const Answer want = run(problem, {.state = &state, .policy = policy}, options());
      sharded.step(problem, policy, options());
      for (int64_t h = 0; h < kHeads; ++h) {
        EXPECT_EQ(joined(sharded, h), text_of(whole.view(), kKeys / 16, h)) << step;
      }
      for (int64_t i = 0; i < kRows; ++i) ASSERT_NEAR(sharded.lse[i], want.lse[i], 1e-5);
      // Under bf16 each part and the other answer are rounded to it.
      const double near = is_half(problem.spec.dtype) ? 0x1p-6 * problem.v.max_abs() : 1e-5;
      for (int64_t i = 0; i < kRows * kDim; ++i) ASSERT_NEAR(sharded.out[i], want.out[i], near);
    }
    const int64_t kept = kept_tiles(whole.view()), all = kHeads * 3 * kKeys / 16;
    EXPECT_LT(kept, all * 3 / 4);
    EXPECT_GT(kept, all * 3 / 10);
  }
}

TEST_P(Shards, WithoutCarryingEachShardKeepsItsOwnMaximum) {
  // So the test above sees a difference that carrying makes.
  const MaxGapPolicy policy{.direction = DirectionMode::kFixed};
  const Problem problem = make_problem(kSpec);
  const SkipState whole = begun_state(kSpec, 1);
  const SkipStateView state = whole.view();
  run(problem, {.state = &state, .policy = policy}, options());
  int64_t kept = 0;
  for (int64_t shard = 0; shard < kShards; ++shard) {
    ProblemSpec spec = kSpec;
    spec.kv_len = kShardKeys;
    const SkipState alone = begun_state(spec, 1);
    const SkipStateView view = alone.view();
    AttentionProblem part = problem.view();
    part.k = shard_of(part.k, shard);
    part.v = shard_of(part.v, shard);
    std::vector<float> out(kRows * kDim);
    const std::array<int64_t, 4> shape = {1, kQueries, kHeads, kDim};
    attention_forward(part, {{out.data(), problem.spec.dtype, shape, contiguous_strides(shape)}},
                      {.state = &view, .policy = policy}, options());
    kept += kept_tiles(view);
  }
  EXPECT_GT(kept, kept_tiles(state));
}

TEST_P(Shards, UnderMassEveryRowLosesAtMostTheSumOfTheShardsBudgets) {
  constexpr double kBudget = 0.2;
  const MassPolicy policy{.budget = kBudget / kShards, .growth = BudgetGrowth::kConstant};
  Sharded sharded(1);
  const Problem problem = make_problem(kSpec);
  sharded.step(problem, policy, options());
  int64_t dropped = 0;
  double lost = 0;
  for (const AttentionReport& report : sharded.reports) {
    dropped += report.sum().dropped;
    lost += report.sum_of_masses().dropped;
  }
  EXPECT_GT(dropped, 0);
  EXPECT_LE(lost, kBudget);
  // The truth, row by row: what the dropped tiles of all shards held of all keys.
  for (int64_t h = 0; h < kHeads; ++h) {
    for (int64_t t = 0; t < kQueries; ++t) {
      double all = 0, gone = 0;
      for (int64_t c = 0; c < kKeys; ++c) {
        double score = 0;
        for (int64_t d = 0; d < kDim; ++d)
          score += problem.q.at(0, t, h, d) * problem.k.at(0, c, 0, d);
        const double weight = std::exp(score * problem.scale());
        all += weight;
        const int64_t tile = c % kShardKeys / 16;
        if (!sharded.states[c / kShardKeys].view().is_kept(0, h, t / 16, tile)) gone += weight;
      }
      EXPECT_LE(gone / all, kBudget) << h << ", " << t;
    }
  }
}

}  // namespace
}  // namespace tessera::attention::testing
