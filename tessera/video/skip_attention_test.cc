#include "tessera/video/skip_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::video {
namespace {

constexpr int64_t kTokens = 96;
constexpr TileSizes kTiles{.q_tile = 16, .kv_tile = 16};

using Inputs = std::array<at::Tensor, 3>;  // q, k, v: [1, L, 2, 8]

Inputs random_inputs() {
  const auto draw = [] { return at::randn({1, kTokens, 2, 8}); };
  return {draw(), draw(), draw()};
}

/// The queries of a tile look for the keys of the tile `offset` further on and for no others.
Inputs inputs_by_tile(int64_t offset) {
  Inputs qkv = random_inputs();
  for (int64_t token = 0; token < kTokens; ++token) {
    const int64_t tile = token / kTiles.q_tile;
    qkv[0].select(1, token).select(2, (tile + offset) % 6) += 12;
    qkv[1].select(1, token).select(2, tile) += 3;
  }
  return qkv;
}

AttentionSettings lite(float threshold) {
  AttentionSettings settings;
  settings.policy = attention::MaxGapPolicy{.threshold = threshold};
  return settings;
}

at::Tensor run(const SelfAttention& attention, const Inputs& qkv, int64_t layer = 0) {
  return attention(layer, qkv[0], qkv[1], qkv[2]);
}

TEST(SkipAttention, DenseModeIsTorchsAttention) {
  AttentionSettings settings;
  settings.mode = AttentionMode::kDense;
  SkipAttention attention(settings, kTiles, 1);
  const auto qkv = random_inputs();
  attention.begin_step(0);
  const auto got = run(attention.stream(Stream::kConditional), qkv);
  const auto want = torch_attention(qkv[0], qkv[1], qkv[2]);
  // A weighted mean of values below 6: 96 roundings of fp32 at worst.
  EXPECT_LT((got - want).abs().max().item<float>(), 6 * 96 * 6e-8);
  EXPECT_EQ(attention.statistics()[0].tiles.visited, 2 * 6 * 6);
  EXPECT_FALSE(attention.backend().empty());
}

TEST(SkipAttention, LiteModeLeavesOutWhatItDropped) {
  SkipAttention attention(lite(-2), kTiles, 3);
  const auto qkv = inputs_by_tile(2);
  const auto stream = attention.stream(Stream::kConditional);
  attention.begin_step(0);
  run(stream, qkv);
  const auto first = attention.statistics().at(0).tiles;
  attention.begin_step(1);
  run(stream, qkv);
  const auto second = attention.statistics().at(0).tiles;
  EXPECT_EQ(first.visited, first.total);
  EXPECT_GT(first.dropped, 0);
  EXPECT_EQ(second.visited, second.total - first.dropped);
}

TEST(SkipAttention, StreamsAndLayersDoNotDropEachOthersTiles) {
  const auto mine = inputs_by_tile(2), foreign = inputs_by_tile(3);
  const auto second_step_of_mine = [&](bool has_neighbours) {
    SkipAttention attention(lite(-2), kTiles, 2);
    at::Tensor out;
    for (int64_t step = 0; step < 2; ++step) {
      attention.begin_step(step);
      out = run(attention.stream(Stream::kConditional), mine);
      if (!has_neighbours) continue;
      run(attention.stream(Stream::kUnconditional), foreign);
      run(attention.stream(Stream::kConditional), foreign, 1);
      EXPECT_FALSE(at::equal(attention.state(Stream::kConditional, 0)->bits,
                             attention.state(Stream::kUnconditional, 0)->bits));
    }
    return out;
  };
  EXPECT_TRUE(at::equal(second_step_of_mine(false), second_step_of_mine(true)));
}

TEST(SkipAttention, LayersStreamsAndFilmsProbeApart) {
  // Same inputs everywhere: what differs is which of the dropped tiles come back to be looked at.
  const auto qkv = inputs_by_tile(2);
  const auto probed = [&](Stream stream, int64_t layer, uint64_t film) {
    AttentionSettings settings;
    settings.policy = attention::MassPolicy{.budget = 0.3, .probe_period = 3, .probe_seed = film};
    SkipAttention attention(settings, kTiles, 8);
    std::vector<int64_t> counts;
    for (int64_t step = 0; step < 8; ++step) {
      attention.begin_step(step);
      run(attention.stream(stream), qkv, layer);
      counts.push_back(attention.statistics().at(0).tiles.probed);
    }
    return counts;
  };
  const auto one = probed(Stream::kConditional, 0, 5);
  EXPECT_EQ(probed(Stream::kConditional, 0, 5), one);
  EXPECT_NE(probed(Stream::kUnconditional, 0, 5), one);
  EXPECT_NE(probed(Stream::kConditional, 1, 5), one);
  EXPECT_NE(probed(Stream::kConditional, 0, 6), one);
}

TEST(SkipAttention, FirstAndLastStepsCanBeDense) {
  auto settings = lite(-2);
  settings.dense_first_steps = 1;
  settings.dense_last_steps = 1;
  SkipAttention attention(settings, kTiles, 4);
  const auto qkv = inputs_by_tile(2);
  std::vector<bool> is_dense, is_dropping;
  for (int64_t step = 0; step < 4; ++step) {
    attention.begin_step(step);
    run(attention.stream(Stream::kConditional), qkv);
    const auto& tiles = attention.statistics().at(0).tiles;
    is_dense.push_back(tiles.visited == tiles.total);
    is_dropping.push_back(tiles.dropped > 0);
  }
  EXPECT_EQ(is_dense, (std::vector<bool>{true, true, false, true}));
  EXPECT_FALSE(is_dropping[0]);
  EXPECT_TRUE(is_dropping[1]);
  EXPECT_FALSE(is_dropping[3]);
}

TEST(SkipAttention, ChosenLayersStayDense) {
  auto settings = lite(-2);
  settings.dense_layers = {1};
  SkipAttention attention(settings, kTiles, 2);
  const auto qkv = inputs_by_tile(2);
  for (int64_t step = 0; step < 2; ++step) {
    attention.begin_step(step);
    for (const int64_t layer : {0, 1}) run(attention.stream(Stream::kConditional), qkv, layer);
  }
  EXPECT_LT(attention.statistics()[0].tiles.visited, attention.statistics()[0].tiles.total);
  EXPECT_EQ(attention.statistics()[1].tiles.visited, attention.statistics()[1].tiles.total);
}

TEST(SkipAttention, StatesKnowTheTokenOrder) {
  SkipAttention attention(lite(-2), kTiles, 1, 7);
  attention.begin_step(0);
  run(attention.stream(Stream::kConditional), random_inputs());
  const auto* state = attention.state(Stream::kConditional, 0);
  EXPECT_EQ(torch_ops::view_of(*state).field(attention::HeaderField::kTokenOrder), 7);
}

TEST(SkipAttention, SettingsThatCannotBeAreRefused) {
  EXPECT_NO_THROW(check_settings({}, 2));
  EXPECT_THROW(check_settings(lite(0.5), 2), InvalidArgument);
  EXPECT_THROW(check_settings(lite(-INFINITY), 2), InvalidArgument);
  AttentionSettings settings;
  settings.dense_layers = {2};
  EXPECT_THROW(check_settings(settings, 2), InvalidArgument);
  settings = {};
  settings.dense_last_steps = -1;
  EXPECT_THROW(check_settings(settings, 2), InvalidArgument);
  settings = {};
  settings.token_box[1] = 0;
  EXPECT_THROW(check_settings(settings, 2), InvalidArgument);
}

}  // namespace
}  // namespace tessera::video
