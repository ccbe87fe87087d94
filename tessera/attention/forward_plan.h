// Private: one checked call, in the form that back ends read. They trust it.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/attention/attention.h"

namespace tessera::attention {

/// What a back end has to find out about each visited tile.
enum class Verdicts : int32_t {
  kNone,        // a dense step, or no state
  kGap,         // max_gap: RowVerdict::is_needed
  kRowMaximum,  // mass: RowVerdict::mass
  kRowMean,     // mass: RowVerdict::mass; without a reference all masses are 1
};

struct ForwardPlan {
  TensorView q, k, v;     // [B, Lq, Hq, D], [B, Lk, Hkv, D]
  MutableTensorView out;  // [B, Lq, Hq, D]
  float* lse = nullptr;   // [B, Hq, Lq] or null
  float* row_max = nullptr;
  float* tile_mass = nullptr;  // [B, Hq, Tq, Tk] or null
  int64_t batch = 0, q_len = 0, kv_len = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::vector<int64_t> kv_lengths = {};  // [B]
  double scale = 0;

  TileGeometry geometry = {};
  int64_t q_tiles = 0, kv_tiles = 0;
  const SkipStateView* state = nullptr;  // null: no tile was ever dropped
  StepKind step = StepKind::kDense;      // kSkip only with a state
  Direction direction = Direction::kAscending;
  RangeTiles ranges = {};

  Verdicts verdicts = Verdicts::kNone;
  std::vector<MaxGapCut> cuts = {};  // [Hq], kGap
  std::vector<double> budgets = {};  // [Hq], eps_t, mass
  int32_t probe_period = 0;
  uint64_t probe_seed = 0;
  Carried carried = {};
  // [B, Hq, Lq] or null: kRowMean's reference, natural log. May be next_lse: a row is read before
  // it is written.
  const float* reference_lse = nullptr;
  float* next_lse = nullptr;  // [B, Hq, Lq] or null: the state's copy of lse
  bool is_normalised = true;  // kRowMean's masses sum to 1

  Executor* executor = nullptr;
  std::vector<TileCounts> row_counts = {};  // [B, Hq, Tq]
  std::vector<LostMass> row_masses = {};    // [B, Hq, Tq]

  int64_t kv_head(int64_t head) const { return head / (num_heads / num_kv_heads); }
  int64_t tile_rows() const { return batch * num_heads * q_tiles; }
  /// Into the [B, Hq, Lq] arrays.
  int64_t row_index(int64_t b, int64_t head, int64_t token) const {
    return (b * num_heads + head) * q_len + token;
  }
};

/// One row of tiles, the unit of work: it reads and writes its own bits and no other's.
struct TileRow {
  int64_t index = 0;  // into row_counts
  int64_t batch = 0, head = 0, q_tile = 0;
  int64_t q_begin = 0, q_end = 0;  // tokens
};
TileRow tile_row(const ForwardPlan& plan, int64_t index);

/// What a back end found in one row of tiles, one entry per visited tile in visiting order.
struct RowVerdict {
  std::vector<uint8_t> is_needed;  // kGap
  std::vector<float> mass;         // kRowMaximum, kRowMean; see mass.h
  // With a probe_period: over the real rows that saw kept tiles, the sum of probe_period * (sum of
  // probed weights) / (sum of kept weights), and how many rows these were.
  double lost = 0;
  int64_t lost_rows = 0;
};

/// The kv tiles that this call visits, in visiting order. `is_probe` is empty or says of each
/// whether it was dropped earlier and is visited as a probe only; probes come last.
struct VisitedTiles {
  std::vector<int32_t> tiles;
  std::vector<uint8_t> is_probe;
};
void list_visited_tiles(const ForwardPlan& plan, const TileRow& row, VisitedTiles& visited);

/// Takes the verdict: drops what may be dropped, brings probes back, counts.
void finish_row(ForwardPlan& plan, const TileRow& row, const VisitedTiles& visited,
                const RowVerdict& verdict);

/// Keys of a tile that are in use by a batch entry.
int64_t tile_keys(const ForwardPlan& plan, int64_t batch, int64_t kv_tile);

/// Throws unless the call keeps every rule of attention.h; writes nothing of the caller's.
ForwardPlan make_forward_plan(const AttentionProblem& problem, const AttentionOutputs& outputs,
                              const SkipRequest& skip, const RunOptions& run);

}  // namespace tessera::attention
