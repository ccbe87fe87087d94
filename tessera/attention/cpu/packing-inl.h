// Between the caller's arrays, of any stride and dtype, and the order in which the products read.
//
// Per-target include, no #pragma once: kernels.cc compiles this file once for each instruction set.
#if defined(TESSERA_ATTENTION_CPU_PACKING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ATTENTION_CPU_PACKING_INL_H_
#undef TESSERA_ATTENTION_CPU_PACKING_INL_H_
#else
#define TESSERA_ATTENTION_CPU_PACKING_INL_H_
#endif

#include <bit>
#include <cstdint>
#include <cstring>

#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/cpu/products-inl.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {

constexpr int64_t kMaxWords = 256;  // of one token's head: kMaxHeadDim

HWY_INLINE int64_t offset(const TokenRun& run, int64_t token) {
  const auto& strides = run.view.strides;
  return run.batch * strides[0] + (run.first + token) * strides[1] + run.head * strides[2];
}

HWY_INLINE void widen_half(const Float16* HWY_RESTRICT from, int64_t count,
                           float* HWY_RESTRICT to) {
  const Floats tag;
  const hn::Rebind<hwy::float16_t, Floats> half_tag;
  int64_t d = 0;
  for (; d + kLanes <= count; d += kLanes) {
    const auto* at = reinterpret_cast<const hwy::float16_t*>(from + d);
    hn::StoreU(hn::PromoteTo(tag, hn::LoadU(half_tag, at)), tag, to + d);
  }
  for (; d < count; ++d) to[d] = to_float(from[d]);
}

/// One token's head as layout.depth words: its elements widened to fp32, or two bf16 to a word.
HWY_INLINE void load_head(const TokenRun& run, int64_t token, const Layout& layout,
                          float* HWY_RESTRICT to) {
  const int64_t count = layout.head_dim, at = offset(run, token);
  if (run.view.dtype == DType::kFloat32) {
    std::memcpy(to, static_cast<const float*>(run.view.data) + at, count * sizeof(float));
  } else if (run.view.dtype == DType::kFloat16) {
    widen_half(static_cast<const Float16*>(run.view.data) + at, count, to);
  } else if (layout.sizes.word == 2) {
    if (count % 2 != 0) to[layout.depth - 1] = 0;
    std::memcpy(to, static_cast<const BFloat16*>(run.view.data) + at, count * sizeof(BFloat16));
  } else {
    const auto* from = static_cast<const BFloat16*>(run.view.data) + at;
    for (int64_t d = 0; d < count; ++d) {
      to[d] = std::bit_cast<float>(static_cast<uint32_t>(from[d].bits) << 16);
    }
  }
}

/// The same, where it lies if that is as words already, else in `buffer`.
HWY_INLINE const float* head_words(const TokenRun& run, int64_t token, const Layout& layout,
                                   float* HWY_RESTRICT buffer) {
  if (run.view.dtype == DType::kFloat32) {
    return static_cast<const float*>(run.view.data) + offset(run, token);
  }
  load_head(run, token, layout, buffer);
  return buffer;
}

/// to[d * stride + i] = rows[i][d] for four rows and d in [0, depth).
HWY_INLINE void transpose_four(const float* const (&rows)[4], int64_t depth, int64_t stride,
                               float* HWY_RESTRICT to) {
  int64_t d = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::Full128<float> tag;
  const hn::Full128<double> pair_tag;
  const auto pairs = [&](auto v) HWY_ATTR { return hn::BitCast(pair_tag, v); };
  const auto store = [&](auto v, float* at) HWY_ATTR { hn::StoreU(hn::BitCast(tag, v), tag, at); };
  for (; d + 4 <= depth; d += 4, to += 4 * stride) {
    const auto a = hn::LoadU(tag, rows[0] + d), b = hn::LoadU(tag, rows[1] + d);
    const auto c = hn::LoadU(tag, rows[2] + d), e = hn::LoadU(tag, rows[3] + d);
    const auto ab_low = pairs(hn::InterleaveLower(tag, a, b));   // a0 b0 a1 b1
    const auto ab_high = pairs(hn::InterleaveUpper(tag, a, b));  // a2 b2 a3 b3
    const auto ce_low = pairs(hn::InterleaveLower(tag, c, e));
    const auto ce_high = pairs(hn::InterleaveUpper(tag, c, e));
    store(hn::InterleaveLower(pair_tag, ab_low, ce_low), to);
    store(hn::InterleaveUpper(pair_tag, ab_low, ce_low), to + stride);
    store(hn::InterleaveLower(pair_tag, ab_high, ce_high), to + 2 * stride);
    store(hn::InterleaveUpper(pair_tag, ab_high, ce_high), to + 3 * stride);
  }
#endif
  for (; d < depth; ++d, to += stride) {
    for (int64_t i = 0; i < 4; ++i) to[i] = rows[i][d];
  }
}

