#include "tessera/attention/cpu/forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/attention/cpu/packed_rounds.h"
#include "tessera/attention/cpu/scratch.h"

// AVX-512 (AVX3 in Highway's words), AVX2, and scalar code for everything older.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/attention/cpu/forward.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, which includes this file again for each target.
#include "tessera/attention/cpu/packing-inl.h"
#include "tessera/attention/cpu/products-inl.h"
#include "tessera/attention/cpu/softmax-inl.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {

constexpr int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Rows that go through scores, softmax and product together: half a first-level cache of scores at
/// the default tile. A multiple of the register block and of the vector.
constexpr int64_t kRowUnit = std::lcm(kRows, kLanes);
constexpr int64_t kBlockRows = round_up(64, kRowUnit);

Layout make_layout(const ForwardPlan& plan) {
  const int64_t q_tile = std::min<int64_t>(plan.geometry.q_tile, plan.q_len);
  const int64_t kv_tile = std::min<int64_t>(plan.geometry.kv_tile, plan.kv_len);
  Layout layout;
  layout.q_rows = round_up(q_tile, kRowUnit);
  layout.block_rows = std::min(layout.q_rows, kBlockRows);
  layout.kv_columns = round_up(kv_tile, kLanes);
  layout.out_columns = round_up(plan.head_dim, kLanes);
  layout.key_tile = layout.kv_columns * plan.head_dim;
  layout.value_tile = layout.out_columns * layout.kv_columns;
  return layout;
}

ThreadScratch make_scratch(const ForwardPlan& plan, const Layout& layout) {
  ThreadScratch scratch;
  scratch.q = AlignedBuffer<float>(layout.q_rows * plan.head_dim);
  scratch.scores = AlignedBuffer<float>(layout.block_rows * layout.kv_columns);
  scratch.out = AlignedBuffer<float>(layout.q_rows * layout.out_columns);
  scratch.row_max = AlignedBuffer<float>(layout.q_rows);
  scratch.row_sum = AlignedBuffer<float>(layout.q_rows * kLanes);
  scratch.tile_max = AlignedBuffer<float>(layout.block_rows);
  scratch.row_shift = AlignedBuffer<float>(layout.q_rows);
  scratch.rescale = AlignedBuffer<float>(layout.block_rows);
  scratch.visited.tiles.reserve(plan.kv_tiles);
  scratch.verdict.is_needed.reserve(plan.kv_tiles);
  return scratch;
}

/// Loads the queries of a row of tiles, pads them with zeros, and clears the running sums.
void start_row(const ForwardPlan& plan, const Layout& layout, const TileRow& row,
               ThreadScratch& scratch) {
  const int64_t rows = row.q_end - row.q_begin;
  for (int64_t r = 0; r < rows; ++r) {
    load_head(plan.q, row.batch, row.q_begin + r, row.head, plan.head_dim,
              scratch.q.data() + r * plan.head_dim);
  }
  const int64_t padded = round_up(rows, kRows);
  std::fill(scratch.q.data() + rows * plan.head_dim, scratch.q.data() + padded * plan.head_dim,
            0.0f);
  std::fill_n(scratch.out.data(), padded * layout.out_columns, 0.0f);
  std::fill_n(scratch.row_sum.data(), padded * kLanes, 0.0f);
  std::fill_n(scratch.row_max.data(), layout.q_rows, kMinusInfinity);
  std::fill_n(scratch.row_shift.data(), layout.q_rows, kMinusInfinity);
}

/// Scores of a block of rows against one tile; columns past `num_keys` are -inf.
void compute_scores(const float* q, int64_t head_dim, const float* keys, int64_t rows,
                    int64_t columns, int64_t num_keys, float* scores) {
  for (int64_t c = 0; c < columns; c += kPanel) {
    const ScoreBlock block = score_block_for(columns - c);
    for (int64_t r = 0; r < rows; r += kRows) {
      block(q + r * head_dim, head_dim, keys + c * head_dim, scores + r * columns + c, columns);
    }
  }
  if (num_keys == columns) return;
  for (int64_t r = 0; r < rows; ++r) {
    std::fill(scores + r * columns + num_keys, scores + (r + 1) * columns, kMinusInfinity);
  }
}

void add_values(const float* weights, int64_t columns, const float* values, int64_t num_keys,
                int64_t rows, const Layout& layout, const float* rescale, float* out) {
  for (int64_t c = 0; c < layout.out_columns; c += kPanel) {
    const ValueBlock block = value_block_for(layout.out_columns - c);
    for (int64_t r = 0; r < rows; r += kRows) {
      block(weights + r * columns, columns, values + c * layout.kv_columns, num_keys, rescale + r,
            out + r * layout.out_columns + c, layout.out_columns);
    }
  }
}

/// One visited tile for all rows of the q tile. Returns whether a real row needs it.
bool visit_tile(const ForwardPlan& plan, const Layout& layout, float cut, int64_t rows,
                int64_t num_keys, const float* keys, const float* values, ThreadScratch& scratch) {
  const auto scale_log2 = static_cast<float>(plan.scale * 1.4426950408889634);
  const int64_t columns = layout.kv_columns;
  bool is_needed = false;
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    const int64_t real = std::min(rows - first, kBlockRows);
    const int64_t padded = round_up(real, kRows);
    float* scores = scratch.scores.data();
    float* tile_max = scratch.tile_max.data();
    float* row_max = scratch.row_max.data() + first;
    compute_scores(scratch.q.data() + first * plan.head_dim, plan.head_dim, keys, padded, columns,
                   num_keys, scores);
    tile_maxima(scores, columns, padded, tile_max);
    is_needed |= any_row_needs_tile(tile_max, row_max, real, cut);
    float* row_shift = scratch.row_shift.data() + first;
    raise_maxima(tile_max, padded, scale_log2, row_max, row_shift, scratch.rescale.data());
    exponentiate(scores, columns, padded, scale_log2, row_shift, scratch.rescale.data(),
                 scratch.row_sum.data() + first * kLanes);
    add_values(scores, columns, values, num_keys, padded, layout, scratch.rescale.data(),
               scratch.out.data() + first * layout.out_columns);
  }
  return is_needed;
}

