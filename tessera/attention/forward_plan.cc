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

void list_visited_tiles(const ForwardPlan& plan, const TileRow& row, VisitedTiles& visited) {
  const int64_t count = tile_count(plan.kv_lengths[row.batch], plan.geometry.kv_tile);
  const bool is_skipping = plan.step == StepKind::kSkip;
  const int32_t* kept = is_skipping ? plan.state->row(row.batch, row.head, row.q_tile) : nullptr;
  const RangeTiles::Row ranges = plan.ranges.row(row.head, row.q_tile);
  const bool has_probes = is_skipping && plan.probe_period > 0;
  visited.tiles.clear();
  visited.is_probe.clear();
  for (int64_t word = 0; word * 32 < count; ++word) {
    const uint32_t stored = is_skipping ? std::bit_cast<uint32_t>(kept[word]) : ~0u;
    const uint32_t wanted = stored | ranges.keep[word];
    uint32_t probes = 0;
    if (has_probes) {
      for (uint32_t rest = ~wanted; rest != 0; rest &= rest - 1) {
        const int64_t tile = word * 32 + std::countr_zero(rest);
        if (is_probed(plan.probe_period, plan.state->field(HeaderField::kStep),
                      plan.state->field(HeaderField::kGeneration), row.index, tile)) {
          probes |= rest & -rest;
        }
      }
    }
    for (uint32_t rest = (wanted | probes) & ~ranges.skip[word]; rest != 0; rest &= rest - 1) {
      const auto tile = static_cast<int32_t>(word * 32 + std::countr_zero(rest));
      if (tile >= count) break;
      visited.tiles.push_back(tile);
      if (has_probes) visited.is_probe.push_back((probes & rest & -rest) != 0);
    }
  }
  if (plan.direction == Direction::kDescending) {
    std::reverse(visited.tiles.begin(), visited.tiles.end());
    std::reverse(visited.is_probe.begin(), visited.is_probe.end());
  }
}

}  // namespace tessera::attention
