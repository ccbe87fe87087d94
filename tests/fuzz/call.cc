#include "tests/fuzz/call.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tessera/core/error.h"

namespace tessera::fuzz {
namespace {

using namespace attention;

template <typename T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

std::vector<float> untouched(int64_t count) {
  std::vector<float> values(count);
  if (count > 0) std::memset(values.data(), Result::kUntouched, count * sizeof(float));
  return values;
}

}  // namespace

float Result::at(int64_t b, int64_t token, int64_t head, int64_t d) const {
  const int64_t i = b * strides[0] + token * strides[1] + head * strides[2] + d;
  if (dtype == DType::kFloat32) {
    float value;
    std::memcpy(&value, out.data() + i * 4, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, out.data() + i * 2, 2);
  return attention::testing::half_value(dtype, bits);
}

bool Result::has_clean_gaps() const {
  const auto bytes = static_cast<int64_t>(dtype_bytes(dtype));
  const int64_t width = std::min(strides[1], strides[2]) * bytes;
  for (int64_t i = 0; i < static_cast<int64_t>(out.size()); ++i) {
    if (i % width >= shape[3] * bytes && out[i] != kUntouched) return false;
  }
  return true;
}

bool same_arrays(const Result& a, const Result& b) {
  return same_bytes(a.out, b.out) && same_bytes(a.lse, b.lse) && same_bytes(a.row_max, b.row_max) &&
         same_bytes(a.tile_mass, b.tile_mass);
}

Call::Call(Bytes& input, const Sizes& sizes, const SkipStateView& state)
    : problem(read_problem(input, sizes)) {
  const auto& spec = problem.spec;
  policy = read_policy(input, sizes, std::max(1, state.field(HeaderField::kTotalSteps)));
  is_mass = wants_tile_mass = std::holds_alternative<MassPolicy>(policy.policy);
  const int64_t middle = input.one_in(8) ? 0 : spec.kv_len / 2;  // 0: they may share scores
  keep = read_ranges(input, sizes, 0, middle == 0 ? spec.kv_len : middle);
  skip = read_ranges(input, sizes, middle, spec.kv_len);
  if (input.one_in(4)) {
    for (int64_t i = 0; i < spec.batch * spec.num_heads * spec.q_len; ++i) {
      constexpr float kInfinity = std::numeric_limits<float>::infinity();
      const float value = input.one_in(8) ? -kInfinity : input.real(sizes.is_nasty);
      (is_mass ? carried_lse : carried_max).push_back(value);
    }
  }
  request = {.step = input.one_in(6) ? StepKind::kDense : StepKind::kSkip,
             .policy = policy.policy,
             .must_keep = keep,
             .must_skip = skip,
             .carried = {.row_max = carried_max.empty() ? nullptr : carried_max.data(),
                         .lse = carried_lse.empty() ? nullptr : carried_lse.data()}};
  if (input.one_in(16)) request.stream = static_cast<int32_t>(input.between(0, 1));
  if (input.one_in(32)) request.generation = static_cast<int32_t>(input.between(0, 2));
  has_heads_first_out = input.flag();
  out_gap = input.between(0, 2);
  if (input.one_in(32)) spoil_argument(input);
}

/// Something that must be refused.
void Call::spoil_argument(Bytes& input) {
  constexpr double kScales[] = {0, -1, 1e-31, 1e31, std::numeric_limits<double>::quiet_NaN()};
  switch (input.byte() % 4) {
    case 0:
      problem.spec.scale = kScales[input.byte() % 5];
      return;
    case 1:
      problem.spec.kv_lengths.assign(problem.spec.batch, 0);
      problem.spec.kv_lengths.back() = input.flag() ? problem.spec.kv_len + 1 : -1;
      return;
    case 2:
      request.token_order = 1;
      return;
    default:
      if (is_mass) request.generation = 1000;
      wants_tile_mass = true;
  }
}

bool Call::is_exact() const {
  const auto is_sixteenths = [](const attention::testing::Array& array) {
    const auto& shape = array.shape();
    for (int64_t b = 0; b < shape[0]; ++b) {
      for (int64_t t = 0; t < shape[1]; ++t) {
        for (int64_t h = 0; h < shape[2]; ++h) {
          for (int64_t d = 0; d < shape[3]; ++d) {
            const float x = array.at(b, t, h, d);
            if (std::abs(x) < 100 && x * 16 != std::round(x * 16)) return false;
          }
        }
      }
    }
    return true;
  };
  return is_sixteenths(problem.q) && is_sixteenths(problem.k);
}

Result Call::blank(const SkipStateShape& shape) const {
  const auto& spec = problem.spec;
  Result r;
  r.dtype = spec.dtype;
  r.shape = problem.q.shape();
  r.strides = attention::testing::gapped_strides(r.shape, has_heads_first_out, out_gap);
  r.out.assign(r.shape[0] * r.strides[0] * dtype_bytes(r.dtype), Result::kUntouched);
  r.lse = r.row_max = untouched(spec.batch * spec.num_heads * spec.q_len);
  if (wants_tile_mass) {
    r.tile_mass = untouched(shape.batch * shape.num_heads * shape.q_tiles() * shape.kv_tiles());
  }
  return r;
}

Outcome Call::run(const SkipStateView& state, const std::string& backend, Result& result) const {
  SkipRequest by = request;
  by.state = &state;
  try {
    result.report =
        attention_forward(problem.view(),
                          {.out = {result.out.data(), result.dtype, result.shape, result.strides},
                           .lse = result.lse.data(),
                           .row_max = result.row_max.data(),
                           .tile_mass = wants_tile_mass ? result.tile_mass.data() : nullptr},
                          by, {.backend = backend});
  } catch (const InvalidArgument&) {
    return Outcome::kRefused;
  } catch (const Unsupported&) {
    return Outcome::kUnsupported;
  }
  return Outcome::kDone;
}

}  // namespace tessera::fuzz
