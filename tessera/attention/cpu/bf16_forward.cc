#include "tessera/attention/cpu/bf16_forward.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/attention/cpu/bf16_kernels.h"
#include "tessera/attention/cpu/packed_rounds.h"
#include "tessera/core/aligned_buffer.h"

namespace tessera::attention::cpu {
namespace {

using bf16::kLanes;
using bf16::kPanel;
using bf16::kRows;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

constexpr int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Rows that go through scores, softmax and product together; as in forward.cc.
constexpr int64_t kBlockRows = 64;

/// What the block sizes make of one problem. All in elements.
struct Layout {
  int64_t depth = 0;       // head_dim, padded to a pair
  int64_t q_rows = 0;      // rows of a q tile, padded to the register block and the vector
  int64_t kv_columns = 0;  // columns of a kv tile, padded to the vector
  int64_t weight_stride = 0;
  int64_t out_columns = 0;               // head_dim, padded to the vector
  int64_t key_tile = 0, value_tile = 0;  // of one packed tile

  explicit Layout(const ForwardPlan& plan)
      : depth(round_up(plan.head_dim, 2)),
        q_rows(round_up(std::min<int64_t>(plan.geometry.q_tile, plan.q_len), kLanes)),
        kv_columns(round_up(std::min<int64_t>(plan.geometry.kv_tile, plan.kv_len), kLanes)),
        weight_stride(round_up(kv_columns, 2 * kLanes)),
        out_columns(round_up(plan.head_dim, kLanes)),
        key_tile(kv_columns * depth),
        value_tile(out_columns * kv_columns) {}
};

/// What one thread works in.
struct Scratch {
  AlignedBuffer<BFloat16> q;                // [q_rows, depth]
  AlignedBuffer<float> scores;              // [block rows, kv_columns]
  AlignedBuffer<BFloat16> weights;          // [block rows, weight_stride]
  AlignedBuffer<float> out;                 // [q_rows, out_columns], not yet divided by the sum
  AlignedBuffer<float> row_max, row_shift;  // [q_rows]; the shift is in the exponent's units
  AlignedBuffer<float> row_sum;             // [q_rows, lanes]
  AlignedBuffer<float> tile_max, rescale;   // [block rows]
  VisitedTiles visited;
  RowVerdict verdict;

  Scratch(const ForwardPlan& plan, const Layout& layout)
      : q(layout.q_rows * layout.depth),
        scores(block_rows(layout) * layout.kv_columns),
        weights(block_rows(layout) * layout.weight_stride),
        out(layout.q_rows * layout.out_columns),
        row_max(layout.q_rows),
        row_shift(layout.q_rows),
        row_sum(layout.q_rows * kLanes),
        tile_max(block_rows(layout)),
        rescale(block_rows(layout)) {
    visited.tiles.reserve(plan.kv_tiles);
    verdict.is_needed.reserve(plan.kv_tiles);
  }
  static int64_t block_rows(const Layout& layout) { return std::min(layout.q_rows, kBlockRows); }
};

const BFloat16* head_at(const TensorView& view, int64_t b, int64_t token, int64_t head) {
  return static_cast<const BFloat16*>(view.data) + b * view.strides[0] + token * view.strides[1] +
         head * view.strides[2];
}

void pack_tile(const ForwardPlan& plan, const Layout& layout, int64_t index,
               PackedHeads<BFloat16>& packed) {
  const int64_t pair = packed.first + index / plan.kv_tiles;
  const int64_t tile = index % plan.kv_tiles;
  const int64_t b = pair / plan.num_kv_heads, head = pair % plan.num_kv_heads;
  const int64_t num_keys = tile_keys(plan, b, tile);
  if (num_keys == 0) return;
  const int64_t first = tile * plan.geometry.kv_tile;
  BFloat16* keys = packed.keys.data() + index * layout.key_tile;
  for (int64_t begin = 0; begin < layout.kv_columns; begin += kPanel) {
    const int64_t width = std::min(kPanel, layout.kv_columns - begin);
    std::array<const BFloat16*, kPanel> tokens = {};
    for (int64_t c = 0; c < std::min(width, num_keys - begin); ++c) {
      tokens[c] = head_at(plan.k, b, first + begin + c, head);
    }
    bf16::pack_key_panel(tokens.data(), plan.head_dim, layout.depth, width,
                         keys + begin * layout.depth);
  }
  BFloat16* values = packed.values.data() + index * layout.value_tile;
  for (int64_t key = 0; key < num_keys; key += 2) {
    bf16::pack_value_pair(head_at(plan.v, b, first + key, head),
                          key + 1 < num_keys ? head_at(plan.v, b, first + key + 1, head) : nullptr,
                          plan.head_dim, layout.out_columns, layout.kv_columns, key / 2, values);
  }
}

/// Loads the queries of a row of tiles, pads them with zeros, and clears the running sums.
void start_row(const ForwardPlan& plan, const Layout& layout, const TileRow& row,
               Scratch& scratch) {
  const int64_t rows = row.q_end - row.q_begin, padded = round_up(rows, kRows);
  std::fill_n(scratch.q.data(), padded * layout.depth, BFloat16{});
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(head_at(plan.q, row.batch, row.q_begin + r, row.head), plan.head_dim,
                scratch.q.data() + r * layout.depth);
  }
  std::fill_n(scratch.out.data(), padded * layout.out_columns, 0.0f);
  std::fill_n(scratch.row_sum.data(), padded * kLanes, 0.0f);
  std::fill_n(scratch.row_max.data(), layout.q_rows, kMinusInfinity);
  std::fill_n(scratch.row_shift.data(), layout.q_rows, kMinusInfinity);
}

/// Scores of a block of rows against one tile; columns past `num_keys` are -inf.
void compute_scores(const Layout& layout, const BFloat16* q, const BFloat16* keys, int64_t rows,
                    int64_t num_keys, float* scores) {
  const int64_t columns = layout.kv_columns;
  for (int64_t c = 0; c < columns; c += kPanel) {
    const int64_t width = std::min(kPanel, columns - c);
    for (int64_t r = 0; r < rows; r += kRows) {
      bf16::score_block(q + r * layout.depth, layout.depth, keys + c * layout.depth, width,
                        scores + r * columns + c, columns);
    }
  }
  if (num_keys == columns) return;
  for (int64_t r = 0; r < rows; ++r) {
    std::fill(scores + r * columns + num_keys, scores + (r + 1) * columns, kMinusInfinity);
  }
}

void add_values(const Layout& layout, const BFloat16* values, int64_t rows, int64_t num_keys,
                const Scratch& scratch, float* out) {
  for (int64_t c = 0; c < layout.out_columns; c += kPanel) {
    const int64_t width = std::min(kPanel, layout.out_columns - c);
    for (int64_t r = 0; r < rows; r += kRows) {
      bf16::value_block(scratch.weights.data() + r * layout.weight_stride, layout.weight_stride,
                        values + c * layout.kv_columns, round_up(num_keys, 2), width,
                        scratch.rescale.data() + r, out + r * layout.out_columns + c,
                        layout.out_columns);
    }
  }
}

/// One visited tile for all rows of the q tile. Returns whether a real row needs it.
bool visit_tile(const ForwardPlan& plan, const Layout& layout, float cut, int64_t rows,
                int64_t num_keys, const BFloat16* keys, const BFloat16* values, Scratch& scratch) {
  const auto scale_log2 = static_cast<float>(plan.scale * 1.4426950408889634);
  bool is_needed = false;
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    const int64_t real = std::min(rows - first, kBlockRows), padded = round_up(real, kRows);
    float* row_max = scratch.row_max.data() + first;
    float* row_shift = scratch.row_shift.data() + first;
    const float* tile_max = scratch.tile_max.data();
    compute_scores(layout, scratch.q.data() + first * layout.depth, keys, padded, num_keys,
                   scratch.scores.data());
    bf16::tile_maxima(scratch.scores.data(), layout.kv_columns, padded, scratch.tile_max.data());
    for (int64_t r = 0; r < real && !is_needed; ++r) {
      is_needed = tile_max[r] - row_max[r] > cut;
    }
    bf16::raise_maxima(tile_max, padded, scale_log2, row_max, row_shift, scratch.rescale.data());
    bf16::exponentiate(scratch.scores.data(), layout.kv_columns, padded, scale_log2, row_shift,
                       scratch.rescale.data(), scratch.weights.data(), layout.weight_stride,
                       scratch.row_sum.data() + first * kLanes);
    add_values(layout, values, padded, num_keys, scratch,
               scratch.out.data() + first * layout.out_columns);
  }
  return is_needed;
}

