#include "tessera/attention/cpu/row_worker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

namespace tessera::attention::cpu {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr double kLog2E = 1.4426950408889634;

/// Rows that go through scores, softmax and values together: half a first-level cache of scores at
/// the default tile.
constexpr int64_t kBlockRows = 64;

constexpr int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

Ahead words_ahead(const float* words, int64_t count) {
  return {.at = reinterpret_cast<const char*>(words), .stride = 64, .rows = count / 16, .lines = 1};
}

Ahead tokens_ahead(const TensorView& view, int64_t batch, int64_t head, int64_t begin,
                   int64_t end) {
  const auto bytes = static_cast<int64_t>(dtype_bytes(view.dtype));
  const auto& strides = view.strides;
  const auto first = reinterpret_cast<uintptr_t>(view.data) +
                     (batch * strides[0] + begin * strides[1] + head * strides[2]) * bytes;
  const int64_t past_a_line = first % 64;
  return {.at = reinterpret_cast<const char*>(first - past_a_line),
          .stride = strides[1] * bytes,
          .rows = end - begin,
          .lines = (past_a_line + view.shape[3] * bytes + 63) / 64};
}

}  // namespace

Layout make_layout(const ForwardPlan& plan, const BlockSizes& sizes) {
  const int64_t q_tile = std::min<int64_t>(plan.geometry.q_tile, plan.q_len);
  const int64_t kv_tile = std::min<int64_t>(plan.geometry.kv_tile, plan.kv_len);
  Layout layout{.sizes = sizes, .head_dim = plan.head_dim};
  layout.depth = round_up(plan.head_dim, sizes.word) / sizes.word;
  layout.q_rows = round_up(q_tile, sizes.row_unit);
  layout.block_rows =
      std::min(layout.q_rows, round_up(kBlockRows, std::lcm(sizes.row_unit, sizes.query_panel)));
  layout.key_rows = round_up(kv_tile, sizes.key_group);
  layout.value_rows = round_up(kv_tile, sizes.word) / sizes.word;
  layout.out_columns = round_up(plan.head_dim, sizes.value_unit);
  // Whole cache lines: packed tiles lie one behind the other, and vectors are loaded aligned.
  layout.key_tile = round_up(layout.key_rows * layout.depth, 16);
  layout.value_tile = round_up(layout.value_rows * layout.out_columns, 16);
  return layout;
}

RowWorker::RowWorker(ForwardPlan& plan, const Kernels& kernels, const Layout& layout,
                     PackedHeads& heads)
    : plan_(plan),
      kernels_(kernels),
      layout_(layout),
      heads_(heads),
      scale_log2_(static_cast<float>(plan.scale * kLog2E)),
      num_threads_(plan.executor->num_threads()),
      q_(layout.q_rows * layout.depth),
      scores_(layout.key_rows * layout.block_rows),
      out_(layout.q_rows * layout.out_columns),
      row_max_(layout.q_rows),
      row_shift_(layout.q_rows),
      row_sum_(layout.q_rows),
      kept_sum_(layout.q_rows),
      probed_sum_(layout.q_rows),
      carried_max_(layout.q_rows),
      reference_(layout.q_rows),
      lse_(layout.q_rows),
      tile_max_(layout.block_rows),
      tile_sum_(layout.block_rows),
      rescale_(layout.block_rows) {
  visited_.tiles.reserve(plan.kv_tiles);
}

void RowWorker::compute(const TileRow& row) {
  list_visited_tiles(plan_, row, visited_);
  start(row);
  if (!visited_.tiles.empty()) {
    PackedHead& packed = heads_.acquire(row.batch * plan_.num_kv_heads + plan_.kv_head(row.head));
    visit_all(row, packed);
    heads_.release(packed);
  }
  if (plan_.verdicts == Verdicts::kRowMean) finish_masses(row);
  write(row);
  finish_row(plan_, row, visited_, verdict_);
}

void RowWorker::visit_all(const TileRow& row, PackedHead& packed) {
  const std::span<const int32_t> tiles = visited_.tiles;
  const auto pack = [&](int32_t tile, float* keys, float* values) {
    const TokenRun run = keys_of(row, tile);
    kernels_.pack_keys(run, layout_, keys);
    kernels_.pack_values({plan_.v, run.batch, run.head, run.first, run.count}, layout_, values);
  };
  for (size_t i = 0; i < tiles.size(); ++i) {
    const PackedHead::Tile tile = packed.get(tiles.subspan(i), pack);
    visit(row, i, tile, plan_fetches(row, i, packed, tile.values));
  }
}

