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

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
constexpr int64_t kLanes = hn::MaxLanes(Floats());

// The register block. A step of the inner loop loads kVectors vectors and broadcasts kRows
// numbers for kRows * kVectors multiply-adds. AVX-512 has 32 registers: 8 x 3 sums, 3 vectors and
// a broadcast. Others have 16: 6 x 2 sums, 2 vectors, a broadcast. Both leave more independent
// sums than the multiply-add's latency times its units (4 x 2).
#if HWY_TARGET <= HWY_AVX3
constexpr int64_t kRows = 8;
constexpr int64_t kVectors = 2;
#else
constexpr int64_t kRows = 6;
constexpr int64_t kVectors = 2;
#endif
constexpr int64_t kPanel = kVectors * kLanes;  // columns of one panel

/// sums[r][v] += a[r * a_stride + i] * panel[i][v] for i in [0, depth), in that order: one chain of
/// multiply-adds per sum. So a score's bits depend on neither the vector length nor the tiling.
HWY_INLINE void multiply_add_panel(const float* HWY_RESTRICT a, int64_t a_stride,
                                   const float* HWY_RESTRICT panel, int64_t depth,
                                   Vector (&sums)[kRows][kVectors]) {
  const Floats tag;
  for (int64_t i = 0; i < depth; ++i) {
    Vector columns[kVectors];
    for (int64_t v = 0; v < kVectors; ++v) columns[v] = hn::Load(tag, panel + v * kLanes);
    panel += kPanel;
    for (int64_t r = 0; r < kRows; ++r) {
      const Vector factor = hn::Set(tag, a[r * a_stride + i]);
      for (int64_t v = 0; v < kVectors; ++v) {
        sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
      }
    }
  }
}

/// scores[r][c] = sum over d of q[r][d] * keys[d][c] for kRows rows and one panel.
HWY_NOINLINE void score_block(const float* HWY_RESTRICT q, int64_t head_dim,
                              const float* HWY_RESTRICT key_panel, float* HWY_RESTRICT scores,
                              int64_t scores_stride) {
  const Floats tag;
  Vector sums[kRows][kVectors];
  for (auto& row : sums) {
    for (auto& sum : row) sum = hn::Zero(tag);
  }
  multiply_add_panel(q, head_dim, key_panel, head_dim, sums);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t v = 0; v < kVectors; ++v) {
      hn::Store(sums[r][v], tag, scores + r * scores_stride + v * kLanes);
    }
  }
}

/// out[r][c] = out[r][c] * rescale[r] + sum over keys of weights[r][key] * values[key][c].
HWY_NOINLINE void value_block(const float* HWY_RESTRICT weights, int64_t weights_stride,
                              const float* HWY_RESTRICT value_panel, int64_t num_keys,
                              const float* HWY_RESTRICT rescale, float* HWY_RESTRICT out,
                              int64_t out_stride) {
  const Floats tag;
  Vector sums[kRows][kVectors];
  for (int64_t r = 0; r < kRows; ++r) {
    const Vector factor = hn::Set(tag, rescale[r]);
    for (int64_t v = 0; v < kVectors; ++v) {
      sums[r][v] = hn::Mul(hn::Load(tag, out + r * out_stride + v * kLanes), factor);
    }
  }
  multiply_add_panel(weights, weights_stride, value_panel, num_keys, sums);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t v = 0; v < kVectors; ++v) {
      hn::Store(sums[r][v], tag, out + r * out_stride + v * kLanes);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
