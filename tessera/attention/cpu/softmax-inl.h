// Online softmax of one block of rows, and the verdicts of the policies. One lane is one row.
//
// Per-target include, no #pragma once: kernels.cc compiles this file once for each instruction set.
#if defined(TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_
#undef TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_
#else
#define TESSERA_ATTENTION_CPU_SOFTMAX_INL_H_
#endif

#include "tessera/attention/cpu/products-inl.h"

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {

/// 2^x, relative error below 1.3 * 2^-24 for x in [-126, 126]; below that next to 0 (0, or with
/// AVX-512 perhaps a denormal number), 0 for -inf; a NaN stays a NaN.
///
/// x = n + f with |f| <= 1/2; 2^f by the degree-6 polynomial with the least relative error (from
/// the Remez exchange; 0.03 * 2^-24 before the coefficients are rounded), and n goes into the
/// exponent. Degree 5 would cost 3.5 * 2^-24.
HWY_INLINE Vector exp2(Vector x) {
  const Floats tag;
  const Vector n = hn::Round(x);
#if HWY_TARGET <= HWY_AVX3
  // Two instructions that Highway 1.0.3 lacks save 3 % of the whole at head_dim 64.
  const Vector f{_mm512_reduce_ps(x.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
#else
  const Vector f = hn::Sub(x, n);
#endif
  Vector p = hn::Set(tag, 1.53458124e-04f);
  p = hn::MulAdd(p, f, hn::Set(tag, 1.33999309e-03f));
  p = hn::MulAdd(p, f, hn::Set(tag, 9.61848907e-03f));
  p = hn::MulAdd(p, f, hn::Set(tag, 5.55032864e-02f));
  p = hn::MulAdd(p, f, hn::Set(tag, 2.40226462e-01f));
  p = hn::MulAdd(p, f, hn::Set(tag, 6.93147182e-01f));
  p = hn::MulAdd(p, f, hn::Set(tag, 1.0f));
#if HWY_TARGET <= HWY_AVX3
  return Vector{_mm512_scalef_ps(p.raw, n.raw)};
#else
  const hn::RebindToSigned<Floats> int_tag;
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(int_tag, n));
  const Vector power = hn::BitCast(tag, hn::Add(hn::BitCast(int_tag, p), exponent));
  // Neither: a NaN, to whose bits no exponent may be added.
  const Vector least = hn::Set(tag, -126.0f);
  return hn::IfThenElse(hn::Ge(x, least), power, hn::IfThenZeroElse(hn::Lt(x, least), x));
#endif
}

/// min(x, limit), but a NaN stays one.
HWY_INLINE Vector limited(Vector x, float limit) {
  const Vector most = hn::Set(Floats(), limit);
  return hn::IfThenElse(hn::Gt(x, most), most, x);
}

/// All lanes whose row, counted from `first`, is real.
HWY_INLINE hn::Mask<Floats> real_rows(const RowBlock& block, int64_t first) {
  const int64_t left = HWY_MAX(block.real_rows - first, int64_t{0});
  return hn::FirstN(Floats(), static_cast<size_t>(HWY_MIN(left, kLanes)));
}

bool is_needed(const RowBlock& block, float cut) {
  const Floats tag;
  const Vector limit = hn::Set(tag, cut);
  for (int64_t r = 0; r < block.real_rows; r += kLanes) {
    const Vector found = hn::Load(tag, block.row_max + r);
    const Vector carried = hn::Load(tag, block.carried_max + r);
    // Not Max: a NaN in either must leave the tile needed.
    const Vector before = hn::IfThenElse(hn::Ge(found, carried), found, carried);
    const Vector gap = hn::Sub(hn::Load(tag, block.tile_max + r), before);
    // Not Gt: without a number to compare with, the tile is needed.
    const auto needs = hn::Not(hn::Le(gap, limit));
    if (!hn::AllFalse(tag, hn::And(needs, real_rows(block, r)))) return true;
  }
  return false;
}

void raise_maxima(const RowBlock& block, float scale_log2) {
  const Floats tag;
  const Vector scale = hn::Set(tag, scale_log2);
  for (int64_t r = 0; r < block.rows; r += kLanes) {
    const Vector before = hn::Load(tag, block.row_max + r);
    const Vector loc = hn::Load(tag, block.tile_max + r);
    // Not Max: a NaN in tile_max must get through.
    const Vector now = hn::IfThenElse(hn::Ge(before, loc), before, loc);
    const Vector new_shift = hn::Mul(now, scale);
    // Before the first tile the old shift is -inf and the sums are 0: the factor is 0.
    const Vector factor = exp2(hn::Sub(hn::Load(tag, block.row_shift + r), new_shift));
    hn::Store(now, tag, block.row_max + r);
    hn::Store(new_shift, tag, block.row_shift + r);
    hn::Store(factor, tag, block.rescale + r);
  }
}

/// kWidth vectors of rows: scores to weights in place, and their sums.
template <int64_t kWidth>
HWY_INLINE void exponentiate_panel(float* HWY_RESTRICT scores, int64_t stride, int64_t num_keys,
                                   float scale_log2, const float* HWY_RESTRICT shift,
                                   float* HWY_RESTRICT tile_sum) {
  const Floats tag;
  const Vector scale = hn::Set(tag, scale_log2);
  Vector shifts[kWidth], sums[kWidth];
  TESSERA_UNROLL
  for (int64_t v = 0; v < kWidth; ++v) {
    shifts[v] = hn::Load(tag, shift + v * kLanes);
    sums[v] = hn::Zero(tag);
  }
  for (int64_t key = 0; key < num_keys; ++key, scores += stride) {
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) {
      float* at = scores + v * kLanes;
      const Vector weight = exp2(hn::MulSub(hn::Load(tag, at), scale, shifts[v]));
      hn::Store(weight, tag, at);
      sums[v] = hn::Add(sums[v], weight);
    }
  }
  TESSERA_UNROLL
  for (int64_t v = 0; v < kWidth; ++v) hn::Store(sums[v], tag, tile_sum + v * kLanes);
}

/// sums = sums * rescale + share * tile_sum.
HWY_INLINE void add_tile_sum(const RowBlock& block, float share, float* HWY_RESTRICT sums) {
  const Floats tag;
  const Vector factor = hn::Set(tag, share);
  for (int64_t r = 0; r < block.rows; r += kLanes) {
    const Vector before = hn::Mul(hn::Load(tag, sums + r), hn::Load(tag, block.rescale + r));
    hn::Store(hn::MulAdd(factor, hn::Load(tag, block.tile_sum + r), before), tag, sums + r);
  }
}

void exponentiate(const Layout& layout, const RowBlock& block, int64_t num_keys, float scale_log2) {
  // Two independent chains of additions a key hide one's latency behind the other's exponential.
  constexpr int64_t kWidth = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
  int64_t r = 0;
  for (; r + kWidth * kLanes <= block.rows; r += kWidth * kLanes) {
    exponentiate_panel<kWidth>(block.scores + r, layout.block_rows, num_keys, scale_log2,
                               block.row_shift + r, block.tile_sum + r);
  }
  for (; r < block.rows; r += kLanes) {
    exponentiate_panel<1>(block.scores + r, layout.block_rows, num_keys, scale_log2,
                          block.row_shift + r, block.tile_sum + r);
  }
  add_tile_sum(block, 1.0f, block.row_sum);
}

float largest_share(const RowBlock& block, float so_far) {
  const Floats tag;
  Vector largest = hn::Set(tag, so_far);
  for (int64_t r = 0; r < block.real_rows; r += kLanes) {
    Vector all = hn::Load(tag, block.row_sum + r);
    if (block.reference != nullptr) {
      // Far above the sums so far, the carried part may be anything: the share is next to nothing.
      const Vector carried =
          hn::Sub(hn::Load(tag, block.reference + r), hn::Load(tag, block.row_shift + r));
      all = hn::Add(all, exp2(limited(carried, 120.0f)));
    }
    const Vector share =
        hn::IfThenElseZero(real_rows(block, r), hn::Div(hn::Load(tag, block.tile_sum + r), all));
    // Once a lane is NaN, it stays.
    const auto stays = hn::Or(hn::Le(share, largest), hn::IsNaN(largest));
    largest = hn::IfThenElse(stays, largest, share);
  }
  if (!hn::AllFalse(tag, hn::IsNaN(largest))) return std::numeric_limits<float>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(tag, largest));
}

