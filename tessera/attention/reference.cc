#include "tessera/attention/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::attention {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Offset of element (b, token, head, 0).
int64_t offset(const std::array<int64_t, 4>& strides, int64_t b, int64_t token, int64_t head) {
  return b * strides[0] + token * strides[1] + head * strides[2];
}

double load(const TensorView& view, int64_t index) {
  if (view.dtype == DType::kBFloat16)
    return to_float(static_cast<const BFloat16*>(view.data)[index]);
  return static_cast<const float*>(view.data)[index];
}

void store(const MutableTensorView& view, int64_t index, double value) {
  const auto rounded = static_cast<float>(value);
  if (view.dtype == DType::kBFloat16) {
    static_cast<BFloat16*>(view.data)[index] = to_bfloat16(rounded);
  } else {
    static_cast<float*>(view.data)[index] = rounded;
  }
}

/// Unscaled scores of one query against the keys of the visited tiles, in visiting order.
std::vector<double> row_scores(const ForwardPlan& plan, const TileRow& row, int64_t token,
                               const std::vector<int64_t>& keys) {
  const int64_t q = offset(plan.q.strides, row.batch, token, row.head);
  std::vector<double> scores;
  for (const int64_t key : keys) {
    const int64_t k = offset(plan.k.strides, row.batch, key, plan.kv_head(row.head));
    double score = 0;
    for (int64_t d = 0; d < plan.head_dim; ++d) score += load(plan.q, q + d) * load(plan.k, k + d);
    scores.push_back(score);
  }
  return scores;
}

/// Softmax over the scores, then the weighted mean of the values.
void write_row(const ForwardPlan& plan, const TileRow& row, int64_t token,
               const std::vector<int64_t>& keys, const std::vector<double>& scores) {
  const double max = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
  std::vector<double> sums(plan.head_dim, 0.0);
  double total = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const double weight = std::exp((scores[i] - max) * plan.scale);
    const int64_t v = offset(plan.v.strides, row.batch, keys[i], plan.kv_head(row.head));
    for (int64_t d = 0; d < plan.head_dim; ++d) sums[d] += weight * load(plan.v, v + d);
    total += weight;
  }
  const int64_t out = offset(plan.out.strides, row.batch, token, row.head);
  for (int64_t d = 0; d < plan.head_dim; ++d) {
    store(plan.out, out + d, keys.empty() ? 0 : sums[d] / total);
  }
  if (plan.lse != nullptr) {
    plan.lse[(row.batch * plan.num_heads + row.head) * plan.q_len + token] =
        static_cast<float>(keys.empty() ? -kInfinity : max * plan.scale + std::log(total));
  }
}

/// max_gap.h, word for word: does this query need the tiles?
void vote(const ForwardPlan& plan, const std::vector<int64_t>& tile_ends,
          const std::vector<double>& scores, std::vector<uint8_t>& is_needed) {
  double prev = -kInfinity;
  for (size_t tile = 0; tile < tile_ends.size(); ++tile) {
    const auto begin = scores.begin() + (tile == 0 ? 0 : tile_ends[tile - 1]);
    const double loc = *std::max_element(begin, scores.begin() + tile_ends[tile]);
    if (tile == 0 || loc - prev > plan.cut.fp64) is_needed[tile] = 1;
    prev = std::max(prev, loc);
  }
}

void compute_tile_row(ForwardPlan& plan, int64_t index) {
  const TileRow row = tile_row(plan, index);
  std::vector<int32_t> tiles;
  list_visited_tiles(plan, row, tiles);
  std::vector<int64_t> keys, tile_ends;
  for (const int64_t tile : tiles) {
    const int64_t first = tile * plan.geometry.kv_tile;
    for (int64_t c = 0; c < tile_keys(plan, row.batch, tile); ++c) keys.push_back(first + c);
    tile_ends.push_back(static_cast<int64_t>(keys.size()));
  }
  std::vector<uint8_t> is_needed(tiles.size(), 0);
  for (int64_t token = row.q_begin; token < row.q_end; ++token) {
    const std::vector<double> scores = row_scores(plan, row, token, keys);
    vote(plan, tile_ends, scores, is_needed);
    write_row(plan, row, token, keys, scores);
  }
  finish_row(plan, row, tiles, is_needed);
}

}  // namespace

void reference_forward(ForwardPlan& plan) {
  plan.executor->parallel_for(plan.tile_rows(),
                              [&](int64_t index, int) { compute_tile_row(plan, index); });
}

}  // namespace tessera::attention
