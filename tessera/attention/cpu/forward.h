// Private: attention on the CPU. One schedule; the inner loops come as a table, by instruction set
// and element. How it works and what it costs: docs/attention/cpu.md.
#pragma once

#include <string>

#include "tessera/attention/forward_plan.h"

namespace tessera::attention::cpu {

/// fp32, fp16 or bf16 inputs, all computed in fp32.
void forward(ForwardPlan& plan);

/// "cpu/AVX3", "cpu/AVX2", ...: what forward() will run now.
std::string full_name();

/// bf16 inputs with AVX-512's bf16 dot products, twice the multiply-adds a cycle of fp32. Scores
/// and sums are fp32; weights are rounded to bf16 before they meet the values.
void bf16_forward(ForwardPlan& plan);

}  // namespace tessera::attention::cpu
