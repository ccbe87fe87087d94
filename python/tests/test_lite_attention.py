"""LiteAttention: streams, dense steps, and what it refuses."""

import copy

import pytest
import torch

import tessera

GAP = tessera.MaxGap(threshold=-2.0)


def inputs(step=0, length=100):
    """16 neighbours look alike, so that scores stand out near the diagonal; the rest is noise."""
    generator = torch.Generator().manual_seed(7)
    groups = torch.randn(1, -(-length // 16), 2, 16, generator=generator)
    base = groups.repeat_interleave(16, 1)[:, :length]
    generator = torch.Generator().manual_seed(step)
    noise = torch.randn(3, 1, length, 2, 16, generator=generator)
    return [1.5 * base + noise[0], 1.5 * base + noise[1], noise[2]]


def make(policy=GAP, **options):
    return tessera.LiteAttention(policy, q_tile=16, kv_tile=16, **options)


def test_streams_keep_states_of_their_own():
    attention, alone = make(), make()
    attention.begin(3)
    alone.begin(3)
    for step in range(3):
        with tessera.stream("cond"):
            out = attention(*inputs(step))
        attention(*inputs(step + 10), stream="uncond")
        assert torch.equal(out, alone(*inputs(step), stream="cond"))
    assert torch.equal(attention.states["cond"].bits, alone.states["cond"].bits)
    assert not torch.equal(attention.states["cond"].bits, attention.states["uncond"].bits)
    assert attention.statistics().sparsity > 0.1
    assert [call.step for call in attention.calls if call.stream == "uncond"] == [0, 1, 2]


def test_a_shared_state_drops_only_what_both_streams_can_do_without():
    shared, own = make(guidance="shared"), make()
    shared.begin(1, streams=2)
    own.begin(1)
    for attention in (shared, own):
        attention(*inputs(0), stream="cond")
        attention(*inputs(1), stream="uncond")
    kept = own.states["cond"].kept() | own.states["uncond"].kept()
    assert torch.equal(shared.states[None].kept(), kept)
    assert 0 < kept.sum() < kept.numel()


def test_a_shared_state_refuses_the_wrong_turn_and_a_third_stream():
    attention = make(guidance="shared")
    attention.begin(2, streams=2)
    attention(*inputs(), stream="cond")
    with pytest.raises(RuntimeError, match="stream 1, got: 0"):
        attention(*inputs(), stream="cond")
    attention(*inputs(), stream="uncond")
    with pytest.raises(RuntimeError, match="got a third: 'other'"):
        attention(*inputs(), stream="other")


def test_shared_guidance_without_a_second_stream_is_one_state():
    attention = make(guidance="shared")
    attention.begin(2)
    attention(*inputs(0))
    attention(*inputs(1))
    assert attention.statistics().sparsity > 0


@pytest.mark.parametrize("options, dense", [
    (dict(dense=True), [0, 1, 2, 3]),
    (dict(dense_first_steps=2), [0, 1, 2]),  # marks of step 2 act from step 3 on
    (dict(dense_last_steps=1), [0, 3]),
])
def test_dense_steps(options, dense):
    attention = make(**options)
    attention.begin(4)
    for step in range(4):
        attention(*inputs(step))
    assert [call.step for call in attention.calls if call.tiles.sparsity == 0] == dense


def test_a_second_video_starts_afresh_in_another_shape():
    attention = make()
    attention.begin(2)
    attention(*inputs(0))
    first = attention(*inputs(1))
    attention.begin(2)
    attention(*inputs(0, length=64))
    attention.begin(2)
    attention(*inputs(0))
    assert torch.equal(attention(*inputs(1)), first)


def test_steps_before_the_first_and_past_the_last_are_refused():
    attention = make()
    with pytest.raises(RuntimeError, match="call begin"):
        attention(*inputs())
    attention.begin(1)
    attention(*inputs(), stream="cond")
    with pytest.raises(RuntimeError, match="all 1 steps of stream 'cond' are done"):
        attention(*inputs(), stream="cond")
    attention(*inputs(), stream="uncond")


@pytest.mark.parametrize("guidance, message", [("either", "-2.9 dB"), ("one", "-2.7 dB"),
                                               ("both", "'own' or 'shared'")])
def test_guidance_that_harms_is_refused_with_the_reason(guidance, message):
    with pytest.raises(ValueError, match=message):
        make(guidance=guidance)


def test_a_failed_call_counts_no_step():
    attention = make()
    attention.begin(1)
    q, k, v = inputs()
    with pytest.raises(RuntimeError, match="k must be"):
        attention(q, k[..., :8], v)
    assert attention.step(0) == 0
    attention(q, k, v)


def test_states_are_no_part_of_a_checkpoint():
    model = torch.nn.Sequential(make())
    model[0].begin(2)
    model[0](*inputs())
    assert model.state_dict() == {}
    assert copy.deepcopy(model)[0].step(0) == 1


def test_the_policy_mass_is_the_default_and_takes_levels():
    attention = make(policy=None)
    assert attention.policy == tessera.Mass()
    attention.begin(2)
    attention(*inputs(0), levels=torch.tensor([[0.5]]))
    attention(*inputs(1), levels=torch.tensor([[0.0]]))
    assert attention.calls[0].tiles.dropped > 0
    assert attention.calls[1].tiles.dropped == 0
    assert attention.calls[0].masses[..., 0].max() <= 0.5


def test_layers_and_streams_draw_their_probes_apart():
    """On equal inputs: which tiles are visited once most are dropped tells the probes."""
    visited = []
    for seed in (0, 1, 1):
        attention = make(tessera.Mass(budget=0.45, growth="constant", probe_period=3),
                         probe_seed=seed)
        attention.begin(5)
        for _ in range(5):
            for stream in ("cond", "uncond"):
                attention(*inputs(), stream=stream)
        for stream in ("cond", "uncond"):
            visited.append([call.tiles.probed for call in attention.calls
                            if call.stream == stream])
    assert visited[2:4] == visited[4:]
    assert len({tuple(probes) for probes in visited[:4]}) == 4
    assert max(map(max, visited)) > 0


def test_compiled_callers_run_it_uncompiled():
    attention = make()
    attention.begin(2)
    layer = torch.compile(lambda q, k, v: attention(q * 2, k, v) + 1, backend="eager")
    for step in range(2):
        layer(*inputs(step))
    assert attention.step(0) == 2
