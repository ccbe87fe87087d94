// From a back end's findings to marks: one piece of code for all back ends, so that they can only
// differ in what they found.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/attention/forward_plan.h"
#include "tessera/attention/pending.h"
#include "tessera/attention/row_bits.h"

namespace tessera::attention {
namespace {

/// The visited tiles that this call may mark, with the mass each holds; under max_gap 0.
struct Judged {
  std::vector<TileMass> candidates;  // kept so far, may go
  std::vector<TileMass> probes;      // dropped so far, may return
  int64_t num_staying = 0;           // kept so far, must stay
};

uint8_t* pending_row(const ForwardPlan& plan, const TileRow& row) {
  return plan.state->pending == nullptr ? nullptr : plan.state->pending + row.index * plan.kv_tiles;
}

Judged judge(const ForwardPlan& plan, const TileRow& row, const VisitedTiles& visited,
             const RowVerdict& verdict) {
  const RowBits bits(plan.state->row(row.batch, row.head, row.q_tile));
  const uint32_t* must_keep = plan.ranges.row(row.head, row.q_tile).keep;
  const bool is_gap = plan.verdicts == Verdicts::kGap;
  Judged judged;
  for (size_t i = 0; i < visited.tiles.size(); ++i) {
    const int32_t tile = visited.tiles[i];
    const bool is_probe = !visited.is_probe.empty() && visited.is_probe[i];
    const TileMass found{tile, is_gap ? 0.0f : verdict.mass[i]};
    const bool may_change = is_gap ? !verdict.is_needed[i] : std::isfinite(found.mass);
    if (is_probe) {
      if (may_change) judged.probes.push_back(found);
    } else if (bits.is_set(tile)) {
      if (may_change && !((must_keep[tile / 32] >> (tile % 32)) & 1u)) {
        judged.candidates.push_back(found);
      } else {
        ++judged.num_staying;
      }
    }
  }
  return judged;
}

/// The first of two streams leaves its findings for the second.
void leave_pending(const Judged& judged, bool is_gap, int64_t kv_tiles, uint8_t* pending) {
  std::fill_n(pending, kv_tiles, kPendingKeep);
  for (const auto* list : {&judged.candidates, &judged.probes}) {
    for (const TileMass& found : *list) {
      pending[found.tile] = is_gap ? kPendingGap : encode_pending_mass(found.mass);
    }
  }
}

/// The second of two streams goes by the larger mass of the two, and marks nothing that the first
/// did not judge by the same policy.
void join_pending(Judged& judged, bool is_gap, const uint8_t* pending) {
  const auto is_unjudged = [&](const TileMass& found) {
    const uint8_t code = pending[found.tile];
    return code == kPendingKeep || (code == kPendingGap) != is_gap;
  };
  judged.num_staying += static_cast<int64_t>(std::erase_if(judged.candidates, is_unjudged));
  std::erase_if(judged.probes, is_unjudged);
  if (is_gap) return;
  for (auto* list : {&judged.candidates, &judged.probes}) {
    for (TileMass& found : *list) {
      const auto other = static_cast<float>(decode_pending_mass(pending[found.tile]));
      found.mass = std::max(found.mass, other);
    }
  }
}

float rounded_up(double value) {
  const auto nearest = static_cast<float>(value);
  return nearest < value ? std::nextafter(nearest, std::numeric_limits<float>::infinity())
                         : nearest;
}

/// Above which mass a probed tile returns: that of the lightest candidate that stays, at most the
/// whole budget. (The first visited tile has mass 1, so few that stay may all look heavy.)
double return_level(const std::vector<TileMass>& candidates, int64_t num_dropped, double budget) {
  double level = budget;
  for (size_t i = num_dropped; i < candidates.size(); ++i) {
    level = std::min<double>(level, candidates[i].mass);
  }
  return level;
}

void mark(ForwardPlan& plan, const TileRow& row, Judged& judged) {
  RowBits bits(plan.state->row(row.batch, row.head, row.q_tile));
  float& stored_spent = plan.state->spent[row.index];
  const double budget = plan.verdicts == Verdicts::kGap ? 0 : plan.budgets[row.head];
  double spent = stored_spent;
  auto& candidates = judged.candidates;
  int64_t dropped = choose_dropped(candidates, budget, spent);

  int64_t returned = 0;
  const double level = return_level(candidates, dropped, budget);
  for (const TileMass& probe : judged.probes) {
    if (probe.mass <= level) continue;
    bits.set(probe.tile);
    ++returned;
  }
  const bool is_shard = plan.carried.row_max != nullptr || plan.carried.lse != nullptr;
  const bool is_last = judged.num_staying == 0 && returned == 0 &&
                       dropped == static_cast<int64_t>(candidates.size());
  if (is_last && dropped > 0 && !is_shard) {
    // Summed anew: taking the heaviest away again would round off what is small beside it.
    spent = stored_spent;
    for (int64_t i = 0; i < dropped - 1; ++i) spent += candidates[i].mass;
    --dropped;
  }
  for (int64_t i = 0; i < dropped; ++i) bits.clear(candidates[i].tile);

  plan.row_counts[row.index].dropped = dropped;
  plan.row_counts[row.index].returned = returned;
  plan.row_masses[row.index].dropped = dropped > 0 ? spent - stored_spent : 0;
  if (dropped > 0) stored_spent = rounded_up(spent);
}

void write_tile_mass(const ForwardPlan& plan, const TileRow& row, const VisitedTiles& visited,
                     const RowVerdict& verdict) {
  float* to = plan.tile_mass + row.index * plan.kv_tiles;
  std::fill_n(to, plan.kv_tiles, -1.0f);
  for (size_t i = 0; i < visited.tiles.size(); ++i) to[visited.tiles[i]] = verdict.mass[i];
}

}  // namespace

void finish_row(ForwardPlan& plan, const TileRow& row, const VisitedTiles& visited,
                const RowVerdict& verdict) {
  TileCounts& counts = plan.row_counts[row.index];
  counts.total = tile_count(plan.kv_lengths[row.batch], plan.geometry.kv_tile);
  counts.visited = static_cast<int64_t>(visited.tiles.size());
  counts.probed = std::count(visited.is_probe.begin(), visited.is_probe.end(), 1);
  if (plan.tile_mass != nullptr) write_tile_mass(plan, row, visited, verdict);
  if (plan.state == nullptr) return;

  const bool is_skipping = plan.step == StepKind::kSkip;
  const bool is_gap = plan.verdicts == Verdicts::kGap;
  const int32_t stream = plan.state->field(HeaderField::kStream);
  const bool is_last_stream = stream + 1 == plan.state->field(HeaderField::kStreams);
  Judged judged;
  if (is_skipping) judged = judge(plan, row, visited, verdict);
  if (!is_last_stream) {
    leave_pending(judged, is_gap, plan.kv_tiles, pending_row(plan, row));
  } else if (is_skipping) {
    if (stream > 0) join_pending(judged, is_gap, pending_row(plan, row));
    mark(plan, row, judged);
  }
  LostMass& mass = plan.row_masses[row.index];
  mass.spent = plan.state->spent[row.index];
  mass.rows = verdict.lost_rows;
  mass.lost = mass.rows == 0 ? 0 : verdict.lost / static_cast<double>(mass.rows);
}

}  // namespace tessera::attention
