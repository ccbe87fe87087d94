"""Tile-skipping attention for PyTorch.

Shapes, units, errors and sources are those of ``tessera/torch_ops/attention.h``.
"""

import os
import pathlib
from typing import NamedTuple

import torch

__all__ = ["AttentionResult", "SkipState", "attention_forward"]


def _load_operators():
    named = os.environ.get("TESSERA_TORCH_OPS")
    root = pathlib.Path(__file__).resolve().parents[2]
    places = [pathlib.Path(named)] if named else [root / "build/release/libtessera_torch_ops.so"]
    for place in places:
        if place.exists():
            torch.ops.load_library(str(place))
            return
    raise ImportError(f"tessera's operators were not found at {places[0]}: run `make build`, or set "
                      "TESSERA_TORCH_OPS to libtessera_torch_ops.so")


_load_operators()


class SkipState:
    """Which tiles are still computed: one layer and one stream of calls, or two that agree.

    Shapes: bits int32 [B, Hq, Tq, ceil(Tk / 32)], spent fp32 [B, Hq, Tq], header int32 [13];
    lse fp32 [streams, B, Hq, Lq] if has_lse, pending uint8 [B, Hq, Tq, Tk] if streams = 2.
    """

    def __init__(self, batch, num_heads, q_len, kv_len, *, q_tile=64, kv_tile=64, q_group=1,
                 token_order=0, streams=1, has_lse=False):
        self.tensors = torch.ops.tessera.make_skip_state(
            batch, num_heads, q_len, kv_len, q_tile, kv_tile, q_group, token_order, streams,
            has_lse)
        self.bits, self.spent, self.header, self.lse, self.pending = self.tensors

    def begin(self, total_steps):
        """Keeps all tiles and starts at step 0: before the first step of every video."""
        torch.ops.tessera.begin_generation(*self.tensors, total_steps=total_steps)


class AttentionResult(NamedTuple):
    """What one call computed, found and did."""

    out: torch.Tensor        # as q
    lse: torch.Tensor        # fp32 [B, Hq, Lq], natural log, over the visited tiles
    row_max: torch.Tensor    # fp32 [B, Hq, Lq], of unscaled scores
    counters: torch.Tensor   # int64 [B, Hq, 6]: total, visited, dropped, probed, returned, loaded
    masses: torch.Tensor     # fp64 [B, Hq, 4]: dropped, spent, lost, rows
    tile_mass: torch.Tensor  # fp32 [B, Hq, Tq, Tk] if asked for, else [0]


def attention_forward(q, k, v, state=None, **options):
    """softmax(scale q k^T) v over the tiles that the state keeps.

    Shapes: q [B, Lq, Hq, D], k and v [B, Lk, Hkv, D], fp32, fp16 or bf16, D contiguous. Options are
    those of the operator: scale, policy ("mass" or "max_gap"), level (mean budget, or threshold in
    natural-log units), levels (a table [steps, heads] instead), growth, estimate, probe_period,
    alternate_direction, dense_step, must_keep, must_skip, kv_lengths, carried_row_max,
    carried_lse, with_tile_mass, token_order, generation, stream.
    Raises: RuntimeError with the rule and the value for arguments that break a rule.
    """
    tensors = (None,) * 5 if state is None else state.tensors
    return AttentionResult(*torch.ops.tessera.attention_forward(q, k, v, *tensors, **options))