/// Divides by the sums, rounds to bf16, writes out and lse.
void write_row(const ForwardPlan& plan, const Layout& layout, const TileRow& row,
               const Scratch& scratch) {
  const auto& strides = plan.out.strides;
  const bool is_empty = scratch.visited.tiles.empty();
  for (int64_t r = 0; r < row.q_end - row.q_begin; ++r) {
    const int64_t token = row.q_begin + r;
    const float sum = bf16::sum_of_lanes(scratch.row_sum.data() + r * kLanes);
    const float factor = is_empty ? 0.0f : 1.0f / sum;
    const float* from = scratch.out.data() + r * layout.out_columns;
    auto* to = static_cast<BFloat16*>(plan.out.data) + row.batch * strides[0] + token * strides[1] +
               row.head * strides[2];
    for (int64_t d = 0; d < plan.head_dim; ++d) to[d] = to_bfloat16(from[d] * factor);
    if (plan.lse == nullptr) continue;
    // In fp64 from the fp32 shift that the weights used, so that nothing but the sum's own
    // rounding is lost.
    const double shift = static_cast<double>(scratch.row_shift[r]) * 0.6931471805599453;
    plan.lse[(row.batch * plan.num_heads + row.head) * plan.q_len + token] =
        is_empty ? kMinusInfinity : static_cast<float>(shift + std::log(static_cast<double>(sum)));
  }
}

void compute_row(ForwardPlan& plan, const Layout& layout, int64_t index,
                 const PackedHeads<BFloat16>& packed, Scratch& scratch) {
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

}  // namespace

bool bf16_is_supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bf16");
}

void bf16_forward(ForwardPlan& plan) {
  const Layout layout(plan);
  std::vector<Scratch> scratch;
  scratch.reserve(plan.executor->num_threads());
  for (int t = 0; t < plan.executor->num_threads(); ++t) scratch.emplace_back(plan, layout);
  run_in_rounds<BFloat16>(
      plan, layout.key_tile, layout.value_tile,
      [&](int64_t index, PackedHeads<BFloat16>& packed) { pack_tile(plan, layout, index, packed); },
      [&](int64_t row, const PackedHeads<BFloat16>& packed, int thread) {
        compute_row(plan, layout, row, packed, scratch[thread]);
      });
}

}  // namespace tessera::attention::cpu
