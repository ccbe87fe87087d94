"""Holding a target over one video; attention::BudgetControl is the original (control.h)."""

from dataclasses import astuple

import torch

from tessera.policy import Mass
from tessera.refusals import as_value_error
from tessera.statistics import total


class BudgetControl:
    """Scales the budgets of the policy Mass, after each step, by what was seen so far.

    goal "sparsity": the share of all tiles of the video that is not computed, target in (0, 0.95].
    goal "recall": the kept tiles' share of the mass, in [0.5, 1); needs a probe_period.
    Raises RuntimeError for a target outside its range.
    """

    def __init__(self, goal, target, policy, total_steps, last_lite_step):
        self._control = torch.classes.tessera.BudgetControl(
            goal, target, policy.budget, policy.growth, policy.probe_period, total_steps,
            last_lite_step)

    def levels(self, step):
        """The budget of the step's calls, as the operator's `levels`: fp32 [1, 1]."""
        return torch.tensor([[self._control.level(step)]])

    def observe(self, calls):
        """The step's calls are done: all layers and streams."""
        masses = torch.cat([call.masses.flatten(0, 1) for call in calls])
        self._control.observe(torch.tensor([astuple(total(calls))]), masses,
                              all(call.is_dense for call in calls))


def check_target(target_sparsity, target_recall, policy):
    """("sparsity" or "recall", target), or None. Raises ValueError for what does not fit."""
    if target_sparsity is None and target_recall is None:
        return None
    if target_sparsity is not None and target_recall is not None:
        raise ValueError("[tessera] target_sparsity and target_recall exclude each other")
    if not isinstance(policy, Mass):
        raise ValueError(f"[tessera] a target needs the policy Mass, got: {policy}")
    target = (("recall", target_recall) if target_sparsity is None
              else ("sparsity", target_sparsity))
    with as_value_error():
        BudgetControl(*target, policy, 1, 0)
    return target
