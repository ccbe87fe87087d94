#include "tessera/attention/forward_plan.h"

#include <algorithm>
#include <bit>

namespace tessera::attention {

TileRow tile_row(const ForwardPlan& plan, int64_t index) {
  const int64_t q_tile = index % plan.q_tiles;
  const int64_t begin = q_tile * plan.geometry.q_tile;
  return {.index = index,
          .batch = index / plan.q_tiles / plan.num_heads,
          .head = index / plan.q_tiles % plan.num_heads,
          .q_tile = q_tile,
          .q_begin = begin,
          .q_end = std::min(begin + plan.geometry.q_tile, plan.q_len)};
}

int64_t tile_keys(const ForwardPlan& plan, int64_t batch, int64_t kv_tile) {
  const int64_t rest = plan.kv_lengths[batch] - kv_tile * plan.geometry.kv_tile;
  return std::clamp<int64_t>(rest, 0, plan.geometry.kv_tile);
}

void list_visited_tiles(const ForwardPlan& plan, const TileRow& row, std::vector<int32_t>& tiles) {
  const int64_t count = tile_count(plan.kv_lengths[row.batch], plan.geometry.kv_tile);
  const int32_t* kept =
      plan.step == StepKind::kDense ? nullptr : plan.state->row(row.batch, row.head, row.q_tile);
  tiles.clear();
  for (int64_t word = 0; word * 32 < count; ++word) {
    const uint32_t stored = kept == nullptr ? ~0u : std::bit_cast<uint32_t>(kept[word]);
    uint32_t visited = (stored | plan.ranges.keep[word]) & ~plan.ranges.skip[word];
    for (; visited != 0; visited &= visited - 1) {
      const auto tile = static_cast<int32_t>(word * 32 + std::countr_zero(visited));
      if (tile < count) tiles.push_back(tile);
    }
  }
  if (plan.direction == Direction::kDescending) std::reverse(tiles.begin(), tiles.end());
}

void finish_row(ForwardPlan& plan, const TileRow& row, const std::vector<int32_t>& tiles,
                const std::vector<uint8_t>& is_needed) {
  TileCounts& counts = plan.row_counts[row.index];
  counts.total = tile_count(plan.kv_lengths[row.batch], plan.geometry.kv_tile);
  counts.visited = static_cast<int64_t>(tiles.size());
  if (plan.step == StepKind::kDense) return;
  int32_t* kept = plan.state->row(row.batch, row.head, row.q_tile);
  for (size_t i = 0; i < tiles.size(); ++i) {
    const int32_t word = tiles[i] / 32;
    const uint32_t bit = 1u << (tiles[i] % 32);
    const auto before = std::bit_cast<uint32_t>(kept[word]);
    if (is_needed[i] || (plan.ranges.keep[word] & bit) || !(before & bit)) continue;
    kept[word] = std::bit_cast<int32_t>(before & ~bit);
    ++counts.dropped;
  }
}

}  // namespace tessera::attention