/// Loads the queries, clears the sums, and takes what is known of the rows from elsewhere.
void RowWorker::start(const TileRow& row) {
  const int64_t rows = row.q_end - row.q_begin, padded = round_up(rows, layout_.sizes.row_unit);
  kernels_.pack_queries({plan_.q, row.batch, row.head, row.q_begin, rows}, layout_, padded,
                        q_.data());
  std::fill_n(out_.data(), padded * layout_.out_columns, 0.0f);
  std::fill_n(row_sum_.data(), padded, 0.0f);
  std::fill_n(kept_sum_.data(), padded, 0.0f);
  std::fill_n(probed_sum_.data(), padded, 0.0f);
  std::fill_n(row_max_.data(), padded, kMinusInfinity);
  std::fill_n(row_shift_.data(), padded, kMinusInfinity);
  std::fill_n(carried_max_.data(), padded, kMinusInfinity);
  const int64_t at = plan_.row_index(row.batch, row.head, row.q_begin);
  if (plan_.carried.row_max != nullptr) {
    std::copy_n(plan_.carried.row_max + at, rows, carried_max_.data());
  }
  if (const float* reference = reference_lse()) {
    std::transform(reference + at, reference + at + rows, reference_.data(),
                   [](float lse) { return static_cast<float>(lse * kLog2E); });
  }
  const size_t count = visited_.tiles.size();
  verdict_.is_needed.assign(count, 0);
  verdict_.mass.assign(count, 0.0f);
  verdict_.lost = 0;
  verdict_.lost_rows = 0;
}

/// The log-sum-exp that masses are measured against, or null.
const float* RowWorker::reference_lse() const {
  if (plan_.verdicts == Verdicts::kRowMean) return plan_.reference_lse;
  return plan_.verdicts == Verdicts::kRowMaximum ? plan_.carried.lse : nullptr;
}

RowBlock RowWorker::block_at(const TileRow& row, int64_t first) {
  const int64_t real = std::min(row.q_end - row.q_begin - first, layout_.block_rows);
  return {.rows = round_up(real, layout_.sizes.row_unit),
          .real_rows = real,
          .q = q_.data() + first * layout_.depth,
          .scores = scores_.data(),
          .out = out_.data() + first * layout_.out_columns,
          .row_max = row_max_.data() + first,
          .row_shift = row_shift_.data() + first,
          .row_sum = row_sum_.data() + first,
          .kept_sum = kept_sum_.data() + first,
          .probed_sum = probed_sum_.data() + first,
          .tile_max = tile_max_.data(),
          .tile_sum = tile_sum_.data(),
          .rescale = rescale_.data(),
          .carried_max = carried_max_.data() + first,
          .reference = reference_lse() == nullptr ? nullptr : reference_.data() + first};
}

TokenRun RowWorker::keys_of(const TileRow& row, int64_t tile) const {
  return {.view = plan_.k,
          .batch = row.batch,
          .head = plan_.kv_head(row.head),
          .first = tile * plan_.geometry.kv_tile,
          .count = tile_keys(plan_, row.batch, tile)};
}

/// A row of tiles walks through more than the second-level cache holds. So a tile's values are
/// fetched while its scores are computed, and the next tile's keys while its values are added; if
/// the next tile must be packed first, its tokens; at the end of the row, what comes then: the
/// queries that this thread will likely load next, and the memory of the output.
RowWorker::Fetches RowWorker::plan_fetches(const TileRow& row, size_t index,
                                           const PackedHead& packed, const float* values) const {
  if (index + 1 == visited_.tiles.size()) {
    const TileRow next = tile_row(plan_, std::min(row.index + num_threads_, plan_.tile_rows() - 1));
    const auto& out = plan_.out;
    return {tokens_ahead(plan_.q, next.batch, next.head, next.q_begin, next.q_end),
            tokens_ahead({out.data, out.dtype, out.shape, out.strides}, row.batch, row.head,
                         row.q_begin, row.q_end)};
  }
  const int64_t next = visited_.tiles[index + 1];
  if (const float* keys = packed.find(next)) {
    return {words_ahead(values, layout_.value_tile), words_ahead(keys, layout_.key_tile)};
  }
  const TokenRun run = keys_of(row, next);
  return {tokens_ahead(plan_.v, run.batch, run.head, run.first, run.first + run.count),
          tokens_ahead(plan_.k, run.batch, run.head, run.first, run.first + run.count)};
}