/// Tokens as [panels][depth][panel]; `count` of them, past those of the run zeros. `count` and
/// `panel` are multiples of 4; the last panel may be narrower.
HWY_INLINE void pack_transposed(const TokenRun& run, const Layout& layout, int64_t count,
                                int64_t panel, float* HWY_RESTRICT to) {
  HWY_ALIGN float words[4][kMaxWords];
  HWY_ALIGN static constexpr float kZeros[kMaxWords] = {};
  for (int64_t token = 0; token < count; token += 4) {
    const float* rows[4];
    for (int64_t i = 0; i < 4; ++i) {
      rows[i] = token + i < run.count ? head_words(run, token + i, layout, words[i]) : kZeros;
    }
    const int64_t begin = token / panel * panel, width = HWY_MIN(panel, count - begin);
    transpose_four(rows, layout.depth, width, to + begin * layout.depth + token - begin);
  }
}

void pack_queries(const TokenRun& run, const Layout& layout, int64_t rows, float* to) {
  pack_transposed(run, layout, rows, layout.sizes.query_panel, to);
}

void pack_keys(const TokenRun& run, const Layout& layout, float* to) {
  const int64_t group = layout.sizes.key_group;
  pack_transposed(run, layout, (run.count + group - 1) / group * group, group, to);
}

/// A row of words, panel by panel, as row `row` of every panel.
HWY_INLINE void spread_over_panels(const float* HWY_RESTRICT words, const Layout& layout,
                                   int64_t row, float* HWY_RESTRICT to) {
  const Floats tag;
  for (int64_t begin = 0; begin < layout.out_columns; begin += layout.sizes.value_panel) {
    const int64_t width = HWY_MIN(layout.sizes.value_panel, layout.out_columns - begin);
    float* at = to + begin * layout.value_rows + row * width;
    for (int64_t c = 0; c < width; c += kLanes) {
      hn::Store(hn::LoadU(tag, words + begin + c), tag, at + c);
    }
  }
}

void pack_values(const TokenRun& run, const Layout& layout, float* to) {
  HWY_ALIGN float words[kMaxWords] = {};
  if (layout.sizes.word == 1) {
    const bool is_whole = layout.head_dim == layout.out_columns;
    for (int64_t key = 0; key < run.count; ++key) {
      if (!is_whole) load_head(run, key, layout, words);
      const float* from = is_whole ? head_words(run, key, layout, words) : words;
      spread_over_panels(from, layout, key, to);
    }
    return;
  }
  const auto* values = static_cast<const BFloat16*>(run.view.data);
  for (int64_t key = 0; key < run.count; key += 2) {
    const auto* first = values + offset(run, key);
    static constexpr BFloat16 kZeros[kMaxWords] = {};
    const auto* second = key + 1 < run.count ? values + offset(run, key + 1) : kZeros;
    for (int64_t d = 0; d < layout.head_dim; ++d) {
      const uint32_t pair = first[d].bits | static_cast<uint32_t>(second[d].bits) << 16;
      words[d] = std::bit_cast<float>(pair);
    }
    spread_over_panels(words, layout, key / 2, to);
  }
}

/// As to_bfloat16, in a form that the compiler turns into vectors.
HWY_INLINE BFloat16 rounded_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {static_cast<uint16_t>((is_nan ? bits | 0x400000u : rounded) >> 16)};
}

HWY_INLINE void store_half(const float* HWY_RESTRICT from, float factor, int64_t count,
                           Float16* HWY_RESTRICT to) {
  int64_t d = 0;
#if HWY_TARGET <= HWY_AVX2
  const Floats tag;
  const hn::Rebind<hwy::float16_t, Floats> half_tag;
  for (; d + kLanes <= count; d += kLanes) {
    const Vector product = hn::Mul(hn::LoadU(tag, from + d), hn::Set(tag, factor));
    hn::StoreU(hn::DemoteTo(half_tag, product), half_tag,
               reinterpret_cast<hwy::float16_t*>(to + d));
  }
#endif
  for (; d < count; ++d) to[d] = to_float16(from[d] * factor);
}

void store_row(const float* HWY_RESTRICT from, float factor, int64_t count, DType dtype,
               void* HWY_RESTRICT to) {
  if (dtype == DType::kFloat32) {
    auto* out = static_cast<float*>(to);
    for (int64_t d = 0; d < count; ++d) out[d] = from[d] * factor;
  } else if (dtype == DType::kFloat16) {
    store_half(from, factor, count, static_cast<Float16*>(to));
  } else {
    auto* out = static_cast<BFloat16*>(to);
    for (int64_t d = 0; d < count; ++d) out[d] = rounded_to_bf16(from[d] * factor);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();
#endif
