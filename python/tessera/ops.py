"""The operators as Python functions; one call each, nothing remembered here.

Shapes, units, errors and sources are those of ``tessera/torch_ops/attention.h`` and
``tessera/attention/attention.h``.
"""

import os
from typing import NamedTuple

import torch

from tessera import _operators

_operators.load()


class SkipState:
    """Which tiles are still computed: one layer and one stream of calls, or two that agree.

    Shapes: bits int32 [B, Hq, Tq, ceil(Tk / 32)], spent fp32 [B, Hq, Tq], header int32 [13];
    lse fp32 [streams, B, Hq, Lq] if has_lse, pending uint8 [B, Hq, Tq, Tk] if streams = 2.
    """

    def __init__(self, batch, num_heads, q_len, kv_len, *, q_tile=64, kv_tile=64, q_group=1,
                 token_order=0, streams=1, has_lse=False):
        self._hold(torch.ops.tessera.make_skip_state(
            batch, num_heads, q_len, kv_len, q_tile, kv_tile, q_group, token_order, streams,
            has_lse))

    def _hold(self, tensors):
        self.tensors = tensors
        self.bits, self.spent, self.header, self.lse, self.pending = tensors

    @property
    def kv_tiles(self):
        """Tk; of the header, kv_tile is number 2 and kv_len number 9."""
        return -(-self.header[9].item() // self.header[2].item())

    def begin(self, total_steps, *, first="ascending"):
        """Keeps all tiles and starts at step 0: before the first step of every video.

        first: the order in which the first step visits a row of tiles; or "descending".
        """
        torch.ops.tessera.begin_generation(*self.tensors, total_steps=total_steps, first=first)

    def check(self):
        """Raises RuntimeError unless all that docs/attention/state.md says of a state holds."""
        torch.ops.tessera.check_state(*self.tensors)

    def save(self, path):
        """Writes the state to a safetensors file, in one step: docs/attention/state.md.

        Raises RuntimeError for a state that check() refuses, and on the disk.
        """
        torch.ops.tessera.save_state(*self.tensors, path=os.fspath(path))

    @classmethod
    def load(cls, path):
        """The state of a file; it goes on where it was saved.

        Raises RuntimeError that begins with the path, for a file that holds no sound state too.
        """
        state = cls.__new__(cls)
        state._hold(torch.ops.tessera.load_state(os.fspath(path)))
        return state

    def kept(self):
        """Which tiles are kept: bool [B, Hq, Tq, Tk]."""
        bits = self.bits.unsqueeze(-1) >> torch.arange(32, dtype=torch.int32) & 1
        return bits.flatten(-2)[..., :self.kv_tiles].bool()


class TokenRange(NamedTuple):
    """Keys [begin, end), for the queries [q_begin, q_end) of one query head; -1: all."""

    begin: int
    end: int
    q_begin: int = 0
    q_end: int = -1
    head: int = -1


def _range_rows(ranges):
    """The operator's int64 [n, 5], from pairs (begin, end) or TokenRanges; tensors as they are."""
    if ranges is None or isinstance(ranges, torch.Tensor):
        return ranges
    return torch.tensor([TokenRange(*one) for one in ranges], dtype=torch.int64).reshape(-1, 5)


class AttentionResult(NamedTuple):
    """What one call computed, found and did."""

    out: torch.Tensor        # as q
    lse: torch.Tensor        # fp32 [B, Hq, Lq], natural log, over the visited tiles
    row_max: torch.Tensor    # fp32 [B, Hq, Lq], of unscaled scores
    counters: torch.Tensor   # int64 [B, Hq, 6]: total, visited, dropped, probed, returned, loaded
    masses: torch.Tensor     # fp64 [B, Hq, 4]: dropped, spent, lost, rows


def attention_forward(q, k, v, state=None, **options):
    """softmax(scale q k^T) v over the tiles that the state keeps.

    Shapes: q [B, Lq, Hq, D], k and v [B, Lk, Hkv, D], fp32, fp16 or bf16, D contiguous. Options are
    those of the operator: scale, policy ("mass" or "max_gap"), level (mean budget, or threshold in
    natural-log units), levels (a table [steps, heads] instead), growth, estimate, probe_period,
    probe_seed,
    alternate_direction, dense_step, must_keep, must_skip, kv_lengths, carried_row_max,
    carried_lse, tile_mass (fp32 [B, Hq, Tq, Tk], written), token_order, generation, stream.
    must_keep and must_skip are lists of TokenRange or (begin, end), in key tokens.
    Raises: RuntimeError with the rule and the value for arguments that break a rule.
    """
    tensors = (None,) * 5 if state is None else state.tensors
    for name in ("must_keep", "must_skip"):
        if name in options:
            options[name] = _range_rows(options[name])
    return AttentionResult(*torch.ops.tessera.attention_forward(q, k, v, *tensors, **options))


class MergedAttention(NamedTuple):
    """Attention over the keys of several calls."""

    out: torch.Tensor  # [B, Lq, Hq, D]
    lse: torch.Tensor  # fp32 [B, Hq, Lq], natural log


def merge_partials(parts, *, dtype=None):
    """One answer from several over different keys: attention::merge_partials.

    parts: AttentionResults, or pairs (out, lse), of the same queries; each key in one part alone.
    dtype: of the merged out; the first part's if None. fp32 parts lose least. Parts can be merged
    again. docs/attention/shards.md says how the calls of shards tell each other what they found.
    Raises: RuntimeError for no parts, or shapes and dtypes that do not fit.
    """
    parts = list(parts)
    if not parts:  # without a tensor the dispatcher does not know whom to ask
        raise RuntimeError("[merge_partials] parts must hold at least one, got: none")
    return MergedAttention(*torch.ops.tessera.merge_partials(
        [part[0] for part in parts], [part[1] for part in parts], dtype=dtype))


class TokenOrder(NamedTuple):
    """Both ways between laid-out positions and raster indices, each a permutation of [0, L)."""

    raster_index: torch.Tensor  # int64 [L], of the token laid out at a position
    position: torch.Tensor      # int64 [L], of the token with a raster index; the inverse
    id: int                     # by which a SkipState knows the order: its token_order

    def to(self, device):
        return TokenOrder(self.raster_index.to(device), self.position.to(device), self.id)


def token_order(kind, frames, height, width, *, box=(4, 4, 8)):
    """The order in which a video's tokens are laid out: attention::make_token_order.

    kind: "raster", "hilbert" (compact at every tile size) or "boxes" (of `box` tokens along t, y,
    x). tokens[:, order.raster_index] lays out, tokens[:, order.position] puts back.
    Raises: RuntimeError for an unknown kind or sizes outside their ranges.
    """
    return TokenOrder(*torch.ops.tessera.token_order(kind, frames, height, width, list(box)))


def last_backend():
    """The back end that this thread's last call ran on, such as "cpu/AVX3"."""
    return torch.ops.tessera.last_backend()
