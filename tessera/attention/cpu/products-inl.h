// Matrix products in registers: a block of rows times a panel of columns.
//
// Per-target include, no #pragma once: kernels.cc compiles this file once for each instruction set.
#if defined(TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_
#undef TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_
#else
#define TESSERA_ATTENTION_CPU_PRODUCTS_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "tessera/attention/cpu/row_block.h"

#include "hwy/cache_control.h"
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
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// The register blocks: a step of the inner loop loads kVectors vectors and broadcasts kRows numbers
// for kRows * kVectors multiply-adds. Each has more independent sums than the latency of a
// multiply-add times its units (4 x 2), and fits: AVX-512 has 32 registers, others 16.
// Measured against other shapes: docs/attention/cpu.md, "Speed".
#if HWY_TARGET <= HWY_AVX3
constexpr int64_t kScoreRows = 4, kScoreVectors = 4;
constexpr int64_t kValueRows = 4, kValueVectors = 4;
#elif HWY_TARGET <= HWY_AVX2
constexpr int64_t kScoreRows = 4, kScoreVectors = 3;
constexpr int64_t kValueRows = 4, kValueVectors = 3;
#else
constexpr int64_t kScoreRows = 4, kScoreVectors = 4;
constexpr int64_t kValueRows = 4, kValueVectors = 2;
#endif

/// sums[r][v] += a[i * a_step + r] * panel[i][v] for i in [0, depth), in that order: one chain of
/// multiply-adds per sum. So a score's bits depend on neither the vector length nor the tiling.
/// Prefetches a line in every fourth step.
template <int64_t kRows, int64_t kWidth>
HWY_INLINE void multiply_add_panel(const float* HWY_RESTRICT a, int64_t a_step,
                                   const float* HWY_RESTRICT panel, int64_t depth, Lines lines,
                                   Vector (&sums)[kRows][kWidth]) {
  const Floats tag;
  for (int64_t i = 0; i < depth; ++i, a += a_step, panel += kWidth * kLanes) {
    if (i % 4 == 0) {
      hwy::Prefetch(lines.at);
      lines.at += lines.stride;
    }
    Vector columns[kWidth];
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) columns[v] = hn::Load(tag, panel + v * kLanes);
    TESSERA_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      const Vector factor = hn::Set(tag, a[r]);
      TESSERA_UNROLL
      for (int64_t v = 0; v < kWidth; ++v) {
        sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
      }
    }
  }
}

template <int64_t kRows, int64_t kWidth>
HWY_INLINE void store_block(const Vector (&sums)[kRows][kWidth], float* HWY_RESTRICT to,
                            int64_t stride) {
  const Floats tag;
  TESSERA_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) hn::Store(sums[r][v], tag, to + r * stride + v * kLanes);
  }
}

/// One group of keys against one panel of queries. The first `num_keys` keys raise `maxima`.
template <int64_t kWidth>
HWY_NOINLINE void score_group(const float* HWY_RESTRICT keys, int64_t depth,
                              const float* HWY_RESTRICT panel, Lines lines, int64_t num_keys,
                              float* HWY_RESTRICT scores, int64_t stride,
                              float* HWY_RESTRICT maxima) {
  const Floats tag;
  Vector sums[kScoreRows][kWidth];
  TESSERA_UNROLL
  for (int64_t r = 0; r < kScoreRows; ++r) {
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) sums[r][v] = hn::Zero(tag);
  }
  multiply_add_panel(keys, kScoreRows, panel, depth, lines, sums);
  store_block(sums, scores, stride);
  TESSERA_UNROLL
  for (int64_t v = 0; v < kWidth; ++v) {
    Vector largest = hn::Load(tag, maxima + v * kLanes);
    TESSERA_UNROLL
    for (int64_t r = 0; r < kScoreRows; ++r) {
      if (r < num_keys) largest = hn::Max(largest, sums[r][v]);
    }
    hn::Store(largest, tag, maxima + v * kLanes);
  }
}

/// kValueRows rows of out, one panel of columns: out * rescale + weights^T values.
template <int64_t kWidth>
HWY_NOINLINE void value_block(const float* HWY_RESTRICT weights, int64_t weights_stride,
                              const float* HWY_RESTRICT panel, int64_t num_keys, Lines lines,
                              const float* HWY_RESTRICT rescale, float* HWY_RESTRICT out,
                              int64_t stride) {
  const Floats tag;
  Vector sums[kValueRows][kWidth];
  TESSERA_UNROLL
  for (int64_t r = 0; r < kValueRows; ++r) {
    const Vector factor = hn::Set(tag, rescale[r]);
    TESSERA_UNROLL
    for (int64_t v = 0; v < kWidth; ++v) {
      sums[r][v] = hn::Mul(hn::Load(tag, out + r * stride + v * kLanes), factor);
    }
  }
  multiply_add_panel(weights, weights_stride, panel, num_keys, lines, sums);
  store_block(sums, out, stride);
}

void score_tile(const Layout& layout, const RowBlock& block, const float* keys, int64_t num_keys,
                Ahead ahead) {
  constexpr decltype(&score_group<1>) kGroups[] = {score_group<1>, score_group<2>,
                                                   score_group<HWY_MIN(3, kScoreVectors)>,
                                                   score_group<kScoreVectors>};
  constexpr int64_t kPanel = kScoreVectors * kLanes;
  const int64_t depth = layout.depth;
  for (int64_t r = 0; r < block.rows; ++r) block.tile_max[r] = kMinusInfinity;
  for (int64_t panel = 0; panel < block.rows; panel += kPanel) {
    const auto group = kGroups[HWY_MIN((block.rows - panel) / kLanes, kScoreVectors) - 1];
    const float* queries = block.q + panel * depth;
    for (int64_t key = 0; key < num_keys; key += kScoreRows) {
      const Lines lines = next_lines(ahead, depth, queries);
      group(keys + key * depth, depth, queries, lines, num_keys - key,
            block.scores + key * layout.block_rows + panel, layout.block_rows,
            block.tile_max + panel);
    }
  }
}

void add_values(const Layout& layout, const RowBlock& block, const float* values, int64_t num_keys,
                Ahead ahead) {
  constexpr decltype(&value_block<1>) kBlocks[] = {value_block<1>, value_block<2>,
                                                   value_block<HWY_MIN(3, kValueVectors)>,
                                                   value_block<kValueVectors>};
  constexpr int64_t kPanel = kValueVectors * kLanes;
  for (int64_t c = 0; c < layout.out_columns; c += kPanel) {
    const auto multiply = kBlocks[HWY_MIN((layout.out_columns - c) / kLanes, kValueVectors) - 1];
    const float* panel = values + c * layout.value_rows;
    for (int64_t r = 0; r < block.rows; r += kValueRows) {
      const Lines lines = next_lines(ahead, num_keys, panel);
      multiply(block.scores + r, layout.block_rows, panel, num_keys, lines, block.rescale + r,
               block.out + r * layout.out_columns + c, layout.out_columns);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
