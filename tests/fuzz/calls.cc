// Sequences of attention calls on one state: shapes, strides, policies, ranges, streams, carried
// sums, dense steps, calls that are refused. After each the documented invariants must hold, and a
// fast back end must give the reference's answer.
#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "tessera/core/error.h"

#include "tests/fuzz/call_sequence.h"

namespace {

using namespace tessera;
using namespace tessera::attention;
using fuzz::require;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Everything in a state, to compare.
struct Contents {
  std::vector<int32_t> bits, header;
  std::vector<float> spent;

  explicit Contents(const SkipStateView& view) {
    const auto& s = view.bits_shape;
    bits.assign(view.bits, view.bits + s[0] * s[1] * s[2] * s[3]);
    header.assign(view.header, view.header + kHeaderFields);
    spent.assign(view.spent, view.spent + s[0] * s[1] * s[2]);
  }
  friend bool operator==(const Contents&, const Contents&) = default;
};

int64_t kept(std::span<const int32_t> bits) {
  int64_t count = 0;
  for (const int32_t word : bits) count += std::popcount(static_cast<uint32_t>(word));
  return count;
}

struct Result {
  std::vector<float> out, lse, row_max, tile_mass;
  AttentionReport report;
};

/// One call in full: its inputs, its request, and what the request points to.
struct Call {
  fuzz::Tensor q, k, v;
  std::vector<int64_t> lengths;
  fuzz::Policy policy;
  std::vector<TokenRange> keep, skip;
  std::vector<float> carried_max, carried_lse;
  SkipRequest request;
  bool is_mass = false, is_clean = true;

  Call(fuzz::Bytes& input, const fuzz::Sizes& s, const SkipStateView& view) {
    q = make_tensor(input, {s.batch, s.q_len, s.heads, s.head_dim}, s.dtype, s.is_nasty);
    k = make_tensor(input, {s.batch, s.kv_len, s.kv_heads, s.head_dim}, s.dtype, s.is_nasty);
    v = make_tensor(input, k.shape, s.dtype, s.is_nasty);
    for (const auto* tensor : {&q, &k, &v}) {
      for (const float x : tensor->values) is_clean &= std::abs(x) < 100;
    }
    if (input.flag()) {
      for (int64_t b = 0; b < s.batch; ++b) lengths.push_back(input.between(0, s.kv_len));
    }
    policy = fuzz::read_policy(input, s, std::max(1, view.field(HeaderField::kTotalSteps)));
    is_mass = std::holds_alternative<MassPolicy>(policy.policy);
    keep = fuzz::read_ranges(input, 0, s.kv_len / 2);
    skip = fuzz::read_ranges(input, s.kv_len / 2, s.kv_len);
    if (input.one_in(4)) {
      const bool is_nasty = s.is_nasty;
      for (int64_t i = 0; i < s.batch * s.heads * s.q_len; ++i) {
        const float value = input.one_in(8) ? -kInfinity : input.real(is_nasty);
        is_clean &= !(std::isnan(value) || value > 100);
        (is_mass ? carried_lse : carried_max).push_back(value);
      }
    }
    request = {.state = &view,
               .step = input.one_in(6) ? StepKind::kDense : StepKind::kSkip,
               .policy = policy.policy,
               .must_keep = keep,
               .must_skip = skip,
               .carried = {.row_max = carried_max.empty() ? nullptr : carried_max.data(),
                           .lse = carried_lse.empty() ? nullptr : carried_lse.data()}};
    if (input.one_in(16)) request.stream = static_cast<int32_t>(input.between(0, 1));
    if (input.one_in(32)) request.generation = static_cast<int32_t>(input.between(0, 2));
  }
  bool is_shard() const { return !carried_max.empty() || !carried_lse.empty(); }

