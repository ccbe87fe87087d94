"""What attention calls visited and left out, counted in tiles."""

from dataclasses import dataclass, fields

import torch


@dataclass(frozen=True)
class TileCounts:
    """Tiles summed over batch and heads; as attention::TileCounts."""

    total: int = 0
    visited: int = 0
    dropped: int = 0   # newly: not visited from the next step on
    probed: int = 0    # dropped earlier, visited to see what they hold now
    returned: int = 0  # of these, kept again
    loaded: int = 0    # key tiles to load, once a group of q_group rows

    @property
    def sparsity(self):
        """The share of the tiles that was not computed."""
        return 1 - self.visited / self.total if self.total else 0.0

    @classmethod
    def of(cls, counters):
        """counters: int64 [B, Hq, 6], as attention_forward gives them."""
        return cls(*counters.sum(dim=(0, 1)).tolist())

    def __add__(self, other):
        return TileCounts(*(getattr(self, field.name) + getattr(other, field.name)
                            for field in fields(self)))


@dataclass(frozen=True)
class Call:
    """One attention call; step counts the stream's calls from 0."""

    stream: object
    step: int
    is_dense: bool
    tiles: TileCounts
    masses: torch.Tensor  # fp64 [B, Hq, 4]: dropped, spent, lost, rows


def total(calls):
    """The sum of the calls' tiles."""
    return sum((call.tiles for call in calls), TileCounts())
