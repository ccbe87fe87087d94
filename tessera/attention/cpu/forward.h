// Private: attention on the CPU, one algorithm compiled per instruction set, chosen at run time.
// How it works and what it costs: docs/attention/cpu.md.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/attention/forward_plan.h"

namespace tessera::attention::cpu {

void forward(ForwardPlan& plan);

/// "cpu/AVX3", "cpu/AVX2", ...: what forward() will run now.
std::string full_name();

/// The instruction sets that are compiled in, as Highway's bits (HWY_AVX2, ...).
int64_t compiled_targets();

}  // namespace tessera::attention::cpu