float referred_sum(const RowBlock& block) {
  const Floats tag;
  Vector sum = hn::Zero(tag);
  for (int64_t r = 0; r < block.real_rows; r += kLanes) {
    const Vector reference = hn::Load(tag, block.reference + r);
    // Both limits only matter where a log-sum-exp jumped by more than e^80, and leave a number.
    const Vector factor =
        exp2(limited(hn::Sub(hn::Load(tag, block.row_shift + r), reference), 120.0f));
    const Vector mass = limited(hn::Mul(hn::Load(tag, block.tile_sum + r), factor), 5.54e34f);
    const auto counts = hn::And(real_rows(block, r), hn::IsFinite(reference));
    sum = hn::Add(sum, hn::IfThenElseZero(counts, mass));
  }
  return hn::GetLane(hn::SumOfLanes(tag, sum));
}

void split_sum(const RowBlock& block, bool is_probe) {
  add_tile_sum(block, is_probe ? 0.0f : 1.0f, block.kept_sum);
  add_tile_sum(block, is_probe ? 1.0f : 0.0f, block.probed_sum);
}

void log_sum_exp(const float* shift, const float* sum, int64_t count, float* lse) {
  // Vectors of fp64, and as many fp32.
  const hn::ScalableTag<double> wide_tag;
  const hn::Rebind<float, decltype(wide_tag)> tag;
  constexpr int64_t kWide = hn::MaxLanes(hn::ScalableTag<double>());
  const auto ln2 = hn::Set(wide_tag, 0.6931471805599453);
  for (int64_t r = 0; r < count; r += kWide) {
    const auto sums = hn::PromoteTo(wide_tag, hn::LoadU(tag, sum + r));
    const auto shifts = hn::PromoteTo(wide_tag, hn::LoadU(tag, shift + r));
    // Not every target's Log gives a NaN for a NaN.
    const auto logs = hn::IfThenElse(hn::IsNaN(sums), sums, hn::Log(wide_tag, sums));
    hn::StoreU(hn::DemoteTo(tag, hn::MulAdd(shifts, ln2, logs)), tag, lse + r);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
