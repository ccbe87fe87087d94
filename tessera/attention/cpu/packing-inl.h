// Copies the caller's arrays, of any stride and dtype, into the order in which the products read.
//
// Per-target include, no #pragma once: forward.cc compiles this file once for each instruction set.
#if defined(TESSERA_ATTENTION_CPU_PACKING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ATTENTION_CPU_PACKING_INL_H_
#undef TESSERA_ATTENTION_CPU_PACKING_INL_H_
#else
#define TESSERA_ATTENTION_CPU_PACKING_INL_H_
#endif

#include <bit>
#include <cstdint>
#include <cstring>

#include "tessera/attention/cpu/products-inl.h"
#include "tessera/attention/tensor_view.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {

/// Widens one token's head, `count` elements that lie together.
HWY_INLINE void load_head(const TensorView& view, int64_t b, int64_t token, int64_t head,
                          int64_t count, float* HWY_RESTRICT to) {
  const int64_t at = b * view.strides[0] + token * view.strides[1] + head * view.strides[2];
  if (view.dtype == DType::kFloat32) {
    std::memcpy(to, static_cast<const float*>(view.data) + at, count * sizeof(float));
    return;
  }
  const auto* from = static_cast<const BFloat16*>(view.data) + at;
  for (int64_t d = 0; d < count; ++d) {
    to[d] = std::bit_cast<float>(static_cast<uint32_t>(from[d].bits) << 16);
  }
}

/// Keys of one tile, transposed: [panels of columns, D, panel]; columns past `num_keys` are 0.
HWY_NOINLINE void pack_keys(const TensorView& k, int64_t b, int64_t first, int64_t num_keys,
                            int64_t head, int64_t columns, float* HWY_RESTRICT to) {
  const int64_t head_dim = k.shape[3];
  for (int64_t panel = 0; panel < columns; panel += kPanel, to += head_dim * kPanel) {
    const int64_t width = HWY_MIN(kPanel, columns - panel);
    for (int64_t c = 0; c < width; ++c) {
      float key[256];
      if (panel + c < num_keys) {
        load_head(k, b, first + panel + c, head, head_dim, key);
      } else {
        std::memset(key, 0, head_dim * sizeof(float));
      }
      for (int64_t d = 0; d < head_dim; ++d) to[d * width + c] = key[d];
    }
  }
}

/// Values of one tile: [panels of D, keys, panel]; columns past D are 0. A panel has room
/// for `max_keys` keys.
HWY_NOINLINE void pack_values(const TensorView& v, int64_t b, int64_t first, int64_t num_keys,
                              int64_t head, int64_t out_columns, int64_t max_keys,
                              float* HWY_RESTRICT to) {
  const int64_t head_dim = v.shape[3];
  float value[256 + kPanel] = {};
  for (int64_t key = 0; key < num_keys; ++key) {
    load_head(v, b, first + key, head, head_dim, value);
    for (int64_t panel = 0; panel < out_columns; panel += kPanel) {
      const int64_t width = HWY_MIN(kPanel, out_columns - panel);
      std::memcpy(to + panel * max_keys + key * width, value + panel, width * sizeof(float));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
