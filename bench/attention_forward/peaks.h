// What this machine's arithmetic can do: loops that touch registers only.
#pragma once

#include "bench/attention_forward/clock.h"

namespace tessera::bench {

/// GFLOP/s of Torch's threads together, each with independent chains of fp32 multiply-adds or of
/// bf16 dot products (two multiply-adds a lane); 0 where the processor has no such instruction
/// that this file knows. Takes about 20 ms.
double fp32_peak(Clock clock);
double bf16_peak(Clock clock);

}  // namespace tessera::bench
