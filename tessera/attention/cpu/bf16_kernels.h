// Private: the inner loops of the back end cpu_bf16, in AVX-512 BF16 intrinsics.
//
// Debian's Highway 1.0.3 has no bf16 dot product, hence intrinsics. Call nothing here where
// bf16_is_supported() is false. Packed layouts put two neighbours of the summed dimension side
// by side, as the instruction wants them: a lane adds a[2i] * b[2i] + a[2i + 1] * b[2i + 1] in
// fp32.
#pragma once

#include <cstdint>

#include "tessera/core/dtype.h"

namespace tessera::attention::cpu::bf16 {

inline constexpr int64_t kLanes = 16;  // fp32 sums of one register

/// The register block: kRows x kVectors sums. A step loads kVectors vectors and broadcasts kRows
/// pairs for kRows * kVectors dot products; 16 sums hide the instruction's latency of 6.
inline constexpr int64_t kRows = 4;
inline constexpr int64_t kVectors = 4;
inline constexpr int64_t kPanel = kVectors * kLanes;

/// Writes tokens [0, width) of keys, given by a pointer each (null: zeros), to one panel:
/// [depth / 2, width, 2], depth even and padded with zeros past head_dim. width <= kPanel, a
/// multiple of kLanes.
void pack_key_panel(const BFloat16* const* keys, int64_t head_dim, int64_t depth, int64_t width,
                    BFloat16* to);

/// Two tokens of values (`second` may be null: zeros) to row `pair` of every panel of columns:
/// [panels, max_keys / 2, width, 2]; columns past head_dim are zero.
void pack_value_pair(const BFloat16* first, const BFloat16* second, int64_t head_dim,
                     int64_t out_columns, int64_t max_keys, int64_t pair, BFloat16* to);

/// scores[r][c] = sum over d of q[r][d] * keys[d][c], r in [0, kRows), c in one panel of `width`.
void score_block(const BFloat16* q, int64_t depth, const BFloat16* panel, int64_t width,
                 float* scores, int64_t stride);

/// out[r][c] = out[r][c] * rescale[r] + sum over keys of weights[r][key] * values[key][c];
/// `num_keys` even, the weight of a key that is not there is 0.
void value_block(const BFloat16* weights, int64_t weights_stride, const BFloat16* panel,
                 int64_t num_keys, int64_t width, const float* rescale, float* out, int64_t stride);

/// Largest score of each row; `columns` a multiple of kLanes.
void tile_maxima(const float* scores, int64_t columns, int64_t rows, float* maxima);

/// Raises the row maxima, computes the factor for the sums so far. Arrays reach to a multiple of
/// kLanes. See softmax-inl.h, raise_maxima.
void raise_maxima(const float* tile_max, int64_t rows, float scale_log2, float* row_max,
                  float* shift, float* rescale);

/// weights[r][c] = 2^(scale_log2 * score - shift) rounded to bf16; adds the unrounded weights to
/// row_sum [rows, kLanes]. `columns` a multiple of 2 * kLanes in weights (zeros are written past
/// the scores' columns), of kLanes in scores.
void exponentiate(const float* scores, int64_t columns, int64_t rows, float scale_log2,
                  const float* shift, const float* rescale, BFloat16* weights,
                  int64_t weights_stride, float* row_sum);

float sum_of_lanes(const float* lanes);

}  // namespace tessera::attention::cpu::bf16
