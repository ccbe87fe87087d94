#include "tessera/attention/cpu/kernels.h"

#include <numeric>

// AVX-512 (AVX3 in Highway's words), AVX2, and scalar code for everything older.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/attention/cpu/kernels.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, which includes this file again for each target.
#include "tessera/attention/cpu/packing-inl.h"
#include "tessera/attention/cpu/products-inl.h"
#include "tessera/attention/cpu/softmax-inl.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::attention::cpu {
namespace HWY_NAMESPACE {

const Kernels& target_kernels() {
  static constexpr Kernels kKernels = {.sizes = {.word = 1,
                                                 .row_unit = std::lcm(kLanes, kValueRows),
                                                 .query_panel = kScoreVectors * kLanes,
                                                 .key_group = kScoreRows,
                                                 .value_unit = kLanes,
                                                 .value_panel = kValueVectors * kLanes},
                                       .pack_queries = pack_queries,
                                       .pack_keys = pack_keys,
                                       .pack_values = pack_values,
                                       .score_tile = score_tile,
                                       .is_needed = is_needed,
                                       .raise_maxima = raise_maxima,
                                       .exponentiate = exponentiate,
                                       .add_values = add_values,
                                       .largest_share = largest_share,
                                       .referred_sum = referred_sum,
                                       .split_sum = split_sum,
                                       .log_sum_exp = log_sum_exp,
                                       .store_row = store_row};
  return kKernels;
}

const char* hwy_target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace tessera::attention::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::attention::cpu {

HWY_EXPORT(target_kernels);
HWY_EXPORT(hwy_target_name);

const Kernels& fp32_kernels() { return HWY_DYNAMIC_DISPATCH(target_kernels)(); }

const char* target_name() { return HWY_DYNAMIC_DISPATCH(hwy_target_name)(); }

int64_t compiled_targets() { return HWY_TARGETS; }

}  // namespace tessera::attention::cpu
#endif
