// An independent answer for tests: attention over given tiles in fp64, and each tile's gap.
//
// It shares no code with the library, so that a mistake in the library's own bookkeeping (which
// tiles, which keys, in which order) shows.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {

using TileLists = std::vector<std::vector<int64_t>>;  // [B, Hq, Tq] lists in visiting order

/// What a call must visit, token by token, from the definitions in attention.h.
inline TileLists expected_visits(const Problem& problem, const SkipStateView& state,
                                 const SkipRequest& skip = {}) {
  const auto& spec = problem.spec;
  const int64_t kv_tile = state.field(HeaderField::kKvTile);
  const bool is_descending = state.field(HeaderField::kDirection) == 1;
  const int64_t q_tile = state.field(HeaderField::kQTile);
  const auto is_in = [](std::span<const TokenRange> ranges, int64_t head, int64_t q, int64_t k) {
    return std::any_of(ranges.begin(), ranges.end(), [&](auto r) {
      return r.begin <= k && k < r.end && r.q_begin <= q && q < r.q_end &&
             (r.head == -1 || r.head == head);
    });
  };
  TileLists lists;
  for (int64_t b = 0; b < spec.batch; ++b) {
    for (int64_t h = 0; h < spec.num_heads; ++h) {
      for (int64_t i = 0; i < state.bits_shape[2]; ++i) {
        auto& list = lists.emplace_back();
        for (int64_t j = 0; j * kv_tile < problem.kv_length(b); ++j) {
          bool any_kept = false, all_skipped = true;
          for (int64_t q = i * q_tile; q < std::min((i + 1) * q_tile, spec.q_len); ++q) {
            for (int64_t t = j * kv_tile; t < std::min((j + 1) * kv_tile, spec.kv_len); ++t) {
              any_kept |= is_in(skip.must_keep, h, q, t);
              all_skipped &= is_in(skip.must_skip, h, q, t);
            }
          }
          const bool is_kept = skip.step == StepKind::kDense || state.is_kept(b, h, i, j);
          if ((is_kept || any_kept) && !all_skipped) list.push_back(j);
        }
        if (is_descending) std::reverse(list.begin(), list.end());
      }
    }
  }
  return lists;
}

struct OracleAnswer {
  std::vector<double> out;  // [B, Lq, Hq, D]
  std::vector<double> lse;  // [B, Hq, Lq]
  /// [B, Hq, Tq] x visited tile: largest (loc - prev) of its real rows, unscaled; +inf for the
  /// first tile.
  std::vector<std::vector<double>> gaps;
};

inline OracleAnswer oracle(const Problem& p, TileGeometry tile, const TileLists& visits) {
  const auto& spec = p.spec;
  const int64_t q_tiles = tile_count(spec.q_len, tile.q_tile);
  const int64_t group = spec.num_heads / spec.num_kv_heads;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  OracleAnswer answer;
  answer.out.resize(spec.batch * spec.q_len * spec.num_heads * spec.head_dim);
  for (const auto& list : visits) answer.gaps.emplace_back(list.size(), -kInfinity);
  for (int64_t b = 0; b < spec.batch; ++b) {
    for (int64_t h = 0; h < spec.num_heads; ++h) {
      for (int64_t t = 0; t < spec.q_len; ++t) {
        const int64_t row = (b * spec.num_heads + h) * q_tiles + t / tile.q_tile;
        double prev = -kInfinity, total = 0;
        std::vector<double> sums(spec.head_dim);
        for (size_t n = 0; n < visits[row].size(); ++n) {
          const int64_t first = visits[row][n] * tile.kv_tile;
          double loc = -kInfinity;
          for (int64_t c = first; c < std::min(first + tile.kv_tile, p.kv_length(b)); ++c) {
            double score = 0;
            for (int64_t d = 0; d < spec.head_dim; ++d) {
              score += static_cast<double>(p.q.at(b, t, h, d)) * p.k.at(b, c, h / group, d);
            }
            loc = std::max(loc, score);
            // No maximum is taken out: test logits stay far below fp64's range.
            const double weight = std::exp(score * p.scale());
            total += weight;
            for (int64_t d = 0; d < spec.head_dim; ++d) {
              sums[d] += weight * p.v.at(b, c, h / group, d);
            }
          }
          answer.gaps[row][n] = std::max(answer.gaps[row][n], n == 0 ? kInfinity : loc - prev);
          prev = std::max(prev, loc);
        }
        answer.lse.push_back(std::log(total));  // log(0) = -inf
        for (int64_t d = 0; d < spec.head_dim; ++d) {
          answer.out[((b * spec.q_len + t) * spec.num_heads + h) * spec.head_dim + d] =
              total == 0 ? 0 : sums[d] / total;
        }
      }
    }
  }
  return answer;
}

}  // namespace tessera::attention::testing
