// Private: one checked call, in the form that back ends read. They trust it.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/attention/attention.h"

namespace tessera::attention {

struct ForwardPlan {
  TensorView q, k, v;     // [B, Lq, Hq, D], [B, Lk, Hkv, D]
  MutableTensorView out;  // [B, Lq, Hq, D]
  float* lse = nullptr;   // [B, Hq, Lq] or null
  int64_t batch = 0, q_len = 0, kv_len = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::vector<int64_t> kv_lengths = {};  // [B]
  double scale = 0;

  TileGeometry geometry = {};
  int64_t q_tiles = 0, kv_tiles = 0;
  const SkipStateView* state = nullptr;  // null: no tile was ever dropped
  StepKind step = StepKind::kDense;      // kSkip only with a state
  Direction direction = Direction::kAscending;
  MaxGapCut cut = {};
  RangeTiles ranges = {};

  Executor* executor = nullptr;
  std::vector<TileCounts> row_counts = {};  // [B, Hq, Tq]

  int64_t kv_head(int64_t head) const { return head / (num_heads / num_kv_heads); }
  int64_t tile_rows() const { return batch * num_heads * q_tiles; }
};

/// One row of tiles, the unit of work: it reads and writes its own bits and no other's.
struct TileRow {
  int64_t index = 0;  // into row_counts
  int64_t batch = 0, head = 0, q_tile = 0;
  int64_t q_begin = 0, q_end = 0;  // tokens
};
TileRow tile_row(const ForwardPlan& plan, int64_t index);

/// Fills `tiles` with the kv tiles that this call visits, in visiting order.
void list_visited_tiles(const ForwardPlan& plan, const TileRow& row, std::vector<int32_t>& tiles);

/// Takes the policy's verdict, one per visited tile: drops what may be dropped, counts.
void finish_row(ForwardPlan& plan, const TileRow& row, const std::vector<int32_t>& tiles,
                const std::vector<uint8_t>& is_needed);

/// Keys of a tile that are in use by a batch entry.
int64_t tile_keys(const ForwardPlan& plan, int64_t batch, int64_t kv_tile);

/// Throws unless the call keeps every rule of attention.h; writes nothing of the caller's.
ForwardPlan make_forward_plan(const AttentionProblem& problem, const AttentionOutputs& outputs,
                              const SkipRequest& skip, const RunOptions& run);

}  // namespace tessera::attention
