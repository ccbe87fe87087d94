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

/// Does any of the `rows` rows need the tile? `row_max` is before the tile.
HWY_INLINE bool any_row_needs_tile(const float* HWY_RESTRICT tile_max,
                                   const float* HWY_RESTRICT row_max, int64_t rows, float cut) {
  const Floats tag;
  const Vector limit = hn::Set(tag, cut);
  int64_t r = 0;
  for (; r + kLanes <= rows; r += kLanes) {
    const Vector gap = hn::Sub(hn::Load(tag, tile_max + r), hn::Load(tag, row_max + r));
    if (!hn::AllFalse(tag, hn::Gt(gap, limit))) return true;
  }
  for (; r < rows; ++r) {
    if (tile_max[r] - row_max[r] > cut) return true;
  }
  return false;
}

/// Raises the row maxima. `shift` is scale_log2 * maximum, before and after, and `rescale` what the
/// sums so far are multiplied by. Works on whole vectors of rows: all arrays reach to a multiple of
/// kLanes.
HWY_INLINE void raise_maxima(const float* HWY_RESTRICT tile_max, int64_t rows, float scale_log2,
                             float* HWY_RESTRICT row_max, float* HWY_RESTRICT shift,
                             float* HWY_RESTRICT rescale) {
  const Floats tag;
  const Vector scale = hn::Set(tag, scale_log2);
  for (int64_t r = 0; r < rows; r += kLanes) {
    const Vector before = hn::Load(tag, row_max + r);
    const Vector loc = hn::Load(tag, tile_max + r);
    // Not Max: a NaN in tile_max must get through.
    const Vector now = hn::IfThenElse(hn::Ge(before, loc), before, loc);
    const Vector new_shift = hn::Mul(now, scale);
    // Before the first tile the old shift is -inf and the sums are 0: the factor is 0.
    const Vector factor = exp2_nonpositive(hn::Sub(hn::Load(tag, shift + r), new_shift));
    hn::Store(now, tag, row_max + r);
    hn::Store(new_shift, tag, shift + r);
    hn::Store(factor, tag, rescale + r);
  }
}

/// Turns scores into weights 2^(scale_log2 * score - shift), in place, and adds them to `row_sum`.
HWY_INLINE void exponentiate(float* HWY_RESTRICT scores, int64_t columns, int64_t rows,
                             float scale_log2, const float* HWY_RESTRICT shift,
                             const float* HWY_RESTRICT rescale, float* HWY_RESTRICT row_sum) {
  const Floats tag;
  const Vector scale = hn::Set(tag, scale_log2);
  for (int64_t r = 0; r < rows; ++r, scores += columns) {
    const Vector row_shift = hn::Set(tag, shift[r]);
    Vector sum = hn::Mul(hn::Load(tag, row_sum + r * kLanes), hn::Set(tag, rescale[r]));
    for (int64_t c = 0; c < columns; c += kLanes) {
      const Vector weight =
          exp2_nonpositive(hn::MulSub(hn::Load(tag, scores + c), scale, row_shift));
      hn::Store(weight, tag, scores + c);
      sum = hn::Add(sum, weight);
    }
    hn::Store(sum, tag, row_sum + r * kLanes);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
