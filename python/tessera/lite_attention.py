"""Attention that remembers, from one denoising step to the next, which tiles do not matter."""

import contextlib
import contextvars

import torch

from tessera.ops import SkipState, attention_forward
from tessera.policy import Mass, MaxGap
from tessera.refusals import as_value_error, check_at_least_0
from tessera.statistics import Call, TileCounts, total

_stream = contextvars.ContextVar("tessera_stream", default=0)

_MOST_STATES = 2**16  # of a layer: no two layers' seeds meet

# Measured on a small video model at 30 % sparsity, in dB against dense attention.
_REFUSED_GUIDANCE = {
    "either": "a tile that only one stream can do without would be lost to both (-2.9 dB)",
    "one": "a tile that the deciding stream can do without would be lost to the other (-2.7 dB)",
}


@contextlib.contextmanager
def stream(name):
    """LiteAttention calls in this context belong to the named stream."""
    token = _stream.set(name)
    try:
        yield
    finally:
        _stream.reset(token)


def check_guidance(guidance):
    """Raises ValueError unless it is a way for two streams of guidance to remember."""
    if guidance in _REFUSED_GUIDANCE:
        raise ValueError(f"[LiteAttention] guidance {guidance!r} is refused: "
                         f"{_REFUSED_GUIDANCE[guidance]}; use 'own' or 'shared'")
    if guidance not in ("own", "shared"):
        raise ValueError(f"[LiteAttention] guidance must be 'own' or 'shared', got: {guidance!r}")


class LiteAttention(torch.nn.Module):
    """softmax(q k^T / sqrt(D)) v for one layer; tiles that did not matter are left out later.

        attention = tessera.LiteAttention()
        attention.begin(total_steps=30)              # before every video
        for step in range(30):
            out = attention(q, k, v, stream="cond")
            out = attention(q2, k2, v2, stream="uncond")

    A *stream* is a sequence of calls whose scores resemble each other: the conditional and the
    unconditional pass of guidance are two. guidance "own" gives each stream a state of its own;
    "shared" gives both one state, which drops only tiles that both can do without, and needs
    `begin(..., streams=2)` and both streams in the same order in every step. States appear with a
    stream's first call; they are no part of state_dict().

    policy: tessera.Mass(...) or tessera.MaxGap(...). dense_first_steps and dense_last_steps compute
    every tile; so does every step while the attribute `dense` is set. token_order names the order
    in which tokens are laid out (tessera.token_order), so that marks are never read in another.
    torch.compile runs it uncompiled, as one break of the graph; compiled code that must not break
    calls torch.ops.tessera.attention_forward with a state. probe_seed: of Mass's probes; give each
    layer its own, so that a mean over layers estimates better than one. Raises ValueError for
    settings that no call could take.
    """

    def __init__(self, policy=None, *, guidance="own", dense=False, dense_first_steps=0,
                 dense_last_steps=0, q_tile=64, kv_tile=64, token_order=0, scale=None,
                 probe_seed=0):
        super().__init__()
        check_guidance(guidance)
        self.policy = Mass() if policy is None else policy
        if not isinstance(self.policy, (Mass, MaxGap)):
            raise ValueError("[LiteAttention] policy must be a tessera.Mass or tessera.MaxGap, got: "
                             f"{policy!r}")
        check_at_least_0("LiteAttention", dense_first_steps=dense_first_steps,
                         dense_last_steps=dense_last_steps)
        with as_value_error("LiteAttention"):
            torch.ops.tessera.check_settings(q_tile=q_tile, kv_tile=kv_tile,
                                             token_order=token_order, scale=scale)
        self.guidance = guidance
        self.dense = dense
        self.dense_first_steps, self.dense_last_steps = dense_first_steps, dense_last_steps
        self.q_tile, self.kv_tile = q_tile, kv_tile
        self.token_order = token_order
        self.scale = scale
        self.probe_seed = probe_seed
        self.total_steps = 0
        self.reset()

    def reset(self):
        """Forgets all states and statistics; begin() must follow."""
        self.states = {}
        self.calls = []
        self.total_steps = 0
        self._shared = False
        self._turns = {}  # of guidance "shared": stream -> 0 or 1

    def begin(self, total_steps, *, streams=1):
        """A new video of `total_steps` calls a stream: all tiles kept, statistics empty.

        streams: of guidance "shared" alone; 1 where guidance is off.
        """
        if total_steps < 1 or streams not in (1, 2):
            raise ValueError("[LiteAttention] begin needs total_steps >= 1 and 1 or 2 streams, "
                             f"got: {total_steps} and {streams}")
        self.reset()
        self.total_steps = total_steps
        self._shared = self.guidance == "shared" and streams == 2

    def step(self, stream):
        """The stream's next step, counted from 0."""
        return sum(call.stream == stream for call in self.calls)

    @torch.compiler.disable
    def forward(self, q, k, v, *, stream=None, levels=None, **options):
        """q [B, Lq, Hq, D], k and v [B, Lk, Hkv, D], fp32, fp16 or bf16; returns out, as q.

        levels: fp32 [steps or 1, heads or 1], in place of the policy's budget or threshold. Other
        options as in tessera.attention_forward: must_keep, must_skip, kv_lengths.
        Raises RuntimeError past the last step, and for what the operator refuses.
        """
        stream = _stream.get() if stream is None else stream
        step = self.step(stream)
        self._check_step(stream, step)
        is_dense = (self.dense or step < self.dense_first_steps or
                    step >= self.total_steps - self.dense_last_steps)
        state, turn = self._state(stream, q, k)
        if isinstance(self.policy, Mass):
            # Streams with states of their own draw apart; those that share one must draw alike.
            options["probe_seed"] = self.probe_seed * _MOST_STATES + self._number_of(state)
        result = attention_forward(q, k, v, state, dense_step=is_dense, stream=turn,
                                   scale=self.scale, token_order=self.token_order, levels=levels,
                                   **self.policy.options(), **options)
        self.calls.append(Call(stream, step, is_dense, TileCounts.of(result.counters),
                               result.masses))
        return result.out

    def statistics(self):
        """TileCounts of this video so far; `calls` has them call by call."""
        return total(self.calls)

    def extra_repr(self):
        return f"{self.policy}, guidance={self.guidance!r}, dense={self.dense}"

    def _check_step(self, stream, step):
        if self.total_steps == 0:
            raise RuntimeError("[LiteAttention] call begin(total_steps) before the first step of a "
                               "video")
        if step >= self.total_steps:
            raise RuntimeError(f"[LiteAttention] all {self.total_steps} steps of stream {stream!r} "
                               "are done: call begin(total_steps) before the next video, or give "
                               "this call a stream of its own")

    def _number_of(self, state):
        return next(n for n, other in enumerate(self.states.values()) if other is state)

    def _state(self, stream, q, k):
        """The stream's state, and whose turn in it the stream must wait for."""
        if self._shared and stream not in self._turns:
            if len(self._turns) == 2:
                raise RuntimeError("[LiteAttention] guidance 'shared' is for two streams "
                                   f"{tuple(self._turns)}, got a third: {stream!r}")
            self._turns[stream] = len(self._turns)
        name = None if self._shared else stream
        if name not in self.states:
            state = SkipState(q.shape[0], q.shape[2], q.shape[1], k.shape[1], q_tile=self.q_tile,
                              kv_tile=self.kv_tile, token_order=self.token_order,
                              streams=2 if self._shared else 1, has_lse=self.policy.needs_lse)
            state.begin(self.total_steps)
            self.states[name] = state
        return self.states[name], self._turns.get(stream, 0)
