"""Turns tile-skipping attention on and off in a diffusers Wan pipeline."""

from dataclasses import dataclass

import torch

from tessera.control import BudgetControl, check_target
from tessera.diffusers.layout import TokenLayout
from tessera.diffusers.processor import LiteWanProcessor
from tessera.diffusers.report import make_report
from tessera.diffusers.streams import StreamTracker
from tessera.lite_attention import LiteAttention, check_guidance
from tessera.ops import token_order
from tessera.policy import Mass
from tessera.refusals import as_value_error, check_at_least_0
from tessera.statistics import total

_ATTRIBUTE = "_tessera_lite"


@dataclass(frozen=True)
class Settings:
    """How a pipeline's self-attention computes; enable() says what each field means."""

    policy: object = Mass()
    target_sparsity: float = None
    target_recall: float = None
    guidance: str = "own"
    batched_guidance: bool = False
    dense: bool = False
    dense_first_steps: int = 0
    dense_last_steps: int = 0
    dense_layers: tuple = ()
    token_order: str = "hilbert"
    token_box: tuple = (4, 4, 8)
    q_tile: int = 64
    kv_tile: int = 64


class WanLite:
    """What enable() returns: one pipeline's attention, its states and what they did.

    `layers` holds a list of LiteAttention for each of the pipeline's transformers (Wan2.2 has two).
    A second video starts afresh by itself: diffusers' schedulers make new timesteps for it.
    """

    def __init__(self, pipe, settings):
        self.pipe, self.settings = pipe, settings
        self.transformers = _transformers(pipe)
        _check_settings(settings, self.transformers)
        self.target = check_target(settings.target_sparsity, settings.target_recall,
                                   settings.policy)
        self.control = None
        self.step_calls = []   # of this step, all layers and streams
        self.timesteps = None  # of the video that runs; holding it keeps its identity
        self.layers, self._undo = [], []
        try:
            self._patch()
        except BaseException:
            self.remove()
            raise

    def report(self):
        """The last video's tiles by layer and step: a dict that json can write."""
        return make_report(self.layers, self.settings)

    def sparsity(self):
        """The share of the last video's tiles that was not computed."""
        return total(call for layers in self.layers for layer in layers
                     for call in layer.calls).sparsity

    def remove(self):
        """Gives the transformers back as they were."""
        while self._undo:
            self._undo.pop()()

    def _patch(self):
        self.tracker = StreamTracker(self.transformers)
        self._undo.append(self.tracker.remove)
        for index, transformer in enumerate(self.transformers):
            self._patch_transformer(index, transformer)

    def _patch_transformer(self, index, transformer):
        settings = self.settings
        layout = TokenLayout(transformer, settings.token_order, settings.token_box)
        self._undo.append(layout.remove)
        hook = transformer.register_forward_pre_hook(lambda *_: self._before_call(index))
        self._undo.append(hook.remove)
        self.layers.append([])
        for number, block in enumerate(transformer.blocks):
            attention = LiteAttention(
                settings.policy, guidance=settings.guidance,
                dense=settings.dense or number in settings.dense_layers, q_tile=settings.q_tile,
                kv_tile=settings.kv_tile, probe_seed=number + index * len(transformer.blocks))
            self.layers[index].append(attention)
            original = block.attn1.processor
            block.attn1.set_processor(LiteWanProcessor(number, self._attend(attention, layout)))
            self._undo.append(lambda attn=block.attn1, old=original: attn.set_processor(old))

    def _before_call(self, index):
        if self.pipe.scheduler.timesteps is not self.timesteps:
            self._begin_video()
        if self.tracker.call() and self.step_calls:
            if self.control:
                self.control.observe(self.step_calls)
            self.step_calls = []

    def _begin_video(self):
        self.timesteps = self.pipe.scheduler.timesteps
        streams = 2 if self.pipe.do_classifier_free_guidance else 1
        self.tracker.begin(1 if self.settings.batched_guidance else streams)
        total, steps = self._share_steps()
        self.step_calls = []
        if self.target and not self.settings.dense:
            self.control = BudgetControl(*self.target, self.settings.policy, total,
                                         total - 1 - self.settings.dense_last_steps)
        for layers, (first, end) in zip(self.layers, steps):
            for layer in layers:
                layer.reset()
                # Counted from the film's ends, of which an expert sees its own part.
                layer.dense_first_steps = max(0, self.settings.dense_first_steps - first)
                layer.dense_last_steps = max(0, self.settings.dense_last_steps - (total - end))
                if first < end:
                    layer.begin(end - first, streams=streams)

    def _share_steps(self):
        """The film's steps, and each transformer's [first, end) of them: Wan2.2's experts share."""
        used = self.timesteps[-self.pipe.num_timesteps:].tolist()
        boundary = getattr(self.pipe.config, "boundary_ratio", None)
        if boundary is None or len(self.layers) != 2:
            return len(used), [(0, len(used))] * len(self.layers)
        boundary *= self.pipe.scheduler.config.num_train_timesteps
        first = sum(t >= boundary for t in used)
        return len(used), [(0, first), (first, len(used))]

    def _attend(self, attention, layout):
        def attend(layer, q, k, v):
            attention.token_order = layout.order_id
            levels = self.control.levels(self.tracker.step) if self.control else None
            streams, parts = [self.tracker.stream], [(q, k, v)]
            if self.settings.batched_guidance:
                streams, parts = ["uncond", "cond"], zip(q.chunk(2), k.chunk(2), v.chunk(2))
            outs = []
            for stream, part in zip(streams, parts):
                outs.append(attention(*part, stream=stream, levels=levels))
                self.step_calls.append(attention.calls[-1])
            return torch.cat(outs) if len(outs) > 1 else outs[0]
        return attend


