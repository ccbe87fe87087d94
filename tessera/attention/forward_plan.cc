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
  const int64_t period = is_skipping ? plan.probe_period : 0;
  const int64_t phase =
      period == 0 ? 0
                  : probe_phase(period, plan.probe_seed, plan.state->field(HeaderField::kStep),
                                plan.state->field(HeaderField::kGeneration), row.index);
  auto& tiles = visited.tiles;
  std::vector<int32_t> probes;
  tiles.clear();
  visited.is_probe.clear();
  for (int64_t word = 0; word * 32 < count; ++word) {
    const uint32_t stored = is_skipping ? std::bit_cast<uint32_t>(kept[word]) : ~0u;
    const uint32_t wanted = stored | ranges.keep[word];
    const uint32_t open = period > 0 ? ~0u : wanted;
    for (uint32_t rest = open & ~ranges.skip[word]; rest != 0; rest &= rest - 1) {
      const int64_t tile = word * 32 + std::countr_zero(rest);
      if (tile >= count) break;
      if (wanted & rest & -rest) {
        tiles.push_back(static_cast<int32_t>(tile));
      } else if (tile % period == phase) {
        probes.push_back(static_cast<int32_t>(tile));
      }
    }
  }
  if (plan.direction == Direction::kDescending) {
    std::reverse(tiles.begin(), tiles.end());
    std::reverse(probes.begin(), probes.end());
  }
  if (period == 0) return;
  visited.is_probe.assign(tiles.size(), 0);
  visited.is_probe.resize(tiles.size() + probes.size(), 1);
  tiles.insert(tiles.end(), probes.begin(), probes.end());
}

}  // namespace tessera::attention
