// One test per back end and per instruction set compiled into it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/testing/problem.h"

#include "hwy/targets.h"

namespace tessera::attention::testing {

struct BackendCase {
  std::string backend;     // as forced by name
  std::string full_name;   // as reported
  int64_t hwy_target = 0;  // 0: not a Highway back end

  friend void PrintTo(const BackendCase& value, std::ostream* stream) {
    *stream << value.full_name;
  }
};

/// Forces what a case needs, until it is destroyed.
class ForcedCase {
 public:
  explicit ForcedCase(const BackendCase& value) {
    hwy::SetSupportedTargetsForTest(value.hwy_target);
    makes_bf16_problems() = value.backend == "cpu_bf16";
  }
  ~ForcedCase() {
    hwy::SetSupportedTargetsForTest(0);
    makes_bf16_problems() = false;
  }
  ForcedCase(const ForcedCase&) = delete;
  ForcedCase& operator=(const ForcedCase&) = delete;
};

/// The reference, cpu_bf16 where the processor has it, and the CPU back end once for each compiled
/// target that this machine has.
inline std::vector<BackendCase> backend_cases() {
  std::vector<BackendCase> cases = {{"reference", "reference", 0}};
  if (cpu::bf16_is_supported()) cases.push_back({"cpu_bf16", "cpu_bf16/AVX512_BF16", 0});
  const int64_t targets = cpu::compiled_targets();
  // The baseline is the highest bit: it needs no support from the machine.
  for (int64_t rest = targets; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    const bool is_baseline = (rest & (rest - 1)) == 0;
    if (!is_baseline && (hwy::SupportedTargets() & target) == 0) continue;
    cases.push_back({"cpu", std::string("cpu/") + hwy::TargetName(target), target});
  }
  return cases;
}

/// A test with GetParam() as the back end that its calls run on, through options().
class PerBackend : public ::testing::TestWithParam<BackendCase> {
 protected:
  RunOptions options(Executor* executor = nullptr) const {
    return {.executor = executor, .backend = GetParam().backend};
  }

 private:
  ForcedCase forced_{GetParam()};
};

inline std::string case_name(const ::testing::TestParamInfo<BackendCase>& info) {
  std::string name = info.param.full_name;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

#define TESSERA_PER_BACKEND(suite)                                                              \
  INSTANTIATE_TEST_SUITE_P(All, suite,                                                          \
                           ::testing::ValuesIn(::tessera::attention::testing::backend_cases()), \
                           ::tessera::attention::testing::case_name)

}  // namespace tessera::attention::testing
