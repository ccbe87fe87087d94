"""What decides which tiles are dropped. The C++ headers mass.h and max_gap.h are the originals."""

from dataclasses import dataclass

import torch

from tessera import ops  # noqa: F401  (loads the operators)
from tessera.refusals import as_value_error


def _check(policy):
    with as_value_error(type(policy).__name__):
        torch.ops.tessera.check_settings(**policy.options())


@dataclass(frozen=True)
class Mass:
    """The tiles that hold the least softmax mass go first, within a budget that grows.

    budget: share of a row's mass that may be lost, mean over the steps, in [0, 0.5); growth
    "linear" or "constant"; estimate "row_maximum" (certified) or "row_mean"; probe_period: 0, or
    every how many steps a dropped tile is looked at again. Raises ValueError outside these.
    """

    budget: float = 0.05
    growth: str = "linear"
    estimate: str = "row_maximum"
    probe_period: int = 0
    alternate_direction: bool = True

    def __post_init__(self):
        _check(self)

    @property
    def needs_lse(self):
        return self.estimate == "row_mean"

    def options(self):
        """The operator's arguments."""
        return dict(policy="mass", level=self.budget, growth=self.growth, estimate=self.estimate,
                    probe_period=self.probe_period, alternate_direction=self.alternate_direction)


@dataclass(frozen=True)
class MaxGap:
    """The paper's rule: a tile goes when its largest score lies far below each row's maximum.

    threshold: natural-log units, below 0 (upstream's -10 in log2 units is -6.93). Raises ValueError
    otherwise.
    """

    threshold: float = -6.93
    alternate_direction: bool = True
    needs_lse = False

    def __post_init__(self):
        _check(self)

    def options(self):
        """The operator's arguments."""
        return dict(policy="max_gap", level=self.threshold,
                    alternate_direction=self.alternate_direction)
