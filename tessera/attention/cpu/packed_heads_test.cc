// Packed heads: packed once where rows come in order, and right in any order.
#include "tessera/attention/cpu/packed_heads.h"

#include <algorithm>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/attention/testing/backend_case.h"
#include "tessera/core/random.h"

namespace tessera::attention::testing {
namespace {

using cpu::PackedHead;
using cpu::PackedHeads;

/// Packs a tile as one key and one value that tell which it is; counts.
struct Packer {
  int packs = 0;
  PackedHead::Tile get(PackedHead& head, int64_t pair, int32_t first) {
    return head.get({&first, 1}, [&](int32_t tile, float* keys, float* values) {
      ++packs;
      keys[0] = static_cast<float>(pair);
      values[0] = static_cast<float>(tile);
    });
  }
};

TEST(PackedHeads, PacksATileWhenItIsFirstAskedFor) {
  PackedHeads heads(3, 5, 16, 16);
  Packer packer;
  PackedHead& head = heads.acquire(2);
  EXPECT_EQ(head.find(4), nullptr);
  const PackedHead::Tile tile = packer.get(head, 2, 4);
  EXPECT_EQ(*tile.keys, 2);
  EXPECT_EQ(*tile.values, 4);
  EXPECT_EQ(packer.get(head, 2, 4).keys, tile.keys);
  EXPECT_EQ(head.find(4), tile.keys);
  EXPECT_EQ(packer.packs, 1);
  heads.release(head);
}

TEST(PackedHeads, KeepsAHeadBetweenTheRowsOfItsNeighbour) {
  PackedHeads heads(4, 1, 16, 16);
  Packer packer;
  for (const int64_t pair : {0, 0, 1, 0, 1, 1, 2, 1, 2, 3, 3}) {
    PackedHead& head = heads.acquire(pair);
    EXPECT_EQ(*packer.get(head, pair, 0).keys, pair);
    heads.release(head);
  }
  EXPECT_EQ(packer.packs, 4);
}

TEST(PackedHeads, LendsEveryUserAHeadOfItsOwn) {
  PackedHeads heads(6, 1, 16, 16);
  Packer packer;
  std::vector<PackedHead*> lent;
  for (int64_t pair = 5; pair >= 0; --pair) lent.push_back(&heads.acquire(pair));
  for (int64_t pair = 5; pair >= 0; --pair) packer.get(*lent[5 - pair], pair, 0);
  for (int64_t pair = 5; pair >= 0; --pair) {
    EXPECT_EQ(*packer.get(*lent[5 - pair], pair, 0).keys, pair);
    heads.release(*lent[5 - pair]);
  }
  EXPECT_EQ(packer.packs, 6);
}

TEST(PackedHeads, PacksFurtherTilesWhileAnotherThreadIsBusyWithTheFirst) {
  PackedHeads heads(1, 3, 16, 16);
  PackedHead& head = heads.acquire(0);
  const std::vector<int32_t> tiles = {0, 1, 2};
  std::vector<int32_t> first_packed, second_packed;
  std::thread second;
  head.get(tiles, [&](int32_t tile, float*, float*) {
    first_packed.push_back(tile);
    second = std::thread([&] {
      head.get(tiles, [&](int32_t other, float*, float*) { second_packed.push_back(other); });
    });
    // Only the second thread can do this: the first is in here.
    while (head.find(2) == nullptr) std::this_thread::yield();
  });
  second.join();
  EXPECT_EQ(first_packed, std::vector<int32_t>{0});
  EXPECT_EQ(second_packed, (std::vector<int32_t>{1, 2}));
  heads.release(head);
}

/// Hands out indices in a random order, to threads that run at once.
class ShuffledExecutor final : public Executor {
 public:
  explicit ShuffledExecutor(int num_threads) : pool_(make_thread_pool(num_threads)) {}
  int num_threads() const override { return pool_->num_threads(); }
  void parallel_for(int64_t count, const std::function<void(int64_t, int)>& task) override {
    std::vector<int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    for (int64_t i = count; i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
    pool_->parallel_for(count, [&](int64_t i, int thread) { task(order[i], thread); });
  }

 private:
  std::unique_ptr<Executor> pool_;
  Random random_{3};
};

using RowOrder = PerBackend;
TESSERA_PER_BACKEND(RowOrder);

TEST_P(RowOrder, DoesNotChangeABit) {
  const ProblemSpec spec{
      .batch = 3, .q_len = 70, .kv_len = 90, .num_heads = 6, .num_kv_heads = 3, .head_dim = 24};
  const Problem problem = make_problem(spec);
  const TileGeometry tile{16, 16};
  ShuffledExecutor shuffled(3);
  const SkipState one(state_shape_for(spec, tile)), other(state_shape_for(spec, tile));
  const SkipStateView one_view = one.view(), other_view = other.view();
  begin_generation(one_view, 3);
  begin_generation(other_view, 3);
  const MassPolicy policy{.probe_period = 2};
  for (int step = 0; step < 3; ++step) {
    const Answer a = run(problem, {.state = &one_view, .policy = policy}, options());
    const Answer b = run(problem, {.state = &other_view, .policy = policy}, options(&shuffled));
    EXPECT_EQ(a.out, b.out);
    EXPECT_EQ(a.lse, b.lse);
    EXPECT_EQ(kept_tiles(one_view), kept_tiles(other_view));
  }
}

}  // namespace
}  // namespace tessera::attention::testing
