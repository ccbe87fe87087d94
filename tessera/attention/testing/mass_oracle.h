// An independent answer for tests of the policy `mass`: what is visited, what each tile holds, and
// which choices within a budget are right for masses that are off by a little.
//
// Like oracle.h it shares no code with the library. All sums are taken over exp of logits shifted
// by the row's largest, so that any scale is fine.
#pragma once

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tessera/attention/testing/oracle.h"
#include "tessera/core/random.h"

namespace tessera::attention::testing {

/// What one query gives to each tile of its head: weight[j] = sum over the keys of tile j of
/// exp(logit - shift). Tiles past the length hold 0.
struct QueryWeights {
  std::vector<double> weight;
  double shift = 0;  // the largest logit

  double sum() const { return std::accumulate(weight.begin(), weight.end(), 0.0); }
};

inline QueryWeights query_weights(const Problem& p, TileGeometry tile, int64_t b, int64_t h,
                                  int64_t token) {
  const auto& spec = p.spec;
  const int64_t length = p.kv_length(b);
  std::vector<double> logits;
  for (int64_t c = 0; c < length; ++c) {
    double score = 0;
    for (int64_t d = 0; d < spec.head_dim; ++d) {
      score += static_cast<double>(p.q.at(b, token, h, d)) *
               p.k.at(b, c, h / (spec.num_heads / spec.num_kv_heads), d);
    }
    logits.push_back(score * p.scale());
  }
  QueryWeights found{std::vector<double>(tile_count(spec.kv_len, tile.kv_tile))};
  if (length == 0) return found;
  found.shift = *std::max_element(logits.begin(), logits.end());
  for (int64_t c = 0; c < length; ++c) {
    found.weight[c / tile.kv_tile] += std::exp(logits[c] - found.shift);
  }
  return found;
}

/// All queries: [B, Hq, Lq].
inline std::vector<QueryWeights> all_weights(const Problem& p, TileGeometry tile) {
  std::vector<QueryWeights> all;
  for (int64_t b = 0; b < p.spec.batch; ++b) {
    for (int64_t h = 0; h < p.spec.num_heads; ++h) {
      for (int64_t t = 0; t < p.spec.q_len; ++t) all.push_back(query_weights(p, tile, b, h, t));
    }
  }
  return all;
}

/// One row of tiles (b, h, q tile) as the oracle sees it.
struct OracleRow {
  int64_t b = 0, h = 0, i = 0;
  std::vector<int64_t> queries = {};  // into [B, Hq, Lq]
  std::vector<int64_t> tiles;         // in visiting order
  std::vector<bool> is_probe = {};    // of each visited tile
};

/// What a call with this policy must visit, row by row: the kept tiles as in oracle.h, then the
/// dropped ones whose turn it is, in the same direction.
inline std::vector<OracleRow> expected_rows(const Problem& p, const SkipStateView& state,
                                            const SkipRequest& skip) {
  const MassPolicy& policy = std::get<MassPolicy>(skip.policy);
  const int64_t period = skip.step == StepKind::kDense ? 0 : policy.probe_period;
  SkipRequest every = skip;
  every.step = StepKind::kDense;
  const TileLists kept = expected_visits(p, state, skip), all = expected_visits(p, state, every);
  std::vector<OracleRow> rows;
  for (size_t r = 0; r < kept.size(); ++r) {
    const auto n = static_cast<int64_t>(r);
    const int64_t q_tiles = state.bits_shape[2], q_tile = state.field(HeaderField::kQTile);
    OracleRow row{.b = n / q_tiles / p.spec.num_heads,
                  .h = n / q_tiles % p.spec.num_heads,
                  .i = n % q_tiles,
                  .tiles = kept[r]};
    for (int64_t t = row.i * q_tile; t < std::min((row.i + 1) * q_tile, p.spec.q_len); ++t) {
      row.queries.push_back((row.b * p.spec.num_heads + row.h) * p.spec.q_len + t);
    }
    row.is_probe.assign(row.tiles.size(), false);
    // The phase is mixed by SplitMix64 from the seed, the generation, the row and the step.
    const uint64_t of_film = Random(policy.probe_seed).next() ^
                             static_cast<uint64_t>(state.field(HeaderField::kGeneration));
    const uint64_t of_row = Random(Random(of_film).next() ^ r).next();
    const uint64_t seed = of_row + static_cast<uint64_t>(state.field(HeaderField::kStep));
    for (const int64_t j : all[r]) {
      const bool is_kept = std::find(kept[r].begin(), kept[r].end(), j) != kept[r].end();
      if (period == 0 || is_kept) continue;
      if (static_cast<int64_t>(Random(seed).next() % period) != j % period) continue;
      row.tiles.push_back(j);
      row.is_probe.push_back(true);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// kRowMaximum: the largest share of each visited tile in what the row has seen so far.
/// `carried` [B, Hq, Lq], natural log, or null.
inline std::vector<double> largest_shares(const OracleRow& row,
                                          const std::vector<QueryWeights>& weights,
                                          const float* carried = nullptr) {
  std::vector<double> masses(row.tiles.size());
  for (const int64_t query : row.queries) {
    const auto& w = weights[query];
    double seen = carried == nullptr ? 0 : std::exp(carried[query] - w.shift);
    for (size_t n = 0; n < row.tiles.size(); ++n) {
      seen += w.weight[row.tiles[n]];
      masses[n] = std::max(masses[n], w.weight[row.tiles[n]] / seen);
    }
  }
  return masses;
}

/// kRowMean against `reference` [B, Hq, Lq], natural log; all 1 if no row has one.
inline std::vector<double> mean_shares(const OracleRow& row,
                                       const std::vector<QueryWeights>& weights,
                                       const float* reference, bool is_normalised = true) {
  std::vector<double> masses(row.tiles.size());
  int64_t rows = 0;
  for (const int64_t query : row.queries) {
    if (!std::isfinite(reference[query])) continue;
    ++rows;
    for (size_t n = 0; n < row.tiles.size(); ++n) {
      masses[n] += weights[query].weight[row.tiles[n]] *
                   std::exp(weights[query].shift - static_cast<double>(reference[query]));
    }
  }
  if (rows == 0) return std::vector<double>(row.tiles.size(), 1.0);
  const double total = is_normalised ? std::accumulate(masses.begin(), masses.end(), 0.0)
                                     : static_cast<double>(rows);
  for (double& mass : masses) mass /= total;
  return masses;
}

/// eps_t by the formula of mass.h.
inline double expected_budget(const MassPolicy& policy, const SkipStateView& state, int64_t head) {
  const double step = state.field(HeaderField::kStep);
  const double steps = state.field(HeaderField::kTotalSteps);
  if (!policy.budgets.values.empty()) {
    const auto& table = policy.budgets;
    const auto row = table.steps == 1 ? 0 : static_cast<int64_t>(step);
    return table.values[row * table.heads + (table.heads == 1 ? 0 : head)];
  }
  if (policy.growth == BudgetGrowth::kConstant) return policy.budget;
  return policy.budget * 2 * (step + 1) / (steps + 1);
}

/// How a set of dropped tiles relates to the budget, when every mass may be off by a factor in
/// [1 / (1 + delta), 1 + delta] and by `absolute`.
struct ChoiceJudgement {
  bool is_valid = true;       // right for some masses within delta
  int64_t undecided = 0;      // tiles that may go or stay within delta
  int64_t wrong_decided = 0;  // tiles that must go and stayed, or must stay and went
};

/// `masses` of the candidates, and which of them went.
inline ChoiceJudgement judge_choice(const std::vector<double>& masses,
                                    const std::vector<bool>& is_gone, double spent, double budget,
                                    double delta, double absolute = 0) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto low = [&](double mass) { return std::max(0.0, mass / (1 + delta) - absolute); };
  const auto high = [&](double mass) { return mass * (1 + delta) + absolute; };
  ChoiceJudgement judged;
  double heaviest_gone = -1, lightest_stays = kInfinity, gone_low = spent, gone_high = spent;
  for (size_t n = 0; n < masses.size(); ++n) {
    if (is_gone[n]) {
      heaviest_gone = std::max(heaviest_gone, low(masses[n]));
      gone_low += low(masses[n]);
      gone_high += high(masses[n]);
    } else {
      lightest_stays = std::min(lightest_stays, high(masses[n]));
    }
    // All that may come before this tile, and all that must.
    double most = spent + high(masses[n]), least = spent + low(masses[n]);
    for (size_t m = 0; m < masses.size(); ++m) {
      if (m == n) continue;
      if (low(masses[m]) <= high(masses[n])) most += high(masses[m]);
      if (high(masses[m]) < low(masses[n])) least += low(masses[m]);
    }
    const bool must_go = most <= budget, must_stay = least > budget;
    judged.undecided += !must_go && !must_stay;
    judged.wrong_decided += (must_go && !is_gone[n]) || (must_stay && is_gone[n]);
  }
  const bool is_any_gone = heaviest_gone >= 0;
  judged.is_valid = heaviest_gone <= lightest_stays && (!is_any_gone || gone_low <= budget) &&
                    gone_high + lightest_stays > budget;
  return judged;
}

}  // namespace tessera::attention::testing