def enable(pipe, **settings):
    """Replaces self-attention in a Wan pipeline; cross-attention stays diffusers' own.

    pipe: WanPipeline, WanImageToVideoPipeline or WanVideoToVideoPipeline of diffusers, on the CPU.
    settings:
      policy            tessera.Mass(budget=...) or tessera.MaxGap(threshold=...)
      target_sparsity   the share of all tiles of a video to leave out, in (0, 0.95]: the policy
                        Mass's budgets are scaled during the run; or
      target_recall     the share of the mass to keep, in [0.5, 1); needs Mass(probe_period=...)
      guidance          "own": a state for each pass of guidance; "shared": one state for both,
                        which drops only tiles that both can do without
      batched_guidance  the pipeline makes one call a step with both passes in the batch, the
                        unconditional first; diffusers' own Wan pipelines make two
      dense, dense_first_steps, dense_last_steps, dense_layers    where every tile is computed;
                        steps count from the film's ends, whichever expert of Wan2.2 makes them
      token_order       "hilbert", "boxes" (of token_box tokens along t, y, x) or "raster"
      q_tile, kv_tile   tokens of a tile

    Returns the WanLite. Raises ValueError for a pipeline that is patched already or settings that
    are refused, TypeError for a pipeline without a Wan transformer.
    """
    if getattr(pipe, _ATTRIBUTE, None) is not None:
        raise ValueError("[tessera.diffusers] this pipeline is patched already: disable() it first")
    lite = WanLite(pipe, Settings(**settings))
    setattr(pipe, _ATTRIBUTE, lite)
    return lite


def disable(pipe):
    """Undoes enable(). Raises ValueError if there is nothing to undo."""
    lite = getattr(pipe, _ATTRIBUTE, None)
    if lite is None:
        raise ValueError("[tessera.diffusers] this pipeline is not patched: enable() it first")
    lite.remove()
    delattr(pipe, _ATTRIBUTE)


def _check_settings(settings, transformers):
    """What no call could take is refused here, before a pipeline spends minutes on its prompt."""
    check_guidance(settings.guidance)
    check_at_least_0("tessera.diffusers", dense_first_steps=settings.dense_first_steps,
                     dense_last_steps=settings.dense_last_steps)
    count = min(len(transformer.blocks) for transformer in transformers)
    for layer in settings.dense_layers:
        if layer not in range(count):
            raise ValueError(f"[tessera.diffusers] a dense layer must be in [0, {count}), got: "
                             f"{layer!r}")
    with as_value_error():
        token_order(settings.token_order, 1, 1, 1, box=settings.token_box)


def _transformers(pipe):
    from diffusers import WanTransformer3DModel

    found = [getattr(pipe, name, None) for name in ("transformer", "transformer_2")]
    found = [model for model in found if model is not None]
    for model in found:
        if not isinstance(model, WanTransformer3DModel):
            raise TypeError("[tessera.diffusers] the transformer must be diffusers' "
                            f"WanTransformer3DModel, got: {type(model).__name__}")
    if not found:
        raise TypeError(f"[tessera.diffusers] {type(pipe).__name__} has no transformer")
    return found
