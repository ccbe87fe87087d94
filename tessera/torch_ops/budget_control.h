// Private: attention::BudgetControl as a Torch class, torch.classes.tessera.BudgetControl.
#pragma once

#include <torch/library.h>

namespace tessera::torch_ops {

/// BudgetControl(goal: "sparsity" or "recall", target, budget, growth, probe_period, total_steps,
///               last_lite_step)
///   level(step) -> float         a call's budget in this step, scaled and cut
///   observe(counters, masses, is_dense)   the step is over: of its calls, as the operator gives
///                                them or summed, int64 [any, 6] and fp64 [any, 4]
/// Throws InvalidArgument for what BudgetControl and MassPolicy refuse.
void register_budget_control(torch::Library& library);

}  // namespace tessera::torch_ops
