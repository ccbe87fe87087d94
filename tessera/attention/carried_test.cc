// Keys spread over several calls: a shard that is told what the earlier ones found judges its tiles
// as one call over all keys would in the same order.
#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/mass_check.h"

namespace tessera::attention::testing {
namespace {

using Carried = PerBackend;
TESSERA_PER_BACKEND(Carried);

const ProblemSpec kWhole{.batch = 2,
                         .q_len = 50,
                         .kv_len = 480,
                         .num_heads = 2,
                         .num_kv_heads = 1,
                         .contrast = 20,
                         .is_dyadic = true};
constexpr int64_t kShards = 3, kShardKeys = 160, kShardTiles = 10;

/// The keys [shard * 160, shard * 160 + 160) of a problem.
Problem shard_of(const Problem& whole, int64_t shard) {
  ProblemSpec spec = whole.spec;
  spec.kv_len = kShardKeys;
  Problem part = make_problem(spec);
  part.q = whole.q;
  for (int64_t b = 0; b < spec.batch; ++b) {
    for (int64_t t = 0; t < kShardKeys; ++t) {
      for (int64_t d = 0; d < spec.head_dim; ++d) {
        part.k.set(b, t, 0, d, whole.k.at(b, shard * kShardKeys + t, 0, d));
        part.v.set(b, t, 0, d, whole.v.at(b, shard * kShardKeys + t, 0, d));
      }
    }
  }
  return part;
}

/// The log-sum-exp over two sets of keys.
void merge(std::vector<float>& all, const std::vector<float>& more) {
  for (size_t i = 0; i < all.size(); ++i) {
    const double high = std::max(all[i], more[i]), low = std::min(all[i], more[i]);
    all[i] = static_cast<float>(std::isinf(high) ? high : high + std::log1p(std::exp(low - high)));
  }
}

/// Both directions: shards in the order in which one call would reach their tiles.
template <typename PerShard>
void for_each_shard(Direction direction, PerShard per_shard) {
  for (int64_t n = 0; n < kShards; ++n) {
    per_shard(direction == Direction::kAscending ? n : kShards - 1 - n, n == 0);
  }
}

TEST_P(Carried, MassesEqualThoseOfOneCall) {
  const Problem whole = make_problem(kWhole);
  for (const auto direction : {Direction::kAscending, Direction::kDescending}) {
    const SkipState state = begun_state(kWhole, 1, direction);
    const SkipStateView view = state.view();
    const Answer want = run(whole, {.state = &view, .policy = MassPolicy{}}, options());
    std::vector<float> lse;
    for_each_shard(direction, [&](int64_t shard, bool is_first) {
      const Problem part = shard_of(whole, shard);
      const SkipState own = begun_state(part.spec, 1, direction);
      const SkipStateView own_view = own.view();
      const SkipRequest skip{.state = &own_view,
                             .policy = MassPolicy{},
                             .carried = {.lse = is_first ? nullptr : lse.data()}};
      MassTally tally;
      const Answer got = run_and_check(part, skip, options(), tally);
      EXPECT_EQ(tally.wrong, 0);
      // The carried sum is rounded to fp32 twice.
      const double delta = forward_tolerance(whole, kTile).mass + 4 * 0x1p-24 * 64;
      for (size_t row = 0; row < 2 * 2 * 4; ++row) {
        for (int64_t j = 0; j < kShardTiles; ++j) {
          const double mass = want.tile_mass[row * 30 + shard * kShardTiles + j];
          EXPECT_NEAR(got.tile_mass[row * kShardTiles + j], mass, delta * mass) << row << " " << j;
        }
      }
      is_first ? void(lse = got.lse) : merge(lse, got.lse);
    });
  }
}

TEST_P(Carried, GapsAndMaximaEqualThoseOfOneCall) {
  const Problem whole = make_problem(kWhole);
  for (const auto direction : {Direction::kAscending, Direction::kDescending}) {
    const SkipState state = begun_state(kWhole, 1, direction);
    const SkipStateView view = state.view();
    const Answer want = run(whole, {.state = &view, .policy = MaxGapPolicy{}}, options());
    EXPECT_GT(want.report.sum().dropped, 0.3 * 2 * 2 * 4 * 30);
    std::vector<float> maxima;
    for_each_shard(direction, [&](int64_t shard, bool is_first) {
      const Problem part = shard_of(whole, shard);
      const SkipState own = begun_state(part.spec, 1, direction);
      const SkipStateView own_view = own.view();
      const SkipRequest skip{.state = &own_view,
                             .policy = MaxGapPolicy{},
                             .carried = {.row_max = is_first ? nullptr : maxima.data()}};
      maxima = run(part, skip, options()).row_max;
      for (int64_t row = 0; row < 2 * 2 * 4; ++row) {
        for (int64_t j = 0; j < kShardTiles; ++j) {
          EXPECT_EQ(own_view.is_kept(row / 8, row / 4 % 2, row % 4, j),
                    view.is_kept(row / 8, row / 4 % 2, row % 4, shard * kShardTiles + j));
        }
      }
    });
    EXPECT_EQ(maxima, want.row_max);
  }
}

TEST_P(Carried, AShardMayLoseAllItsTiles) {
  const Problem problem = problem_of_scores({0, 0});
  const std::vector<float> lse(16, 50.0f), row_max(16, 50.0f);
  for (const SkipPolicy& policy : {SkipPolicy(MassPolicy{}), SkipPolicy(MaxGapPolicy{})}) {
    const SkipState state = begun_state(problem.spec, 2);
    const SkipStateView view = state.view();
    const SkipRequest skip{.state = &view,
                           .policy = policy,
                           .carried = {.row_max = row_max.data(), .lse = lse.data()}};
    EXPECT_EQ(run(problem, skip, options()).report.sum().dropped, 2);
    const Answer empty = run(problem, skip, options());
    EXPECT_EQ(empty.report.sum().visited, 0);
    EXPECT_EQ(empty.lse, std::vector<float>(16, -INFINITY));
    EXPECT_EQ(empty.row_max, row_max);
  }
}

TEST_P(Carried, NothingCarriedIsAsTheFirstShard) {
  const Problem problem = problem_of_scores({-20, 5, -20, 4});
  const std::vector<float> nothing(16, -INFINITY);
  for (const SkipPolicy& policy : {SkipPolicy(MassPolicy{}), SkipPolicy(MaxGapPolicy{})}) {
    const SkipState first = begun_state(problem.spec, 1), later = begun_state(problem.spec, 1);
    const SkipStateView first_view = first.view(), later_view = later.view();
    run(problem, {.state = &first_view, .policy = policy}, options());
    const SkipRequest skip{.state = &later_view,
                           .policy = policy,
                           .carried = {.row_max = nothing.data(), .lse = nothing.data()}};
    run(problem, skip, options());
    EXPECT_EQ(row_text(first_view, 4), "1101");
    EXPECT_EQ(row_text(later_view, 4), "1101");
  }
}

TEST_P(Carried, ARowMeanIsAgainstTheCarriedSumAndNotNormalised) {
  const ProblemSpec spec{.q_len = 32, .kv_len = 200};
  const Problem problem = make_problem(spec);
  std::vector<float> lse = run(problem, {}, options()).lse;
  for (float& x : lse) x += 1;
  lse[3] = -INFINITY;                                // one row of tile 0
  for (int t = 16; t < 32; ++t) lse[t] = -INFINITY;  // all rows of tile 1
  const SkipState state = begun_state(spec, 2);
  const SkipStateView view = state.view();
  const SkipRequest skip{.state = &view,
                         .policy = MassPolicy{.budget = 0.05, .estimate = MassEstimate::kRowMean},
                         .carried = {.lse = lse.data()}};
  MassTally tally;
  const Answer got = run_and_check(problem, skip, options(), tally);
  EXPECT_EQ(tally.wrong, 0);
  double sum = 0;
  for (int j = 0; j < 13; ++j) sum += got.tile_mass[j];
  EXPECT_NEAR(sum, std::exp(-1), 1e-3);  // the shard's share of what is carried
  EXPECT_NE(row_text(view, 13), std::string(13, '1'));
  EXPECT_EQ(row_text(view, 13, 1), std::string(13, '1'));
}

TEST_P(Carried, ANanKeepsItsRowOfTiles) {
  const Problem problem = problem_of_scores({0, 0});
  std::vector<float> values(16, 50.0f);
  values[7] = NAN;
  for (const SkipPolicy& policy : {SkipPolicy(MassPolicy{}), SkipPolicy(MaxGapPolicy{})}) {
    const SkipState state = begun_state(problem.spec, 1);
    const SkipStateView view = state.view();
    const SkipRequest skip{.state = &view,
                           .policy = policy,
                           .carried = {.row_max = values.data(), .lse = values.data()}};
    EXPECT_EQ(run(problem, skip, options()).report.sum().dropped, 0);
  }
}

}  // namespace
}  // namespace tessera::attention::testing