  Result run(const SkipRequest& by, const SkipStateShape& shape, const char* backend) const {
    Result r;
    const int64_t rows = q.shape[0] * q.shape[2] * q.shape[1];
    r.lse.resize(rows);
    r.row_max.resize(rows);
    if (is_mass)
      r.tile_mass.resize(shape.batch * shape.num_heads * shape.q_tiles() * shape.kv_tiles());
    std::vector<float> wide(rows * q.shape[3]);
    std::vector<uint16_t> narrow(wide.size());
    const bool is_wide = q.dtype == DType::kFloat32;
    void* data = is_wide ? static_cast<void*>(wide.data()) : narrow.data();
    r.report =
        attention_forward({.q = q.view(), .k = k.view(), .v = v.view(), .kv_lengths = lengths},
                          {.out = {data, q.dtype, q.shape, contiguous_strides(q.shape)},
                           .lse = r.lse.data(),
                           .row_max = r.row_max.data(),
                           .tile_mass = is_mass ? r.tile_mass.data() : nullptr},
                          by, {.backend = backend});
    for (size_t i = 0; !is_wide && i < wide.size(); ++i) {
      wide[i] = q.dtype == DType::kBFloat16 ? to_float(BFloat16{narrow[i]})
                                            : to_float(Float16{narrow[i]});
    }
    r.out = std::move(wide);
    return r;
  }
};

void check_marks(const Call& call, const Contents& old, const SkipStateView& view,
                 const Result& result) {
  const Contents now(view);
  const TileCounts sum = result.report.sum();
  const bool has_probes = call.is_mass && std::get<MassPolicy>(call.policy.policy).probe_period > 0;
  require(kept(now.bits) == kept(old.bits) - sum.dropped + sum.returned, "marks as counted");
  require(sum.visited <= sum.total && sum.probed <= sum.visited && sum.returned <= sum.probed &&
              sum.dropped <= sum.visited && sum.loaded <= sum.visited,
          "counters in order");
  for (size_t i = 0; i < now.bits.size(); ++i) {
    require(has_probes || (now.bits[i] & ~old.bits[i]) == 0, "bits only cleared without probes");
    if (call.request.step == StepKind::kDense) require(now.bits[i] == old.bits[i], "dense marks");
  }
  const int64_t words = view.bits_shape[3];
  for (size_t row = 0; row < now.spent.size(); ++row) {
    require(now.spent[row] >= old.spent[row], "spent never shrinks");
    require(now.spent[row] <= std::max(old.spent[row], 1.0f), "spent within any budget");
    if (!call.is_mass) require(now.spent[row] == old.spent[row], "max_gap spends nothing");
    const auto count = [&](const Contents& contents) {
      return kept(std::span(contents.bits).subspan(row * words, words));
    };
    require(call.is_shard() || count(old) == 0 || count(now) > 0, "a row keeps a tile");
  }
}

void check_answer(const Call& call, const Result& result) {
  if (!call.is_clean) return;
  const auto [low, high] = std::minmax_element(call.v.values.begin(), call.v.values.end());
  const float slack = 0.01f * std::max(std::abs(*low), std::abs(*high));
  const int64_t heads = call.q.shape[2], q_len = call.q.shape[1], width = call.q.shape[3];
  for (size_t row = 0; row < result.lse.size(); ++row) {
    const bool is_empty = result.lse[row] == -kInfinity;
    require(is_empty || std::isfinite(result.lse[row]), "lse is a number or nothing");
    const int64_t b = row / (heads * q_len), h = row / q_len % heads, t = row % q_len;
    for (int64_t d = 0; d < width; ++d) {
      const float x = result.out[((b * q_len + t) * heads + h) * width + d];
      require(is_empty ? x == 0 : x >= *low - slack && x <= *high + slack, "out is a mean of v");
    }
  }
  const bool is_maximum = call.is_mass && std::get<MassPolicy>(call.policy.policy).estimate ==
                                              MassEstimate::kRowMaximum;
  for (const float mass : result.tile_mass) {
    require(mass == -1 || mass >= 0, "masses are shares");
    require(!is_maximum || mass <= 1, "a share is at most 1");
  }
}

/// `cpu` on a state of its own that starts as the reference's did: the same visits.
void check_fast(const Call& call, const SkipState& before, const Result& want) {
  if (call.q.dtype == DType::kFloat16 || !call.is_clean) return;
  const SkipStateView view = before.view();
  SkipRequest request = call.request;
  request.state = &view;
  Result got;
  try {
    got = call.run(request, before.shape(), "cpu");
  } catch (const Unsupported&) {
    return;
  }
  const float rounding = call.q.dtype == DType::kFloat32 ? 1e-3f : 2e-2f;
  for (size_t i = 0; i < want.lse.size(); ++i) {
    require(got.lse[i] == want.lse[i] || std::abs(got.lse[i] - want.lse[i]) < 2e-3f, "cpu's lse");
  }
  for (size_t i = 0; i < want.out.size(); ++i) {
    require(std::abs(got.out[i] - want.out[i]) <= rounding * 8, "cpu's out");
  }
  require(got.report.sum().visited == want.report.sum().visited, "cpu's visits");
}

SkipState copy_of(const SkipState& from) {
  SkipState copy(from.shape());
  const SkipStateView a = from.view(), b = copy.view();
  const Contents contents(a);
  std::copy(contents.bits.begin(), contents.bits.end(), b.bits);
  std::copy(contents.header.begin(), contents.header.end(), b.header);
  std::copy(contents.spent.begin(), contents.spent.end(), b.spent);
  const auto count = [](const auto& shape) { return shape[0] * shape[1] * shape[2] * shape[3]; };
  if (a.lse != nullptr) std::copy_n(a.lse, count(a.lse_shape), b.lse);
  if (a.pending != nullptr) std::copy_n(a.pending, count(a.pending_shape), b.pending);
  return copy;
}

void one_call(fuzz::Bytes& input, const fuzz::Sizes& sizes, const SkipState& state) {
  const SkipStateView view = state.view();
  const Call call(input, sizes, view);
  const Contents old(view);
  const SkipState before = copy_of(state);
  Result result;
  try {
    result = call.run(call.request, state.shape(), "reference");
  } catch (const InvalidArgument&) {
    require(Contents(view) == old, "a refused call changes nothing");
    return;
  }
  check_state(view);
  const int32_t calls = view.field(HeaderField::kStep) * view.field(HeaderField::kStreams) +
                        view.field(HeaderField::kStream);
  const int32_t calls_before = old.header[5] * old.header[10] + old.header[11];
  require(calls == calls_before + 1, "one call further");
  check_marks(call, old, view, result);
  check_answer(call, result);
  check_fast(call, before, result);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes input(data, size);
  const fuzz::Sizes sizes = fuzz::read_sizes(input);
  SkipState state(sizes.state);
  const int32_t steps = static_cast<int32_t>(input.between(1, 4));
  const bool is_begun = !input.one_in(32);
  if (is_begun) state.begin(steps, input.flag() ? Direction::kAscending : Direction::kDescending);
  for (int64_t calls = input.between(1, 5); calls > 0; --calls) {
    one_call(input, sizes, state);
    if (input.one_in(16)) state.begin(steps);
  }
  return 0;
}