/// Divides by the sums, rounds to the caller's dtype, writes out and lse.
void write_row(const ForwardPlan& plan, const Layout& layout, const TileRow& row,
               const ThreadScratch& scratch) {
  const Floats tag;
  const auto& strides = plan.out.strides;
  for (int64_t r = 0; r < row.q_end - row.q_begin; ++r) {
    const int64_t token = row.q_begin + r;
    const float sum =
        hn::GetLane(hn::SumOfLanes(tag, hn::Load(tag, scratch.row_sum.data() + r * kLanes)));
    const bool is_empty = scratch.visited.tiles.empty();
    const float factor = is_empty ? 0.0f : 1.0f / sum;
    const float* from = scratch.out.data() + r * layout.out_columns;
    const int64_t at = row.batch * strides[0] + token * strides[1] + row.head * strides[2];
    if (plan.out.dtype == DType::kFloat32) {
      auto* to = static_cast<float*>(plan.out.data) + at;
      for (int64_t d = 0; d < plan.head_dim; ++d) to[d] = from[d] * factor;
    } else {
      auto* to = static_cast<BFloat16*>(plan.out.data) + at;
      for (int64_t d = 0; d < plan.head_dim; ++d) to[d] = to_bfloat16(from[d] * factor);
    }
    if (plan.lse == nullptr) continue;
    // In fp64 from the fp32 shift that the weights used, so that nothing but the sum's own
    // rounding is lost.
    const double shift = static_cast<double>(scratch.row_shift[r]) * 0.6931471805599453;
    plan.lse[(row.batch * plan.num_heads + row.head) * plan.q_len + token] =
        is_empty ? kMinusInfinity : static_cast<float>(shift + std::log(static_cast<double>(sum)));
  }
}

void pack_tile(const ForwardPlan& plan, const Layout& layout, int64_t index,
               PackedHeads<float>& packed) {
  const int64_t pair = packed.first + index / plan.kv_tiles;
  const int64_t tile = index % plan.kv_tiles;
  const int64_t b = pair / plan.num_kv_heads, head = pair % plan.num_kv_heads;
  const int64_t num_keys = tile_keys(plan, b, tile);
  if (num_keys == 0) return;
  const int64_t first = tile * plan.geometry.kv_tile;
  pack_keys(plan.k, b, first, num_keys, head, layout.kv_columns,
            packed.keys.data() + index * layout.key_tile);
  pack_values(plan.v, b, first, num_keys, head, layout.out_columns, layout.kv_columns,
              packed.values.data() + index * layout.value_tile);
}

void compute_row(ForwardPlan& plan, const Layout& layout, int64_t index,
                 const PackedHeads<float>& packed, ThreadScratch& scratch) {
  const TileRow row = tile_row(plan, index);
  list_visited_tiles(plan, row, scratch.visited);
  scratch.verdict.is_needed.assign(scratch.visited.tiles.size(), 0);
  start_row(plan, layout, row, scratch);
  const float cut = plan.cuts.empty() ? 0 : plan.cuts[row.head].fp32;
  const int64_t pair = row.batch * plan.num_kv_heads + plan.kv_head(row.head) - packed.first;
  for (size_t i = 0; i < scratch.visited.tiles.size(); ++i) {
    const int64_t tile = scratch.visited.tiles[i];
    const int64_t at = pair * plan.kv_tiles + tile;
    const bool is_needed =
        visit_tile(plan, layout, cut, row.q_end - row.q_begin, tile_keys(plan, row.batch, tile),
                   packed.keys.data() + at * layout.key_tile,
                   packed.values.data() + at * layout.value_tile, scratch);
    scratch.verdict.is_needed[i] = is_needed || i == 0;
  }
  write_row(plan, layout, row, scratch);
  finish_row(plan, row, scratch.visited, scratch.verdict);
}

void forward_target(ForwardPlan& plan) {
  const Layout layout = make_layout(plan);
  std::vector<ThreadScratch> scratch;
  scratch.reserve(plan.executor->num_threads());
  for (int t = 0; t < plan.executor->num_threads(); ++t) {
    scratch.push_back(make_scratch(plan, layout));
  }
  run_in_rounds<float>(
      plan, layout.key_tile, layout.value_tile,
      [&](int64_t index, PackedHeads<float>& packed) { pack_tile(plan, layout, index, packed); },
      [&](int64_t row, const PackedHeads<float>& packed, int thread) {
        compute_row(plan, layout, row, packed, scratch[thread]);
      });
}

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::attention::cpu {

HWY_EXPORT(forward_target);
HWY_EXPORT(target_name);

void forward(ForwardPlan& plan) { HWY_DYNAMIC_DISPATCH(forward_target)(plan); }

std::string full_name() { return std::string("cpu/") + HWY_DYNAMIC_DISPATCH(target_name)(); }

int64_t compiled_targets() { return HWY_TARGETS; }

}  // namespace tessera::attention::cpu
#endif
