// Compiled for AVX-512 BF16 whatever the rest of the program is compiled for. So this file includes
// nothing with inline functions that other files could share: the linker might keep this copy.
#include "tessera/attention/cpu/bf16_kernels.h"

#include <immintrin.h>

namespace tessera::attention::cpu::bf16 {
namespace {

/// 16 lanes of two bf16 each, one pair everywhere.
inline __m512bh broadcast_pair(const BFloat16* pair) {
  int32_t bits;
  __builtin_memcpy(&bits, pair, sizeof(bits));
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(bits));
}

inline __m512bh load_pairs(const BFloat16* from) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
}

/// sums[r][v] += a[r][2i, 2i + 1] . panel[i][v] for all pairs i, in that order.
template <int kWidth>
inline void add_dot_products(const BFloat16* a, int64_t a_stride, const BFloat16* panel,
                             int64_t pairs, __m512 (&sums)[kRows][kWidth]) {
  for (int64_t i = 0; i < pairs; ++i) {
    __m512bh columns[kWidth];
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) columns[v] = load_pairs(panel + v * 2 * kLanes);
    panel += kWidth * 2 * kLanes;
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const __m512bh factor = broadcast_pair(a + r * a_stride + 2 * i);
#pragma GCC unroll 4
      for (int v = 0; v < kWidth; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], factor, columns[v]);
      }
    }
  }
}

template <int kWidth>
void score_block_of(const BFloat16* q, int64_t depth, const BFloat16* panel, float* scores,
                    int64_t stride) {
  __m512 sums[kRows][kWidth];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  add_dot_products(q, depth, panel, depth / 2, sums);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) _mm512_storeu_ps(scores + r * stride + v * kLanes, sums[r][v]);
  }
}

template <int kWidth>
void value_block_of(const BFloat16* weights, int64_t weights_stride, const BFloat16* panel,
                    int64_t num_keys, const float* rescale, float* out, int64_t stride) {
  __m512 sums[kRows][kWidth];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const __m512 factor = _mm512_set1_ps(rescale[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) {
      sums[r][v] = _mm512_mul_ps(_mm512_loadu_ps(out + r * stride + v * kLanes), factor);
    }
  }
  add_dot_products(weights, weights_stride, panel, num_keys / 2, sums);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kWidth; ++v) _mm512_storeu_ps(out + r * stride + v * kLanes, sums[r][v]);
  }
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

/// As softmax-inl.h's: exactly 1 at 0, since sums are multiplied by it once a tile.
inline __m512 exp2_exact(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 p = _mm512_set1_ps(1.53458124e-04f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.33999309e-03f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61848907e-03f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55032864e-02f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226462e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147182e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

}  // namespace

void pack_key_panel(const BFloat16* const* keys, int64_t head_dim, int64_t depth, int64_t width,
                    BFloat16* to) {
  for (int64_t c = 0; c < width; ++c) {
    for (int64_t d = 0; d < depth; ++d) {
      const bool is_there = keys[c] != nullptr && d < head_dim;
      to[(d / 2 * width + c) * 2 + d % 2] = is_there ? keys[c][d] : BFloat16{};
    }
  }
}

void pack_value_pair(const BFloat16* first, const BFloat16* second, int64_t head_dim,
                     int64_t out_columns, int64_t max_keys, int64_t pair, BFloat16* to) {
  for (int64_t begin = 0; begin < out_columns; begin += kPanel, to += kPanel * max_keys) {
    const int64_t left = out_columns - begin;
    const int64_t width = left < kPanel ? left : kPanel;
    BFloat16* row = to + pair * width * 2;
    for (int64_t c = 0; c < width; ++c) {
      const bool is_there = begin + c < head_dim;
      row[2 * c] = is_there ? first[begin + c] : BFloat16{};
      row[2 * c + 1] = is_there && second != nullptr ? second[begin + c] : BFloat16{};
    }
  }
}

void score_block(const BFloat16* q, int64_t depth, const BFloat16* panel, int64_t width,
                 float* scores, int64_t stride) {
  switch (width / kLanes) {
    case 4:
      return score_block_of<4>(q, depth, panel, scores, stride);
    case 3:
      return score_block_of<3>(q, depth, panel, scores, stride);
    case 2:
      return score_block_of<2>(q, depth, panel, scores, stride);
    default:
      return score_block_of<1>(q, depth, panel, scores, stride);
  }
}

void value_block(const BFloat16* weights, int64_t weights_stride, const BFloat16* panel,
                 int64_t num_keys, int64_t width, const float* rescale, float* out,
                 int64_t stride) {
  switch (width / kLanes) {
    case 4:
      return value_block_of<4>(weights, weights_stride, panel, num_keys, rescale, out, stride);
    case 3:
      return value_block_of<3>(weights, weights_stride, panel, num_keys, rescale, out, stride);
    case 2:
      return value_block_of<2>(weights, weights_stride, panel, num_keys, rescale, out, stride);
    default:
      return value_block_of<1>(weights, weights_stride, panel, num_keys, rescale, out, stride);
  }
}

void tile_maxima(const float* scores, int64_t columns, int64_t rows, float* maxima) {
  for (int64_t r = 0; r < rows; ++r, scores += columns) {
    __m512 largest = _mm512_loadu_ps(scores);
    for (int64_t c = kLanes; c < columns; c += kLanes) {
      largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + c));
    }
    maxima[r] = _mm512_reduce_max_ps(largest);
  }
}