/// One tile, the index-th that is visited.
void RowWorker::visit(const TileRow& row, size_t index, PackedHead::Tile tile, Fetches fetches) {
  const int64_t num_keys = tile_keys(plan_, row.batch, visited_.tiles[index]);
  for (int64_t first = 0; first < row.q_end - row.q_begin; first += layout_.block_rows) {
    const RowBlock block = block_at(row, first);
    kernels_.score_tile(layout_, block, tile.keys, num_keys, fetches.during_scores);
    if (plan_.verdicts == Verdicts::kGap && verdict_.is_needed[index] == 0) {
      const bool is_first = index == 0 && plan_.carried.row_max == nullptr;
      verdict_.is_needed[index] = is_first || kernels_.is_needed(block, plan_.cuts[row.head].fp32);
    }
    kernels_.raise_maxima(block, scale_log2_);
    kernels_.exponentiate(layout_, block, num_keys, scale_log2_);
    judge(block, index);
    kernels_.add_values(layout_, block, tile.values, num_keys, fetches.during_values);
    fetches = {};
  }
}

/// What the policy `mass` wants to know of a tile, once its sums are there.
void RowWorker::judge(const RowBlock& block, size_t index) {
  if (plan_.verdicts <= Verdicts::kGap) return;
  float& mass = verdict_.mass[index];
  if (plan_.verdicts == Verdicts::kRowMaximum) {
    mass = kernels_.largest_share(block, mass);
  } else if (block.reference != nullptr) {
    mass += kernels_.referred_sum(block);
  }
  if (!visited_.is_probe.empty()) kernels_.split_sum(block, visited_.is_probe[index] != 0);
}

/// From sums over the rows to shares of the row of tiles.
void RowWorker::finish_masses(const TileRow& row) {
  auto& masses = verdict_.mass;
  // Rows without a finite reference are left out.
  const auto rows = std::count_if(reference_.data(), reference_.data() + row.q_end - row.q_begin,
                                  [](float lse) { return std::isfinite(lse); });
  double total = plan_.is_normalised ? 0 : static_cast<double>(rows);
  if (plan_.is_normalised) total = std::accumulate(masses.begin(), masses.end(), total);
  const bool has_reference = total > 0 && std::isfinite(total) && plan_.reference_lse != nullptr;
  for (float& mass : masses) mass = has_reference ? static_cast<float>(mass / total) : 1.0f;
}

void RowWorker::write(const TileRow& row) {
  write_out(row);
  const int64_t rows = row.q_end - row.q_begin;
  const int64_t at = plan_.row_index(row.batch, row.head, row.q_begin);
  if (plan_.row_max != nullptr) {
    for (int64_t r = 0; r < rows; ++r) {
      // A NaN does not show in a maximum; it does in the sum.
      plan_.row_max[at + r] =
          std::isnan(row_sum_[r]) ? row_sum_[r] : std::max(carried_max_[r], row_max_[r]);
    }
  }
  if (plan_.lse != nullptr || plan_.next_lse != nullptr) write_lse(row);
  if (!visited_.is_probe.empty()) estimate_lost(rows);
}

/// Divides by the sums and rounds.
void RowWorker::write_out(const TileRow& row) {
  const auto& strides = plan_.out.strides;
  const auto bytes = static_cast<int64_t>(dtype_bytes(plan_.out.dtype));
  auto* to = static_cast<char*>(plan_.out.data) +
             (row.batch * strides[0] + row.q_begin * strides[1] + row.head * strides[2]) * bytes;
  for (int64_t r = 0; r < row.q_end - row.q_begin; ++r, to += strides[1] * bytes) {
    const float factor = visited_.tiles.empty() ? 0.0f : 1.0f / row_sum_[r];
    kernels_.store_row(out_.data() + r * layout_.out_columns, factor, plan_.head_dim,
                       plan_.out.dtype, to);
  }
}

void RowWorker::write_lse(const TileRow& row) {
  const int64_t rows = row.q_end - row.q_begin;
  if (visited_.tiles.empty()) {
    std::fill_n(lse_.data(), rows, kMinusInfinity);
  } else {
    // From the fp32 shift that the weights used, so that nothing but the sum's own rounding is
    // lost.
    kernels_.log_sum_exp(row_shift_.data(), row_sum_.data(), round_up(rows, layout_.sizes.row_unit),
                         lse_.data());
  }
  const int64_t at = plan_.row_index(row.batch, row.head, row.q_begin);
  for (float* to : {plan_.lse, plan_.next_lse}) {
    if (to != nullptr) std::copy_n(lse_.data(), rows, to + at);
  }
}

/// What the probes say of all dropped tiles; a row without kept tiles says nothing.
void RowWorker::estimate_lost(int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    const double lost = plan_.probe_period * static_cast<double>(probed_sum_[r]) / kept_sum_[r];
    if (!std::isfinite(lost)) continue;
    verdict_.lost += lost;
    ++verdict_.lost_rows;
  }
}

}  // namespace tessera::attention::cpu
