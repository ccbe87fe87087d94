#include "tessera/attention/cpu/row_worker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tessera::attention::cpu {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

/// Rows that go through scores, softmax and values together: half a first-level cache of scores at
/// the default tile.
constexpr int64_t kBlockRows = 64;

constexpr int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

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

RowWorker::RowWorker(ForwardPlan& plan, const Kernels& kernels, const Layout& layout)
    : plan_(plan),
      kernels_(kernels),
      layout_(layout),
      scale_log2_(static_cast<float>(plan.scale * kLog2E)),
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
      tile_max_(layout.block_rows),
      tile_sum_(layout.block_rows),
      rescale_(layout.block_rows) {
  visited_.tiles.reserve(plan.kv_tiles);
}

void RowWorker::compute(const TileRow& row, PackedTiles& packed) {
  list_visited_tiles(plan_, row, visited_);
  start(row);
  const int64_t pair = row.batch * plan_.num_kv_heads + plan_.kv_head(row.head);
  for (size_t i = 0; i < visited_.tiles.size(); ++i) {
    const int64_t tile = visited_.tiles[i];
    const auto pack = [&](float* keys, float* values) {
      TokenRun run{.view = plan_.k,
                   .batch = row.batch,
                   .head = plan_.kv_head(row.head),
                   .first = tile * plan_.geometry.kv_tile,
                   .count = tile_keys(plan_, row.batch, tile)};
      kernels_.pack_keys(run, layout_, keys);
      kernels_.pack_values({plan_.v, run.batch, run.head, run.first, run.count}, layout_, values);
    };
    const int64_t next = visited_.tiles[std::min(i + 1, visited_.tiles.size() - 1)];
    visit(row, i, packed.get(pair, tile, pack), packed.address(pair, next));
  }
  if (plan_.verdicts == Verdicts::kRowMean) finish_masses(row);
  write(row);
  finish_row(plan_, row, visited_, verdict_);
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
  std::fill_n(reference_.data(), padded, kMinusInfinity);
  const int64_t at = plan_.row_index(row.batch, row.head, row.q_begin);
  if (plan_.carried.row_max != nullptr) {
    std::copy_n(plan_.carried.row_max + at, rows, carried_max_.data());
  }
  const bool is_mean = plan_.verdicts == Verdicts::kRowMean;
  const float* reference = is_mean ? plan_.reference_lse : plan_.carried.lse;
  if (reference != nullptr) {
    std::transform(reference + at, reference + at + rows, reference_.data(),
                   [](float lse) { return static_cast<float>(lse * kLog2E); });
  }
  const size_t count = visited_.tiles.size();
  verdict_.is_needed.assign(count, 0);
  verdict_.mass.assign(count, 0.0f);
  verdict_.lost = 0;
  verdict_.lost_rows = 0;
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
          .reference = reference_.data() + first};
}

/// One tile, the index-th that is visited. Its values are fetched while its scores are computed,
/// the next tile's keys while its values are added: a row of tiles walks through more than the
/// second-level cache holds.
void RowWorker::visit(const TileRow& row, size_t index, PackedTiles::Tile tile,
                      const float* next_keys) {
  const int64_t num_keys = tile_keys(plan_, row.batch, visited_.tiles[index]);
  Ahead values{tile.values, layout_.value_tile / 16}, keys{next_keys, layout_.key_tile / 16};
  for (int64_t first = 0; first < row.q_end - row.q_begin; first += layout_.block_rows) {
    const RowBlock block = block_at(row, first);
    kernels_.score_tile(layout_, block, tile.keys, num_keys, values);
    if (plan_.verdicts == Verdicts::kGap && verdict_.is_needed[index] == 0) {
      const bool is_first = index == 0 && plan_.carried.row_max == nullptr;
      verdict_.is_needed[index] = is_first || kernels_.is_needed(block, plan_.cuts[row.head].fp32);
    }
    kernels_.raise_maxima(block, scale_log2_);
    kernels_.exponentiate(layout_, block, num_keys, scale_log2_);
    judge(block, index);
    kernels_.add_values(layout_, block, tile.values, num_keys, keys);
    values = keys = {};
  }
}

/// What the policy `mass` wants to know of a tile, once its sums are there.
void RowWorker::judge(const RowBlock& block, size_t index) {
  if (plan_.verdicts <= Verdicts::kGap) return;
  float& mass = verdict_.mass[index];
  if (plan_.verdicts == Verdicts::kRowMaximum) {
    mass = kernels_.largest_share(block, mass);
  } else if (plan_.reference_lse != nullptr) {
    mass += kernels_.referred_sum(block);
  }
  if (!visited_.is_probe.empty()) kernels_.split_sum(block, visited_.is_probe[index] != 0);
}

/// From sums over the rows to shares of the row of tiles.
void RowWorker::finish_masses(const TileRow& row) {
  auto& masses = verdict_.mass;
  double total = plan_.is_normalised ? 0 : static_cast<double>(row.q_end - row.q_begin);
  if (plan_.is_normalised) total = std::accumulate(masses.begin(), masses.end(), total);
  const bool has_reference = total > 0 && std::isfinite(total) && plan_.reference_lse != nullptr;
  for (float& mass : masses) mass = has_reference ? static_cast<float>(mass / total) : 1.0f;
}

/// Divides by the sums and rounds; out, lse, maxima, and what the probes say.
void RowWorker::write(const TileRow& row) {
  for (int64_t r = 0; r < row.q_end - row.q_begin; ++r) write_row(row, r);
  if (visited_.is_probe.empty()) return;
  for (int64_t r = 0; r < row.q_end - row.q_begin; ++r) {
    const double lost = plan_.probe_period * static_cast<double>(probed_sum_[r]) / kept_sum_[r];
    if (!std::isfinite(lost)) continue;
    verdict_.lost += lost;
    ++verdict_.lost_rows;
  }
}

void RowWorker::write_row(const TileRow& row, int64_t r) {
  const bool is_empty = visited_.tiles.empty();
  const auto& strides = plan_.out.strides;
  const int64_t token = row.q_begin + r;
  const int64_t element = row.batch * strides[0] + token * strides[1] + row.head * strides[2];
  const auto bytes = static_cast<int64_t>(dtype_bytes(plan_.out.dtype));
  kernels_.store_row(out_.data() + r * layout_.out_columns, is_empty ? 0.0f : 1.0f / row_sum_[r],
                     plan_.head_dim, plan_.out.dtype,
                     static_cast<char*>(plan_.out.data) + element * bytes);
  const int64_t at = plan_.row_index(row.batch, row.head, token);
  if (plan_.row_max != nullptr) plan_.row_max[at] = std::max(carried_max_[r], row_max_[r]);
  if (plan_.lse == nullptr && plan_.next_lse == nullptr) return;
  // In fp64 from the fp32 shift that the weights used, so that nothing but the sum's own rounding
  // is lost.
  const double lse =
      static_cast<double>(row_shift_[r]) * kLn2 + std::log(static_cast<double>(row_sum_[r]));
  const float rounded = is_empty ? kMinusInfinity : static_cast<float>(lse);
  if (plan_.lse != nullptr) plan_.lse[at] = rounded;
  if (plan_.next_lse != nullptr) plan_.next_lse[at] = rounded;
}

}  // namespace tessera::attention::cpu
