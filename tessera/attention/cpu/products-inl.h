// Matrix products in registers: a block of rows times a panel of columns.
//
// Per-target include, no #pragma once: forward.cc compiles this file once for each instruction set.
#if defined(TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_
#undef TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_
#else
#define TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

// Without it GCC 12 keeps the array of sums in memory around the inner loop, 3 % of the whole.
#undef TESSERA_UNROLL
#define TESSERA_UNROLL _Pragma("GCC unroll 16")

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
constexpr int64_t kLanes = hn::MaxLanes(Floats());

// The register block: a step of the inner loop loads kVectors vectors and broadcasts kRows numbers
// for kRows * kVectors multiply-adds. Both shapes have more independent sums than the latency of a
// multiply-add times its units (4 x 2), and fit: AVX-512 has 32 registers, others 16.
// Measured against other shapes: docs/attention/cpu.md, "Speed".
#if HWY_TARGET <= HWY_AVX3
constexpr int64_t kRows = 4;
constexpr int64_t kVectors = 4;
#else
constexpr int64_t kRows = 6;
constexpr int64_t kVectors = 2;
#endif

// Packed columns come in panels of kPanel; the last panel has as many vectors as are left. So a
// panel that starts at column c lies at c * depth in both cases.
constexpr int64_t kPanel = kVectors * kLanes;

/// sums[r][v] += a[r * a_stride + i] * panel[i][v] for i in [0, depth), in that order: one chain of
/// multiply-adds per sum. So a score's bits depend on neither the vector length nor the tiling.
template <int64_t kWidth>
HWY_INLINE void multiply_add_panel(const float* HWY_RESTRICT a, int64_t a_stride,
                                   const float* HWY_RESTRICT panel, int64_t depth,
                                   Vector (&sums)[kRows][kWidth]) {
  const Floats tag;
  for (int64_t i = 0; i < depth; ++i) {
    Vector columns[kWidth];
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) columns[v] = hn::Load(tag, panel + v * kLanes);
    panel += kWidth * kLanes;
    TESSERA_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      const Vector factor = hn::Set(tag, a[r * a_stride + i]);
      TESSERA_UNROLL
      for (int64_t v = 0; v < kWidth; ++v) {
        sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
      }
    }
  }
}

template <int64_t kWidth>
HWY_INLINE void store_block(const Vector (&sums)[kRows][kWidth], float* HWY_RESTRICT to,
                            int64_t stride) {
  const Floats tag;
  TESSERA_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) hn::Store(sums[r][v], tag, to + r * stride + v * kLanes);
  }
}

/// scores[r][c] = sum over d of q[r][d] * keys[d][c] for kRows rows and one panel.
template <int64_t kWidth>
HWY_NOINLINE void score_block(const float* HWY_RESTRICT q, int64_t head_dim,
                              const float* HWY_RESTRICT key_panel, float* HWY_RESTRICT scores,
                              int64_t stride) {
  const Floats tag;
  Vector sums[kRows][kWidth];
  TESSERA_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) sums[r][v] = hn::Zero(tag);
  }
  multiply_add_panel(q, head_dim, key_panel, head_dim, sums);
  store_block(sums, scores, stride);
}

/// out[r][c] = out[r][c] * rescale[r] + sum over keys of weights[r][key] * values[key][c].
template <int64_t kWidth>
HWY_NOINLINE void value_block(const float* HWY_RESTRICT weights, int64_t weights_stride,
                              const float* HWY_RESTRICT value_panel, int64_t num_keys,
                              const float* HWY_RESTRICT rescale, float* HWY_RESTRICT out,
                              int64_t stride) {
  const Floats tag;
  Vector sums[kRows][kWidth];
  TESSERA_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    const Vector factor = hn::Set(tag, rescale[r]);
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) {
      sums[r][v] = hn::Mul(hn::Load(tag, out + r * stride + v * kLanes), factor);
    }
  }
  multiply_add_panel(weights, weights_stride, value_panel, num_keys, sums);
  store_block(sums, out, stride);
}

using ScoreBlock = decltype(&score_block<1>);
using ValueBlock = decltype(&value_block<1>);

/// The block for a panel of `columns` columns, a multiple of kLanes up to kPanel.
HWY_INLINE ScoreBlock score_block_for(int64_t columns) {
  constexpr ScoreBlock kBlocks[] = {score_block<1>, score_block<2>,
                                    score_block<HWY_MIN(3, kVectors)>, score_block<kVectors>};
  return kBlocks[HWY_MIN(columns / kLanes, kVectors) - 1];
}

HWY_INLINE ValueBlock value_block_for(int64_t columns) {
  constexpr ValueBlock kBlocks[] = {value_block<1>, value_block<2>,
                                    value_block<HWY_MIN(3, kVectors)>, value_block<kVectors>};
  return kBlocks[HWY_MIN(columns / kLanes, kVectors) - 1];
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
