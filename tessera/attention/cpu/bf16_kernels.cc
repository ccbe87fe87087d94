// Compiled for AVX-512 BF16 whatever the rest of the program is compiled for. So this file includes
// nothing with inline functions that other files could share: the linker might keep this copy.
#include "tessera/attention/cpu/bf16_kernels.h"

#include <immintrin.h>

namespace tessera::attention::cpu::bf16 {
namespace {

constexpr int64_t kLanes = 16;  // words of a register

// The register blocks, as products-inl.h: 16 sums hide the dot product's latency of 6.
constexpr int64_t kScoreRows = kSizes.key_group, kScoreVectors = kSizes.query_panel / kLanes;
constexpr int64_t kValueRows = 4, kValueVectors = kSizes.value_panel / kLanes;

/// 16 lanes of two bf16 each, one pair everywhere.
inline __m512bh broadcast_word(const float* word) {
  int32_t bits;
  __builtin_memcpy(&bits, word, sizeof(bits));
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(bits));
}

inline __m512bh load_words(const float* from) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
}

/// sums[r][v] += a[i][r] . panel[i][v] for all words i, in that order; a line is prefetched in
/// every fourth step.
template <int kRows, int kWidth>
inline void add_dot_products(const float* a, int64_t a_step, const float* panel, int64_t depth,
                             Lines lines, __m512 (&sums)[kRows][kWidth]) {
  for (int64_t i = 0; i < depth; ++i, a += a_step, panel += kWidth * kLanes) {
    if (i % 4 == 0) {
      _mm_prefetch(lines.at, _MM_HINT_T0);
      lines.at += lines.stride;
    }
    __m512bh columns[kWidth];
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) columns[v] = load_words(panel + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512bh factor = broadcast_word(a + r);
#pragma GCC unroll 4
      for (int v = 0; v < kWidth; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], factor, columns[v]);
      }
    }
  }
}

template <int kRows, int kWidth>
inline void store_block(const __m512 (&sums)[kRows][kWidth], float* to, int64_t stride) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) _mm512_storeu_ps(to + r * stride + v * kLanes, sums[r][v]);
  }
}

template <int kWidth>
void score_group(const float* keys, int64_t depth, const float* panel, Lines lines,
                 int64_t num_keys, float* scores, int64_t stride, float* maxima) {
  __m512 sums[kScoreRows][kWidth];
#pragma GCC unroll 8
  for (int r = 0; r < kScoreRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  add_dot_products(keys, kScoreRows, panel, depth, lines, sums);
  store_block(sums, scores, stride);
#pragma GCC unroll 4
  for (int v = 0; v < kWidth; ++v) {
    __m512 largest = _mm512_loadu_ps(maxima + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kScoreRows; ++r) {
      if (r < num_keys) largest = _mm512_max_ps(largest, sums[r][v]);
    }
    _mm512_storeu_ps(maxima + v * kLanes, largest);
  }
}

template <int kWidth>
void value_block(const float* weights, int64_t weights_stride, const float* panel, int64_t depth,
                 Lines lines, const float* rescale, float* out, int64_t stride) {
  __m512 sums[kValueRows][kWidth];
#pragma GCC unroll 4
  for (int r = 0; r < kValueRows; ++r) {
    const __m512 factor = _mm512_set1_ps(rescale[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) {
      sums[r][v] = _mm512_mul_ps(_mm512_loadu_ps(out + r * stride + v * kLanes), factor);
    }
  }
  add_dot_products(weights, weights_stride, panel, depth, lines, sums);
  store_block(sums, out, stride);
}

/// 2^x for x <= 0; 0 for -inf, NaN for NaN.
///
/// Weights are rounded to bf16 (2^-9), but their sum is kept in fp32 and gives the log-sum-exp, so
/// 2^f for f in [0, 1) is the quartic with the least relative error, 2^-18.5 (Remez exchange).
inline __m512 exp2_nonpositive(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 p = _mm512_set1_ps(1.353416778e-02f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.201146007e-02f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.414427549e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.930038333e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.000002623e+00f));
  return _mm512_scalef_ps(p, x);
}

/// The weights of two keys as words, one row a word, the first key in the lower half.
inline __m512i paired(__m512 first, __m512 second) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order,
                                  reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

/// kWidth vectors of rows. Word row i is written after score rows 2i and 2i + 1 were read, so the
/// weights may lie over the scores.
template <int kWidth>
inline void exponentiate_panel(float* scores, int64_t stride, int64_t num_keys, float scale_log2,
                               const float* shift, float* tile_sum) {
  const __m512 scale = _mm512_set1_ps(scale_log2);
  __m512 shifts[kWidth], sums[kWidth];
#pragma GCC unroll 4
  for (int v = 0; v < kWidth; ++v) {
    shifts[v] = _mm512_loadu_ps(shift + v * kLanes);
    sums[v] = _mm512_setzero_ps();
  }
  float* words = scores;
  int64_t key = 0;
  for (; key + 2 <= num_keys; key += 2, scores += 2 * stride, words += stride) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) {
      const __m512 score = _mm512_loadu_ps(scores + v * kLanes);
      const __m512 next_score = _mm512_loadu_ps(scores + stride + v * kLanes);
      const __m512 first = exp2_nonpositive(_mm512_fmsub_ps(score, scale, shifts[v]));
      const __m512 second = exp2_nonpositive(_mm512_fmsub_ps(next_score, scale, shifts[v]));
      sums[v] = _mm512_add_ps(_mm512_add_ps(sums[v], first), second);
      _mm512_storeu_si512(words + v * kLanes, paired(first, second));
    }
  }
  if (key < num_keys) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) {
      const __m512 score = _mm512_loadu_ps(scores + v * kLanes);
      const __m512 weight = exp2_nonpositive(_mm512_fmsub_ps(score, scale, shifts[v]));
      sums[v] = _mm512_add_ps(sums[v], weight);
      _mm512_storeu_si512(words + v * kLanes, paired(weight, _mm512_setzero_ps()));
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < kWidth; ++v) _mm512_storeu_ps(tile_sum + v * kLanes, sums[v]);
}

}  // namespace

