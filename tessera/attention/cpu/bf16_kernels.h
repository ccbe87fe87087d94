// Private: the inner loops that cpu_bf16 has for itself, in AVX-512 BF16 intrinsics; the others it
// shares with `cpu`. For what they do see kernels.h.
//
// Debian's Highway 1.0.3 has no bf16 dot product, hence intrinsics. Call nothing here where
// bf16_is_supported() is false.
#pragma once

#include "tessera/attention/cpu/row_block.h"

namespace tessera::attention::cpu::bf16 {

inline constexpr BlockSizes kSizes = {.word = 2,
                                      .row_unit = 16,
                                      .query_panel = 32,
                                      .key_group = 8,
                                      .value_unit = 16,
                                      .value_panel = 64};

void score_tile(const Layout& layout, const RowBlock& block, const float* keys, int64_t num_keys,
                Ahead ahead);

/// The unrounded weights are summed; an odd last key is paired with a weight of 0.
void exponentiate(const Layout& layout, const RowBlock& block, int64_t num_keys, float scale_log2);

void add_values(const Layout& layout, const RowBlock& block, const float* values, int64_t num_keys,
                Ahead ahead);

}  // namespace tessera::attention::cpu::bf16
