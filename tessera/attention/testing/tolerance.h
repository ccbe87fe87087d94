// How far a back end may be from the truth. Derived in docs/numerics.md; the numbers below are its
// equations 1 to 9.
#pragma once

#include <algorithm>
#include <cmath>

#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {

struct Tolerance {
  double out_absolute = 0;
  double out_relative = 0;  // the output's own rounding
  double lse_absolute = 0;
  double lse_relative = 0;
  double gap = 0;   // delta: a mark may differ only where |gap - cut| is at most this, unscaled
  double mass = 0;  // relative, of a tile's mass by either estimate
  double mass_absolute = 0;  // what vanishes below fp32's range
};

/// For back ends that add in fp32. `problem.spec.dtype` is what `out` is rounded to.
inline Tolerance forward_tolerance(const Problem& problem, TileGeometry tile = kCpuTileGeometry) {
  constexpr double kU = 0x1p-24;
  const auto& spec = problem.spec;
  const auto walk = [](double n) { return std::min(n, 4 * std::sqrt(n)); };
  const double size = problem.q.max_norm() * problem.k.max_norm();  // >= any |score|
  const double logit = problem.scale() * size;
  const double tiles = std::ceil(static_cast<double>(spec.kv_len) / tile.kv_tile);
  // Eq. 1: a chain of D multiply-adds, worst case.
  const double score_error = (spec.head_dim + 1) * kU * size;
  // Eq. 2: a weight's logarithm.
  const double log_error =
      problem.scale() * walk(spec.head_dim + 1) * kU * size + 6 * kU * logit + 2 * kU;
  // Eq. 3: sums over keys, and one rescaling per tile.
  const double sum_error = (walk(static_cast<double>(spec.kv_len)) + 3 * walk(tiles) + 2) * kU;
  Tolerance tolerance;
  tolerance.out_absolute = problem.v.max_abs() * 2 * (log_error + sum_error);  // Eq. 4
  tolerance.out_relative = spec.dtype == DType::kBFloat16  ? 0x1.01p-8
                           : spec.dtype == DType::kFloat16 ? 0x1.01p-11
                                                           : kU;
  // fp16 without a leading one: half its last place.
  if (spec.dtype == DType::kFloat16) tolerance.out_absolute += 0x1p-25;
  tolerance.lse_absolute = log_error + sum_error;
  tolerance.lse_relative = kU;
  if (spec.rounds_weights) {  // Eq. 6
    tolerance.out_absolute += problem.v.max_abs() * (0x1.01p-9 + 2 * 0x1p-18);
    tolerance.out_absolute += static_cast<double>(spec.kv_len) * 0x1p-126;
    tolerance.lse_absolute += 0x1p-18;
  }
  tolerance.gap = 2 * score_error + 6 * kU * size;  // Eq. 5
  // Eq. 9, worst case throughout: it judges decisions.
  const double share_error = problem.scale() * score_error + 8 * kU * logit + 2 * kU +
                             (static_cast<double>(spec.kv_len) + 3 * tiles + 2) * kU +
                             (spec.rounds_weights ? 0x1p-18 : 0);
  tolerance.mass = 2 * share_error + 8 * kU;
  tolerance.mass_absolute = static_cast<double>(tile.kv_tile) * 0x1p-126;
  return tolerance;
}

}  // namespace tessera::attention::testing