void score_tile(const Layout& layout, const RowBlock& block, const float* keys, int64_t num_keys,
                Ahead ahead) {
  constexpr int64_t kPanel = kScoreVectors * kLanes;
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  for (int64_t r = 0; r < block.rows; r += kLanes) _mm512_storeu_ps(block.tile_max + r, lowest);
  for (int64_t panel = 0; panel < block.rows; panel += kPanel) {
    const auto group = block.rows - panel < kPanel ? score_group<1> : score_group<kScoreVectors>;
    const float* queries = block.q + panel * layout.depth;
    for (int64_t key = 0; key < num_keys; key += kScoreRows) {
      const Lines lines = next_lines(ahead, layout.depth, queries);
      group(keys + key * layout.depth, layout.depth, queries, lines, num_keys - key,
            block.scores + key * layout.block_rows + panel, layout.block_rows,
            block.tile_max + panel);
    }
  }
}

void exponentiate(const Layout& layout, const RowBlock& block, int64_t num_keys, float scale_log2) {
  int64_t r = 0;
  for (; r + 4 * kLanes <= block.rows; r += 4 * kLanes) {
    exponentiate_panel<4>(block.scores + r, layout.block_rows, num_keys, scale_log2,
                          block.row_shift + r, block.tile_sum + r);
  }
  for (; r < block.rows; r += kLanes) {
    exponentiate_panel<1>(block.scores + r, layout.block_rows, num_keys, scale_log2,
                          block.row_shift + r, block.tile_sum + r);
  }
  for (r = 0; r < block.rows; r += kLanes) {
    const __m512 before =
        _mm512_mul_ps(_mm512_loadu_ps(block.row_sum + r), _mm512_loadu_ps(block.rescale + r));
    _mm512_storeu_ps(block.row_sum + r, _mm512_add_ps(before, _mm512_loadu_ps(block.tile_sum + r)));
  }
}

void add_values(const Layout& layout, const RowBlock& block, const float* values, int64_t num_keys,
                Ahead ahead) {
  using Block = decltype(&value_block<1>);
  constexpr Block kBlocks[] = {value_block<1>, value_block<2>, value_block<3>, value_block<4>};
  constexpr int64_t kPanel = kValueVectors * kLanes;
  const int64_t depth = (num_keys + 1) / 2;
  for (int64_t c = 0; c < layout.out_columns; c += kPanel) {
    const int64_t vectors = (layout.out_columns - c) / kLanes;
    const Block multiply = kBlocks[(vectors < kValueVectors ? vectors : kValueVectors) - 1];
    const float* panel = values + c * layout.value_rows;
    for (int64_t r = 0; r < block.rows; r += kValueRows) {
      const Lines lines = next_lines(ahead, depth, panel);
      multiply(block.scores + r, layout.block_rows, panel, depth, lines, block.rescale + r,
               block.out + r * layout.out_columns + c, layout.out_columns);
    }
  }
}

}  // namespace tessera::attention::cpu::bf16
