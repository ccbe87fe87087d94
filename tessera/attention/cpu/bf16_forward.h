// Private: attention on bf16 inputs with AVX-512's bf16 dot products, twice the multiply-adds a
// cycle of fp32. How it works and what it costs: docs/attention/cpu.md.
#pragma once

#include <string>

#include "tessera/attention/forward_plan.h"

namespace tessera::attention::cpu {

/// Has this processor, and its operating system, AVX-512 F, BW, DQ, VL and BF16?
bool bf16_is_supported();

/// q, k and v must be bf16. Scores and sums are fp32; the weights are rounded to bf16 before they
/// meet the values.
void bf16_forward(ForwardPlan& plan);

}  // namespace tessera::attention::cpu
