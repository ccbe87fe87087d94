// The back ends, once for each instruction set compiled into them; a way to force one.
#pragma once

#include <ostream>
#include <string>
#include <vector>

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

}  // namespace tessera::attention::testing
