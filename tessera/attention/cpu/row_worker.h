// Private: one thread's work on one row of tiles at a time.
#pragma once

#include <cstdint>

#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/cpu/packed_heads.h"
#include "tessera/attention/forward_plan.h"
#include "tessera/core/aligned_buffer.h"

namespace tessera::attention::cpu {

Layout make_layout(const ForwardPlan& plan, const BlockSizes& sizes);

class RowWorker {
 public:
  RowWorker(ForwardPlan& plan, const Kernels& kernels, const Layout& layout, PackedHeads& heads);

  /// Visits the row's tiles, writes out, lse and whatever else is wanted, and the marks.
  void compute(const TileRow& row);

 private:
  void visit_all(const TileRow& row, PackedHead& packed);
  void start(const TileRow& row);
  const float* reference_lse() const;
  RowBlock block_at(const TileRow& row, int64_t first);
  /// What to fetch while a tile's scores are computed and while its values are added.
  struct Fetches {
    Ahead during_scores, during_values;
  };
  Fetches plan_fetches(const TileRow& row, size_t index, const PackedHead& packed,
                       const float* values) const;
  TokenRun keys_of(const TileRow& row, int64_t tile) const;
  void visit(const TileRow& row, size_t index, PackedHead::Tile tile, Fetches fetches);
  void judge(const RowBlock& block, size_t index);
  void finish_masses(const TileRow& row);
  void write(const TileRow& row);
  void write_out(const TileRow& row);
  void write_lse(const TileRow& row);
  void estimate_lost(int64_t rows);

  ForwardPlan& plan_;
  const Kernels& kernels_;
  const Layout& layout_;
  PackedHeads& heads_;
  float scale_log2_;
  int num_threads_;  // a pool may say 1 inside a task

  AlignedBuffer<float> q_;       // packed queries
  AlignedBuffer<float> scores_;  // [key_rows, block_rows]
  AlignedBuffer<float> out_;     // [q_rows, out_columns]
  // [q_rows] each; see RowBlock
  AlignedBuffer<float> row_max_, row_shift_, row_sum_, kept_sum_, probed_sum_;
  AlignedBuffer<float> carried_max_, reference_, lse_;
  AlignedBuffer<float> tile_max_, tile_sum_, rescale_;  // [block_rows] each
  VisitedTiles visited_;
  RowVerdict verdict_;
};

}  // namespace tessera::attention::cpu
