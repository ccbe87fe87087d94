"""Tile-skipping attention for PyTorch.

Shapes, units, errors and sources are those of ``tessera/torch_ops/attention.h``.
"""

import os
import pathlib

import torch

__all__ = ["SkipState", "attention_forward"]


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
    """Which tiles are still computed: one layer and one stream of calls.

    Shapes: bits int32 [B, Hq, Tq, ceil(Tk / 32)], spent fp32 [B, Hq, Tq], header int32 [10].
    """

    def __init__(self, batch, num_heads, q_len, kv_len, q_tile=64, kv_tile=64,
                 token_order=0):
        self.bits, self.spent, self.header = torch.ops.tessera.make_skip_state(
            batch, num_heads, q_len, kv_len, q_tile, kv_tile, token_order)

    def begin(self, total_steps):
        """Keeps all tiles and starts at step 0: before the first step of every video."""
        torch.ops.tessera.begin_generation(self.bits, self.spent, self.header, total_steps)


def attention_forward(q, k, v, state=None, *, scale=None, threshold=-6.93,
                      alternate_direction=True, dense_step=False, must_keep=(), must_skip=(),
                      kv_lengths=None, token_order=0, generation=None):
    """softmax(scale q k^T) v over the tiles that the state keeps.

    Shapes: q [B, Lq, Hq, D], k and v [B, Lk, Hkv, D], fp32 or bf16, D contiguous. Returns out (as
    q), lse fp32 [B, Hq, Lq], counters int64 [B, Hq, 3]: total, visited, newly dropped tiles.
    token_order and generation must be the state's; None is any generation.
    Raises: RuntimeError with the rule and the value for arguments that break a rule.
    """
    tensors = (None, None, None) if state is None else (state.bits, state.spent, state.header)
    return torch.ops.tessera.attention_forward(
        q, k, v, *tensors, scale=scale, threshold=threshold,
        alternate_direction=alternate_direction, dense_step=dense_step,
        must_keep=list(must_keep), must_skip=list(must_skip), kv_lengths=kv_lengths,
        token_order=token_order, generation=generation)
