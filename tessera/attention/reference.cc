#include "tessera/attention/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tessera::attention {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Offset of element (b, token, head, 0).
int64_t offset(const std::array<int64_t, 4>& strides, int64_t b, int64_t token, int64_t head) {
  return b * strides[0] + token * strides[1] + head * strides[2];
}

double load(const TensorView& view, int64_t index) {
  switch (view.dtype) {
    case DType::kBFloat16:
      return to_float(static_cast<const BFloat16*>(view.data)[index]);
    case DType::kFloat16:
      return to_float(static_cast<const Float16*>(view.data)[index]);
    default:
      return static_cast<const float*>(view.data)[index];
  }
}

void store(const MutableTensorView& view, int64_t index, double value) {
  const auto rounded = static_cast<float>(value);
  switch (view.dtype) {
    case DType::kBFloat16:
      static_cast<BFloat16*>(view.data)[index] = to_bfloat16(rounded);
      return;
    case DType::kFloat16:
      static_cast<Float16*>(view.data)[index] = to_float16(rounded);
      return;
    default:
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

/// log(exp(a) + exp(b)); -inf is the log of nothing.
double log_sum(double a, double b) {
  const double high = std::max(a, b);
  if (std::isnan(a) || std::isnan(b)) return a + b;
  if (std::isinf(high)) return high;
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

/// Softmax over the scores, then the weighted mean of the values.
void write_row(const ForwardPlan& plan, const TileRow& row, int64_t token,
               const std::vector<int64_t>& keys, const std::vector<double>& scores) {
  const double max = scores.empty() ? -kInfinity : *std::max_element(scores.begin(), scores.end());
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
  const int64_t at = plan.row_index(row.batch, row.head, token);
  const double lse = keys.empty() ? -kInfinity : max * plan.scale + std::log(total);
  if (plan.lse != nullptr) plan.lse[at] = static_cast<float>(lse);
  if (plan.next_lse != nullptr) plan.next_lse[at] = static_cast<float>(lse);
  if (plan.row_max != nullptr) {
    const double before = plan.carried.row_max == nullptr ? -kInfinity : plan.carried.row_max[at];
    // A NaN does not show in a maximum; it does in the sum.
    plan.row_max[at] = static_cast<float>(std::isnan(total) ? total : std::max(before, max));
  }
}

/// The scores of one tile, of one query.
struct TileScores {
  std::vector<double>::const_iterator begin, end;
};
std::vector<TileScores> split(const std::vector<double>& scores,
                              const std::vector<int64_t>& tile_ends) {
  std::vector<TileScores> tiles;
  auto begin = scores.begin();
  for (const int64_t end : tile_ends) {
    tiles.push_back({begin, scores.begin() + end});
    begin = scores.begin() + end;
  }
  return tiles;
}

double log_sum(const TileScores& tile, double scale) {
  const double max = *std::max_element(tile.begin, tile.end);
  double sum = 0;
  for (auto score = tile.begin; score != tile.end; ++score) sum += std::exp((*score - max) * scale);
  return max * scale + std::log(sum);
}

/// max_gap.h, word for word: does this query need the tiles?
void vote_gaps(const ForwardPlan& plan, const TileRow& row, int64_t at,
               const std::vector<TileScores>& tiles, RowVerdict& verdict) {
  const bool is_carried = plan.carried.row_max != nullptr;
  double prev = is_carried ? plan.carried.row_max[at] : -kInfinity;
  for (size_t i = 0; i < tiles.size(); ++i) {
    const double loc = *std::max_element(tiles[i].begin, tiles[i].end);
    const bool is_first = i == 0 && !is_carried;
    // Without a number to compare with, the tile is needed.
    if (is_first || !(loc - prev <= plan.cuts[row.head].fp64)) verdict.is_needed[i] = 1;
    prev = std::max(prev, loc);
  }
}

struct MassVotes {
  std::vector<double> masses;  // kRowMaximum: largest share; kRowMean: sum over the rows
  int64_t num_rows = 0;        // kRowMean: rows that have a reference
};

/// mass.h, word for word: this query's part of the tiles' masses.
void vote_masses(const ForwardPlan& plan, int64_t at, const std::vector<double>& logs,
                 MassVotes& votes) {
  auto& masses = votes.masses;
  if (plan.verdicts == Verdicts::kRowMaximum) {
    double running = plan.carried.lse == nullptr ? -kInfinity : plan.carried.lse[at];
    for (size_t i = 0; i < logs.size(); ++i) {
      running = log_sum(running, logs[i]);
      const double share = std::exp(logs[i] - running);
      if (std::isnan(share) || share > masses[i]) masses[i] = share;
    }
    return;
  }
  if (plan.reference_lse == nullptr || !std::isfinite(plan.reference_lse[at])) return;
  ++votes.num_rows;
  // Clamped, so that an lse that jumped leaves a number.
  for (size_t i = 0; i < logs.size(); ++i) {
    masses[i] += std::exp(std::min(logs[i] - plan.reference_lse[at], 80.0));
  }
}

/// What the probed tiles of one query say of all that are dropped.
void estimate_lost(const ForwardPlan& plan, const VisitedTiles& visited,
                   const std::vector<double>& logs, RowVerdict& verdict) {
  double kept = -kInfinity, probed = -kInfinity;
  for (size_t i = 0; i < logs.size(); ++i) {
    double& side = visited.is_probe[i] ? probed : kept;
    side = log_sum(side, logs[i]);
  }
  const double lost = plan.probe_period * std::exp(probed - kept);
  if (!std::isfinite(lost)) return;
  verdict.lost += lost;
  ++verdict.lost_rows;
}

std::vector<float> finished_masses(const ForwardPlan& plan, const MassVotes& votes) {
  const auto& masses = votes.masses;
  if (plan.verdicts == Verdicts::kRowMaximum) return {masses.begin(), masses.end()};
  const double total = plan.is_normalised ? std::accumulate(masses.begin(), masses.end(), 0.0)
                                          : static_cast<double>(votes.num_rows);
  const bool has_reference = total > 0 && std::isfinite(total);
  std::vector<float> finished;
  for (const double mass : masses) {
    finished.push_back(has_reference ? static_cast<float>(mass / total) : 1.0f);
  }
  return finished;
}

void compute_tile_row(ForwardPlan& plan, int64_t index) {
  const TileRow row = tile_row(plan, index);
  VisitedTiles visited;
  list_visited_tiles(plan, row, visited);
  std::vector<int64_t> keys, tile_ends;
  for (const int64_t tile : visited.tiles) {
    const int64_t first = tile * plan.geometry.kv_tile;
    for (int64_t c = 0; c < tile_keys(plan, row.batch, tile); ++c) keys.push_back(first + c);
    tile_ends.push_back(static_cast<int64_t>(keys.size()));
  }
  RowVerdict verdict;
  if (plan.verdicts == Verdicts::kGap) verdict.is_needed.assign(tile_ends.size(), 0);
  MassVotes votes{std::vector<double>(tile_ends.size())};
  for (int64_t token = row.q_begin; token < row.q_end; ++token) {
    const std::vector<double> scores = row_scores(plan, row, token, keys);
    const std::vector<TileScores> tiles = split(scores, tile_ends);
    const int64_t at = plan.row_index(row.batch, row.head, token);
    if (plan.verdicts == Verdicts::kGap) {
      vote_gaps(plan, row, at, tiles, verdict);
    } else if (plan.verdicts != Verdicts::kNone) {
      std::vector<double> logs;
      for (const auto& tile : tiles) logs.push_back(log_sum(tile, plan.scale));
      vote_masses(plan, at, logs, votes);
      if (!visited.is_probe.empty()) estimate_lost(plan, visited, logs, verdict);
    }
    write_row(plan, row, token, keys, scores);
  }
  if (plan.verdicts > Verdicts::kGap) verdict.mass = finished_masses(plan, votes);
  finish_row(plan, row, visited, verdict);
}

}  // namespace

void reference_forward(ForwardPlan& plan) {
  plan.executor->parallel_for(plan.tile_rows(),
                              [&](int64_t index, int) { compute_tile_row(plan, index); });
}

}  // namespace tessera::attention
