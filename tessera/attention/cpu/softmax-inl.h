// Online softmax of one block of rows, and the votes of max_gap.
//
// Per-target include, no #pragma once: forward.cc compiles this file once for each instruction set.
#if defined(TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_
#undef TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_
#else
#define TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "tessera/attention/cpu/products-inl.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// 2^x for x <= 0 (a little above is fine), relative error below 1.3 * 2^-24; 0 below 2^-126, a
/// NaN stays a NaN.
///
/// x = n + f with |f| <= 1/2; 2^f by the degree-6 polynomial with the least relative error (from
/// the Remez exchange; 0.03 * 2^-24 before the coefficients are rounded), and n goes into the
/// exponent. Degree 5 would cost 3.5 * 2^-24.
HWY_INLINE Vector exp2_nonpositive(Vector x) {
  const Floats tag;
  const hn::RebindToSigned<Floats> int_tag;
  const Vector n = hn::Round(x);
  const Vector f = hn::Sub(x, n);
  Vector p = hn::Set(tag, 1.53458124e-04f);
  p = hn::MulAdd(p, f, hn::Set(tag, 1.33999309e-03f));
  p = hn::MulAdd(p, f, hn::Set(tag, 9.61848907e-03f));
  p = hn::MulAdd(p, f, hn::Set(tag, 5.55032864e-02f));
  p = hn::MulAdd(p, f, hn::Set(tag, 2.40226462e-01f));
  p = hn::MulAdd(p, f, hn::Set(tag, 6.93147182e-01f));
  p = hn::MulAdd(p, f, hn::Set(tag, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(int_tag, n));
  const Vector power = hn::BitCast(tag, hn::Add(hn::BitCast(int_tag, p), exponent));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(tag, -126.0f)), power);
}

/// Largest score of each row.
HWY_INLINE void tile_maxima(const float* HWY_RESTRICT scores, int64_t columns, int64_t rows,
                            float* HWY_RESTRICT maxima) {
  const Floats tag;
  for (int64_t r = 0; r < rows; ++r, scores += columns) {
    Vector largest = hn::Load(tag, scores);
    for (int64_t c = kLanes; c < columns; c += kLanes) {
      largest = hn::Max(largest, hn::Load(tag, scores + c));
    }
    maxima[r] = hn::GetLane(hn::MaxOfLanes(tag, largest));
  }
}

/// Does any of the first `rows` rows need the tile? `row_max` is before the tile.
HWY_INLINE bool any_row_needs_tile(const float* HWY_RESTRICT tile_max,
                                   const float* HWY_RESTRICT row_max, int64_t rows, float cut) {
  bool is_needed = false;
  for (int64_t r = 0; r < rows; ++r) is_needed |= tile_max[r] - row_max[r] > cut;
  return is_needed;
}

/// Turns scores into weights 2^(scale_log2 * (score - new row maximum)), in place; updates
/// `row_max` and `row_sum` and says in `rescale` what the sums so far are multiplied by.
/// `rows` is a multiple of kLanes or all rows are padded to one.
HWY_INLINE void softmax_block(float* HWY_RESTRICT scores, int64_t columns, int64_t rows,
                              float scale_log2, const float* HWY_RESTRICT tile_max,
                              float* HWY_RESTRICT row_max, float* HWY_RESTRICT row_sum,
                              float* HWY_RESTRICT rescale) {
  const Floats tag;
  const Vector scale = hn::Set(tag, scale_log2);
  for (int64_t r = 0; r < rows; ++r) {
    const float before = row_max[r];
    // Not std::max: a NaN in tile_max must get through.
    const float now = before >= tile_max[r] ? before : tile_max[r];
    row_max[r] = now;
    const Vector shift = hn::Set(tag, now * scale_log2);
    Vector factor = hn::Set(tag, 1.0f);
    if (now != before) {
      factor = exp2_nonpositive(hn::Sub(hn::Set(tag, before * scale_log2), shift));
    }
    rescale[r] = hn::GetLane(factor);
    Vector sum = hn::Mul(hn::Load(tag, row_sum + r * kLanes), factor);
    float* row = scores + r * columns;
    for (int64_t c = 0; c < columns; c += kLanes) {
      const Vector weight = exp2_nonpositive(hn::MulSub(hn::Load(tag, row + c), scale, shift));
      hn::Store(weight, tag, row + c);
      sum = hn::Add(sum, weight);
    }
    hn::Store(sum, tag, row_sum + r * kLanes);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
