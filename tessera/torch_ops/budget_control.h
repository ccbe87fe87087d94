// Private: attention::BudgetControl as a Torch class, torch.classes.tessera.BudgetControl.
#pragma once

#include <torch/library.h>

namespace tessera::torch_ops {

/// BudgetControl(goal: "sparsity" or "recall", target, budget, growth, probe_period, total_steps,
///               last_lite_step)
///   level(step) -> float         a call's budget in this step, scaled and cut
///   observe(counts, masses, is_dense)   the step is over: TileCounts' six numbers summed over its
///                                calls, and their masses, fp64 [any, 4], as the operator gives
///                                them
/// Throws InvalidArgument for what BudgetControl and MassPolicy refuse.
void register_budget_control(torch::Library& library);

}  // namespace tessera::torch_ops
