// Private: attention in fp64, plain. The truth that every other back end is tested against.
#pragma once

#include "tessera/attention/forward_plan.h"

namespace tessera::attention {

/// Scores are summed in fp64 in the order of the head's dimensions; each row of scores is held
/// whole. Only the output's own rounding to fp32 or bf16 comes after.
void reference_forward(ForwardPlan& plan);

}  // namespace tessera::attention
