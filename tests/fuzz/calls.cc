// Sequences of attention calls on one state: shapes, strides, policies, ranges, streams, carried
// sums, dense steps, calls that are refused. After each, every back end must have kept the promises
// of attention.h, and the fast ones must have the reference's answer and its marks.
#include <algorithm>

#include "tessera/attention/testing/backend_list.h"
#include "tessera/attention/testing/marks.h"

#include "tests/fuzz/checks.h"

namespace {

using namespace tessera;
using namespace tessera::attention;
using attention::testing::BackendCase;
using fuzz::Outcome;
using fuzz::require;

/// cpu_bf16 where the processor has it, and `cpu` by one of its instruction sets.
std::vector<BackendCase> fast_backends(fuzz::Bytes& input) {
  static const std::vector<BackendCase> all = attention::testing::backend_cases();
  std::vector<BackendCase> chosen, targets;
  for (const auto& value : all) {
    if (value.backend == "cpu") targets.push_back(value);
    if (value.backend == "cpu_bf16") chosen.push_back(value);
  }
  chosen.push_back(targets[input.byte() % targets.size()]);
  return chosen;
}

struct Run {
  SkipState state;
  fuzz::Result result;
  Outcome outcome;

  Run(const fuzz::Call& call, const SkipState& before, const BackendCase& backend)
      : state(attention::testing::copy_of(before.view())), result(call.blank(before.shape())) {
    const attention::testing::ForcedCase forced(backend);
    outcome = call.run(state.view(), backend.backend, result);
    if (outcome == Outcome::kDone) {
      require(result.report.backend == backend.full_name, "the back end that was asked for");
    } else {
      require(fuzz::same_state(state, before), "a refused call changes nothing in the state");
      require(same_arrays(result, call.blank(before.shape())), "a refused call writes nothing");
    }
  }
};

void one_call(fuzz::Bytes& input, const fuzz::Sizes& sizes, SkipState& state) {
  const fuzz::Call call(input, sizes, state.view());
  const auto backends = fast_backends(input);
  Run want(call, state, {"reference", "reference", 0});
  std::optional<fuzz::Expected> expected;
  if (want.outcome == Outcome::kDone) {
    expected.emplace(call, state);
    check_promises(call, *expected, state, {want.state, want.result});
  }
  for (const BackendCase& backend : backends) {
    const Run got(call, state, backend);
    const bool is_bf16 = backend.backend == "cpu_bf16";
    if (is_bf16 && call.problem.spec.dtype != DType::kBFloat16) {
      require(got.outcome != Outcome::kDone, "cpu_bf16 takes bf16 alone");
      continue;
    }
    require(got.outcome == want.outcome, "all back ends refuse the same");
    if (!expected) continue;
    check_promises(call, *expected, state, {got.state, got.result});
    check_against(call, *expected, state, {want.state, want.result}, {got.state, got.result},
                  is_bf16);
  }
  state = std::move(want.state);
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
    const SkipStateView view = state.view();
    const bool is_over = view.field(HeaderField::kStep) == view.field(HeaderField::kTotalSteps);
    if (input.one_in(16) || (is_over && !input.one_in(8))) state.begin(steps);
  }
  return 0;
}
