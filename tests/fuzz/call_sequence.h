// A random problem with a state, and random calls on it, from a fuzzer's bytes.
#pragma once

#include <optional>
#include <vector>

#include "tessera/attention/attention.h"

#include "tests/fuzz/bytes.h"

namespace tessera::fuzz {

/// q, k, v of one call in memory of their own, either layout, tokens with a gap.
struct Tensor {
  std::vector<float> values;
  std::vector<uint16_t> halves;
  std::array<int64_t, 4> shape = {}, strides = {};
  DType dtype = DType::kFloat32;

  attention::TensorView view() const {
    const void* data = dtype == DType::kFloat32 ? static_cast<const void*>(values.data())
                                                : static_cast<const void*>(halves.data());
    return {data, dtype, shape, strides};
  }
};

inline Tensor make_tensor(Bytes& input, std::array<int64_t, 4> shape, DType dtype, bool is_nasty) {
  Tensor t;
  t.shape = shape;
  t.dtype = dtype;
  const int64_t gap = input.between(0, 2), width = shape[3] + gap;
  t.strides = {shape[1] * shape[2] * width, shape[2] * width, width, 1};
  if (input.flag()) t.strides = {shape[1] * shape[2] * width, width, shape[1] * width, 1};
  const int64_t count = shape[0] * shape[1] * shape[2] * width;
  for (int64_t i = 0; i < count; ++i) {
    t.values.push_back(input.real(is_nasty));
    if (dtype == DType::kFloat32) continue;
    const bool is_bf16 = dtype == DType::kBFloat16;
    t.halves.push_back(is_bf16 ? to_bfloat16(t.values.back()).bits
                               : to_float16(t.values.back()).bits);
    t.values.back() =
        is_bf16 ? to_float(BFloat16{t.halves.back()}) : to_float(Float16{t.halves.back()});
  }
  return t;
}

/// Sizes of a sequence of calls; small, so that a million sequences take minutes.
struct Sizes {
  int64_t batch, heads = 0, kv_heads, q_len, kv_len, head_dim;
  DType dtype;
  bool is_nasty;  // NaN, infinity and huge values among the inputs
  attention::SkipStateShape state = {};
};

inline Sizes read_sizes(Bytes& input) {
  constexpr DType kTypes[] = {DType::kFloat32, DType::kBFloat16, DType::kFloat16};
  Sizes s{.batch = input.between(1, 2),
          .kv_heads = input.between(1, 2),
          .q_len = input.between(1, 7),
          .kv_len = input.one_in(8) ? input.between(33, 70) : input.between(1, 16),
          .head_dim = input.between(1, 3),
          .dtype = kTypes[input.byte() % 3],
          .is_nasty = input.one_in(3)};
  s.heads = s.kv_heads * input.between(1, 2);
  const auto size = [&](int64_t most) { return static_cast<int32_t>(input.between(1, most)); };
  s.state = {.batch = s.batch,
             .num_heads = s.heads,
             .q_len = s.q_len,
             .kv_len = s.kv_len,
             .geometry = {size(4), size(4), size(3)},
             .streams = size(2),
             .has_lse = input.flag()};
  return s;
}

/// Ranges that mostly keep the rules.
inline std::vector<attention::TokenRange> read_ranges(Bytes& input, int64_t begin, int64_t end) {
  std::vector<attention::TokenRange> ranges;
  while (begin < end && ranges.size() < 3 && input.flag()) {
    const int64_t first = begin + input.between(0, 3), last = first + input.between(0, 6);
    ranges.push_back({first, last});
    begin = last;
  }
  return ranges;
}

/// One call's policy with levels of its own.
struct Policy {
  std::vector<float> levels;
  attention::SkipPolicy policy;
};

inline Policy read_policy(Bytes& input, const Sizes& sizes, int32_t total_steps) {
  using namespace attention;
  Policy made;
  const auto direction = input.flag() ? DirectionMode::kAlternating : DirectionMode::kFixed;
  LevelTable table;
  const bool is_mass = input.one_in(4) ? false : true;
  if (input.one_in(4)) {
    table.steps = input.flag() ? 1 : total_steps;
    table.heads = input.flag() ? 1 : sizes.heads;
    for (int64_t i = 0; i < table.steps * table.heads; ++i) {
      const float level = static_cast<float>(input.between(0, 100)) / 100;
      made.levels.push_back(is_mass ? level : -8 * level);
    }
    table.values = made.levels;
  }
  if (is_mass) {
    made.policy =
        MassPolicy{.budget = static_cast<double>(input.between(0, 50)) / 100,
                   .growth = input.flag() ? BudgetGrowth::kLinear : BudgetGrowth::kConstant,
                   .budgets = table,
                   .estimate = input.one_in(3) ? MassEstimate::kRowMean : MassEstimate::kRowMaximum,
                   .probe_period = static_cast<int32_t>(input.between(0, 4)),
                   .direction = direction};
  } else {
    made.policy = MaxGapPolicy{.threshold = -static_cast<float>(input.between(0, 60)) / 8,
                               .thresholds = table,
                               .direction = direction};
  }
  return made;
}

}  // namespace tessera::fuzz
