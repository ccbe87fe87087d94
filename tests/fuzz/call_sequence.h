// A random problem with a state, and the random parts of calls on it, from a fuzzer's bytes.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/core/random.h"

#include "tests/fuzz/bytes.h"

namespace tessera::fuzz {

/// Sizes of a sequence of calls.
struct Sizes {
  attention::testing::ProblemSpec spec;
  bool is_nasty;  // NaN, infinity and huge values among the inputs
  attention::SkipStateShape state = {};
};

/// Mostly tiny, so that a million sequences take minutes; now and then large enough for whole
/// vectors, several panels of columns and several blocks of rows.
inline Sizes read_sizes(Bytes& input) {
  constexpr DType kTypes[] = {DType::kFloat32, DType::kBFloat16, DType::kFloat16};
  const bool is_large = input.one_in(40), is_medium = !is_large && input.one_in(6);
  const int64_t most_rows = is_large ? 200 : is_medium ? 40 : 7;
  const auto size = [&](int64_t most) { return input.between(1, most); };
  attention::testing::ProblemSpec spec{.batch = is_large ? 1 : size(2),
                                       .q_len = size(most_rows),
                                       .num_kv_heads = size(2),
                                       .dtype = kTypes[input.byte() % 3]};
  spec.num_heads = spec.num_kv_heads * (is_large ? 1 : size(2));
  if (is_large || is_medium) {
    spec.kv_len = size(is_large ? 200 : 60);
    spec.head_dim = input.one_in(3) ? 16 * size(4) : size(70);
    if (is_medium && input.one_in(16)) spec.head_dim = input.between(71, attention::kMaxHeadDim);
  } else {
    spec.kv_len = input.one_in(8) ? input.between(33, 70) : size(16);
    spec.head_dim = size(3);
  }
  const auto tile = [&](int64_t most) { return static_cast<int32_t>(size(most)); };
  const int64_t q_tile = is_large ? 130 : is_medium ? 40 : 4;
  const int64_t kv_tile = is_large ? 100 : is_medium ? 30 : 4;
  Sizes sizes{.spec = spec, .is_nasty = input.one_in(3)};
  sizes.state = {.batch = spec.batch,
                 .num_heads = spec.num_heads,
                 .q_len = spec.q_len,
                 .kv_len = spec.kv_len,
                 .geometry = {tile(q_tile), tile(kv_tile), tile(3)},
                 .streams = tile(2),
                 .has_lse = input.flag()};
  return sizes;
}

/// `value` for each element of each token: (b, token, head, d).
template <typename Value>
void fill(attention::testing::Array& array, const Value& value) {
  const auto& shape = array.shape();
  for (int64_t b = 0; b < shape[0]; ++b) {
    for (int64_t t = 0; t < shape[1]; ++t) {
      for (int64_t h = 0; h < shape[2]; ++h) {
        for (int64_t d = 0; d < shape[3]; ++d) array.set(b, t, h, d, value(t, d));
      }
    }
  }
}

/// More elements than an input has bytes: q, k and v from a seed. Each tile of keys has a strength,
/// so that there are tiles worth dropping.
inline void fill_large(Bytes& input, int64_t kv_tile, attention::testing::Problem& p) {
  Random random(static_cast<uint32_t>(input.word()));
  const int64_t amplitude = input.between(1, 40), noise = input.between(0, 12);
  const auto any = [&](int64_t most) { return random.below(2 * most + 1) - most; };
  const auto sixteenth = [](int64_t value) { return static_cast<float>(value) / 16; };
  std::vector<int64_t> direction(p.spec.head_dim), strengths(p.spec.kv_len / kv_tile + 1);
  for (auto& x : direction) x = random.below(2) == 0 ? amplitude : -amplitude;
  for (auto& x : strengths) x = random.below(9);
  fill(p.q, [&](int64_t, int64_t d) { return sixteenth(direction[d] + any(noise)); });
  fill(p.k, [&](int64_t t, int64_t d) {
    return sixteenth(direction[d] * strengths[t / kv_tile] / 8 + any(noise));
  });
  fill(p.v, [&](int64_t, int64_t) { return sixteenth(any(64)); });
}

/// What lies past an entry's length is nobody's business.
inline void spoil_unused_keys(attention::testing::Problem& p) {
  for (auto* array : {&p.k, &p.v}) {
    const auto& shape = array->shape();
    for (int64_t b = 0; b < shape[0]; ++b) {
      for (int64_t t = p.kv_length(b); t < shape[1]; ++t) {
        for (int64_t h = 0; h < shape[2]; ++h) {
          for (int64_t d = 0; d < shape[3]; ++d) array->set(b, t, h, d, NAN);
        }
      }
    }
  }
}

/// Finite values are multiples of 1/16 below 8 in size, but for 1e-40: scores are exact in fp32 and
/// in any order (docs/numerics.md, "Where marks are equal bit for bit").
inline attention::testing::Problem read_problem(Bytes& input, const Sizes& sizes) {
  const auto& spec = sizes.spec;
  const std::array<int64_t, 4> q = {spec.batch, spec.q_len, spec.num_heads, spec.head_dim};
  const std::array<int64_t, 4> k = {spec.batch, spec.kv_len, spec.num_kv_heads, spec.head_dim};
  const auto array = [&](const auto& shape) {
    const bool is_heads_first = input.flag();
    return attention::testing::Array(shape, spec.dtype, is_heads_first, input.between(0, 2));
  };
  attention::testing::Problem p{spec, array(q), array(k), array(k)};
  attention::testing::Array* const arrays[] = {&p.q, &p.k, &p.v};
  if (spec.q_len * spec.head_dim <= 32) {
    for (auto* to : arrays) fill(*to, [&](auto...) { return input.real(sizes.is_nasty); });
  } else {
    fill_large(input, sizes.state.geometry.kv_tile, p);
    for (int64_t n = sizes.is_nasty ? input.between(0, 4) : 0; n > 0; --n) {
      auto& to = *arrays[input.byte() % 3];
      const auto& shape = to.shape();
      const auto below = [&](int64_t size) { return input.byte() % size; };
      to.set(below(shape[0]), below(shape[1]), below(shape[2]), below(shape[3]), input.nasty());
    }
  }
  if (input.flag()) {
    for (int64_t b = 0; b < spec.batch; ++b) {
      p.spec.kv_lengths.push_back(input.between(0, spec.kv_len));
    }
    if (input.flag()) spoil_unused_keys(p);
  }
  constexpr double kScales[] = {1, 0.125, 3, 1e-3};
  if (input.one_in(4)) p.spec.scale = kScales[input.byte() % 4];
  return p;
}

/// Ranges that mostly keep the rules, for all heads and queries or for some.
inline std::vector<attention::TokenRange> read_ranges(Bytes& input, const Sizes& sizes,
                                                      int64_t begin, int64_t end) {
  const auto& spec = sizes.spec;
  std::vector<attention::TokenRange> ranges;
  attention::TokenRange like;
  int64_t from = begin;
  while (ranges.size() < 4 && input.flag()) {
    if (input.one_in(3)) {  // other heads or queries: the keys start over
      like = {};
      from = begin;
      if (input.flag()) like.head = static_cast<int32_t>(input.between(0, spec.num_heads - 1));
      if (input.flag()) {
        like.q_begin = input.between(0, spec.q_len - 1);
        if (input.flag()) like.q_end = like.q_begin + input.between(1, spec.q_len - like.q_begin);
      }
    }
    if (from >= end) break;
    like.begin = from + input.between(0, std::min<int64_t>(end - from, 100) / 4);
    like.end = like.begin + input.between(input.one_in(64) ? 0 : 1, 6);
    if (input.one_in(4) || (like.end > end && !input.one_in(16))) like.end = end;
    ranges.push_back(like);
    from = like.end;
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
  const bool is_mass = !input.one_in(3);
  if (input.one_in(4)) {
    table.steps = input.flag() ? 1 : total_steps;
    table.heads = input.flag() ? 1 : sizes.spec.num_heads;
    for (int64_t i = 0; i < table.steps * table.heads; ++i) {
      const float level = static_cast<float>(input.between(0, 100)) / 100;
      made.levels.push_back(is_mass ? level : -8 * level);
    }
    table.values = made.levels;
  }
  if (is_mass) {
    constexpr int32_t kPeriods[16] = {0, 2, 3, 4, 0, 2, 3, 4, 0, 2, 3, 4, 0, 2, 0, 1};
    const bool is_mean = sizes.state.has_lse ? input.flag() : input.one_in(16);
    made.policy =
        MassPolicy{.budget = static_cast<double>(input.between(0, 50)) / 100,
                   .growth = input.flag() ? BudgetGrowth::kLinear : BudgetGrowth::kConstant,
                   .budgets = table,
                   .estimate = is_mean ? MassEstimate::kRowMean : MassEstimate::kRowMaximum,
                   .probe_period = kPeriods[input.byte() % 16],
                   .direction = direction};
  } else {
    made.policy = MaxGapPolicy{.threshold = -static_cast<float>(input.between(0, 60)) / 8,
                               .thresholds = table,
                               .direction = direction};
  }
  return made;
}

}  // namespace tessera::fuzz