void raise_maxima(const float* tile_max, int64_t rows, float scale_log2, float* row_max,
                  float* shift, float* rescale) {
  const __m512 scale = _mm512_set1_ps(scale_log2);
  for (int64_t r = 0; r < rows; r += kLanes) {
    const __m512 before = _mm512_loadu_ps(row_max + r);
    const __m512 loc = _mm512_loadu_ps(tile_max + r);
    // Not max: a NaN in tile_max must get through.
    const __mmask16 is_kept = _mm512_cmp_ps_mask(before, loc, _CMP_GE_OQ);
    const __m512 now = _mm512_mask_mov_ps(loc, is_kept, before);
    const __m512 new_shift = _mm512_mul_ps(now, scale);
    const __m512 factor = exp2_exact(_mm512_sub_ps(_mm512_loadu_ps(shift + r), new_shift));
    _mm512_storeu_ps(row_max + r, now);
    _mm512_storeu_ps(shift + r, new_shift);
    _mm512_storeu_ps(rescale + r, factor);
  }
}

void exponentiate(const float* scores, int64_t columns, int64_t rows, float scale_log2,
                  const float* shift, const float* rescale, BFloat16* weights,
                  int64_t weights_stride, float* row_sum) {
  const __m512 scale = _mm512_set1_ps(scale_log2);
  for (int64_t r = 0; r < rows; ++r, scores += columns, weights += weights_stride) {
    const __m512 row_shift = _mm512_set1_ps(shift[r]);
    __m512 sum = _mm512_mul_ps(_mm512_loadu_ps(row_sum + r * kLanes), _mm512_set1_ps(rescale[r]));
    for (int64_t c = 0; c < columns; c += 2 * kLanes) {
      const __m512 low =
          exp2_nonpositive(_mm512_fmsub_ps(_mm512_loadu_ps(scores + c), scale, row_shift));
      __m512 high = _mm512_setzero_ps();
      if (c + kLanes < columns) {
        high = exp2_nonpositive(
            _mm512_fmsub_ps(_mm512_loadu_ps(scores + c + kLanes), scale, row_shift));
      }
      sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
      _mm512_storeu_si512(weights + c, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
    }
    _mm512_storeu_ps(row_sum + r * kLanes, sum);
  }
}

float sum_of_lanes(const float* lanes) { return _mm512_reduce_add_ps(_mm512_loadu_ps(lanes)); }

}  // namespace tessera::attention::cpu::bf16
