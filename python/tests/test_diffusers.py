"""The real diffusers package with a tiny random Wan transformer."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch

pytest.importorskip("diffusers")

import tessera
import tessera.diffusers
from tiny_wan import film, make_pipe

TILES = dict(q_tile=8, kv_tile=8)
GAP = tessera.MaxGap(threshold=-2.0)


@pytest.fixture(scope="module")
def truth():
    """The film in fp64, and how far diffusers' own fp32 film is from it."""
    exact = film(make_pipe(dtype=torch.float64)).double()
    return exact, (film(make_pipe()) - exact).abs().max()


@pytest.mark.parametrize("order", ["raster", "hilbert", "boxes"])
def test_dense_is_diffusers_own_film(truth, order):
    """Both films are rounded as often; the bound is what diffusers' own rounding costs, times 4."""
    exact, rounding = truth
    pipe = make_pipe()
    tessera.diffusers.enable(pipe, dense=True, token_order=order, token_box=(2, 2, 3))
    assert (film(pipe) - exact).abs().max() <= 4 * rounding


def test_one_layer_is_diffusers_own_attention():
    """One output of attention is a mean of values, so fp32 rounding of scores and sums bounds it."""
    pipe = make_pipe()
    attention = pipe.transformer.blocks[0].attn1
    hidden = torch.randn(1, 150, 48, generator=torch.Generator().manual_seed(1))
    rotary = pipe.transformer.rope(torch.zeros(1, 4, 5, 12, 10))
    want = attention(hidden, rotary_emb=rotary)
    exact = attention.double()(hidden.double(), rotary_emb=rotary)
    attention.float()
    tessera.diffusers.enable(pipe, dense=True)
    pipe.transformer.blocks[0].attn1.processor.attend = lambda layer, q, k, v: (
        tessera.attention_forward(q, k, v).out)
    got = attention(hidden, rotary_emb=rotary)
    assert (got - exact).abs().max() <= 2 * (want - exact).abs().max()


def record_calls(lite):
    """Every attention call from now on: (state's key, q, k, v, options, out)."""
    calls = []
    for number, layer in enumerate(lite.layers[0]):
        def forward(q, k, v, *, stream, levels, number=number, layer=layer, inner=layer.forward):
            out = inner(q, k, v, stream=stream, levels=levels)
            options = dict(layer.policy.options(), token_order=layer.token_order)
            calls.append((f"{number} {stream}", q.clone(), k.clone(), v.clone(), options, out))
            return out
        layer.forward = forward
    return calls


def run_reference(calls, geometry, total_steps, folder):
    record, answer = folder / "record.pt", folder / "answer.pt"
    torch.save(([call[:5] for call in calls], geometry, total_steps), record)
    script = pathlib.Path(__file__).with_name("reference_run.py")
    subprocess.run([sys.executable, str(script), str(record), str(answer)], check=True,
                   env={**os.environ, "TESSERA_ATTENTION_BACKEND": "reference"})
    return torch.load(answer, weights_only=True)


@pytest.mark.parametrize("policy", [GAP, tessera.Mass(budget=0.2)], ids=["max_gap", "mass"])
def test_three_lite_steps_equal_the_reference(policy, tmp_path):
    """The record is made on the best back end, the answers on the fp64 reference."""
    pipe = make_pipe()
    lite = tessera.diffusers.enable(pipe, policy=policy, **TILES)
    calls = record_calls(lite)
    film(pipe, steps=3)
    assert [call[0] for call in calls[:6]] == [f"{layer} {stream}" for stream in ("cond", "uncond")
                                               for layer in range(3)]
    assert len(calls) == 3 * 2 * 3
    outs, kept = run_reference(calls, TILES, 3, tmp_path)
    for (_, _, _, v, _, out), want in zip(calls, outs):
        # Scores of up to 100 or so: their fp32 rounding moves a weight by 1e-5 of itself.
        torch.testing.assert_close(out, want, rtol=0, atol=2e-5 * v.abs().max().item())
    for number, layer in enumerate(lite.layers[0]):
        for stream, state in layer.states.items():
            assert torch.equal(state.kept(), kept[f"{number} {stream}"])
    assert 0.1 < lite.sparsity() < 0.7


def test_streams_see_their_own_scores_and_marks():
    pipe = make_pipe()
    lite = tessera.diffusers.enable(pipe, policy=GAP, **TILES)
    film(pipe)
    cond, uncond = (lite.layers[0][1].states[name] for name in ("cond", "uncond"))
    assert not torch.equal(cond.bits, uncond.bits)


def test_calls_without_a_context_are_told_apart_by_their_order():
    films = []
    for has_context in (True, False):
        pipe = make_pipe()
        lite = tessera.diffusers.enable(pipe, policy=GAP, **TILES)
        if not has_context:
            lite.tracker.remove()
            lite.tracker.remove = lambda: None
        films.append(film(pipe))
        assert list(lite.layers[0][0].states) == ["cond", "uncond"]
    assert torch.equal(*films)


def test_a_second_video_starts_afresh():
    pipe = make_pipe()
    lite = tessera.diffusers.enable(pipe, policy=GAP, **TILES)
    first = film(pipe, steps=3)
    report = lite.report()
    film(pipe, steps=2, width=112, guidance=1.0)
    assert [len(stream["sparsity_by_step"]) for stream in lite.report()["streams"]] == [2]
    assert torch.equal(film(pipe, steps=3), first)
    assert lite.report() == report


def test_an_interrupted_video_leaves_nothing_behind():
    pipe = make_pipe()
    tessera.diffusers.enable(pipe, policy=GAP, **TILES)
    want = film(pipe)
    counts = []

    def stop(*_):
        counts.append(1)
        if len(counts) == 5:
            raise KeyboardInterrupt

    handle = pipe.transformer.blocks[1].register_forward_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        film(pipe)
    handle.remove()
    assert torch.equal(film(pipe), want)


def test_disable_gives_the_pipeline_back():
    pipe = make_pipe()
    want = film(pipe)
    before = {name: type(p) for name, p in pipe.transformer.attn_processors.items()}
    tessera.diffusers.enable(pipe, policy=GAP, **TILES)
    with pytest.raises(ValueError, match="already"):
        tessera.diffusers.enable(pipe)
    assert not torch.equal(film(pipe), want)
    tessera.diffusers.disable(pipe)
    assert {name: type(p) for name, p in pipe.transformer.attn_processors.items()} == before
    assert torch.equal(film(pipe), want)
    assert "cache_context" not in vars(pipe.transformer)
    with pytest.raises(ValueError, match="not patched"):
        tessera.diffusers.disable(pipe)


def test_shared_guidance_drops_less_than_either_stream():
    sparsities = {}
    for guidance in ("own", "shared"):
        pipe = make_pipe()
        lite = tessera.diffusers.enable(pipe, policy=GAP, guidance=guidance, **TILES)
        film(pipe)
        sparsities[guidance] = lite.sparsity()
    assert 0 < sparsities["shared"] < sparsities["own"]


def test_two_experts_share_out_the_steps():
    pipe = make_pipe(experts=2)
    lite = tessera.diffusers.enable(pipe, policy=GAP, **TILES)
    film(pipe, steps=5)
    steps = [layers[0].step("cond") for layers in lite.layers]
    assert sum(steps) == 5 and min(steps) >= 1
    assert [layers[0].total_steps for layers in lite.layers] == steps


@pytest.mark.parametrize("first, last", [(1, 1), (2, 0), (0, 2), (4, 0), (0, 4), (3, 3)])
def test_dense_steps_count_from_the_films_ends(first, last):
    """Of two experts the first makes the first steps and the second the last ones."""
    pipe = make_pipe(experts=2)
    lite = tessera.diffusers.enable(pipe, policy=GAP, dense_first_steps=first,
                                    dense_last_steps=last, **TILES)
    film(pipe, steps=6)
    calls = [call for layers in lite.layers for call in layers[0].calls if call.stream == "cond"]
    assert min(layers[0].total_steps for layers in lite.layers) >= 2
    assert [call.is_dense for call in calls] == [
        step < first or step >= 6 - last for step in range(6)]


def test_the_control_is_told_which_steps_of_two_experts_are_dense():
    pipe = make_pipe(experts=2)
    lite = tessera.diffusers.enable(pipe, target_sparsity=0.2, dense_first_steps=1,
                                    dense_last_steps=1, **TILES)
    told = []
    begin = lite._begin_video

    def spy():
        begin()
        observe = lite.control.observe
        lite.control.observe = lambda calls: (told.append({call.is_dense for call in calls}),
                                              observe(calls))

    lite._begin_video = spy
    film(pipe, steps=6)
    assert told == [{True}] + 4 * [{False}]  # the last step has none to come


def test_timesteps_by_token_travel_with_their_tokens():
    """Wan2.2 TI2V gives each token a timestep of its own."""
    films = []
    for order in ("raster", "hilbert"):
        pipe = make_pipe()
        lite = tessera.diffusers.enable(pipe, dense=True, token_order=order)
        pipe.scheduler.set_timesteps(2)
        pipe._guidance_scale, pipe._num_timesteps = 1.0, 2
        generator = torch.Generator().manual_seed(3)
        latents = torch.randn(1, 4, 5, 12, 10, generator=generator)
        timestep = torch.randint(0, 1000, (1, 150), generator=generator)
        words = torch.randn(1, 6, 16, generator=generator)
        films.append(pipe.transformer(latents, timestep, words).sample)
        films.append(pipe.transformer(hidden_states=latents, timestep=timestep,
                                      encoder_hidden_states=words).sample)
    for other in films[1:]:
        torch.testing.assert_close(other, films[0], rtol=0, atol=1e-5)


def test_the_report_counts_by_layer_and_step():
    pipe = make_pipe()
    lite = tessera.diffusers.enable(pipe, policy=GAP, dense_layers=(1,), dense_first_steps=1,
                                    **TILES)
    film(pipe, steps=4)
    report = json.loads(json.dumps(lite.report()))
    assert [stream["stream"] for stream in report["streams"]] == ["cond", "uncond"]
    table = report["streams"][0]["sparsity_by_layer_and_step"]
    assert table[1] == [0, 0, 0, 0]
    assert table[0][:2] == [0, 0] and 0 < table[0][2] <= table[0][3]
    assert 0 < report["sparsity"] == 1 - report["visited"] / report["total"]


def test_a_target_sparsity_is_held():
    """Marks act a step late and only grow, so few steps leave a rest; a small target leaves less."""
    reached = []
    for target in (0.1, 0.3):
        pipe = make_pipe()
        lite = tessera.diffusers.enable(pipe, target_sparsity=target, **TILES)
        film(pipe, steps=12)
        reached.append(lite.sparsity())
    assert reached == pytest.approx([0.1, 0.3], abs=0.05)


@pytest.mark.parametrize("settings, message", [
    (dict(target_sparsity=0.99), "sparsity must be in"),
    (dict(target_recall=0.9), "needs probes"),
    (dict(target_sparsity=0.3, target_recall=0.9), "exclude each other"),
    (dict(target_sparsity=0.3, policy=GAP), "needs the policy Mass"),
    (dict(dense_first_steps=-1), "dense_first_steps must be an integer >= 0, got: -1"),
    (dict(dense_last_steps=-2), "dense_last_steps must be an integer >= 0, got: -2"),
    (dict(dense_layers=(0, 40)), r"a dense layer must be in \[0, 3\), got: 40"),
    (dict(dense_layers=(-1,)), r"a dense layer must be in \[0, 3\), got: -1"),
    (dict(token_order="spiral"), "must be raster, hilbert or boxes, got: spiral"),
    (dict(token_order="boxes", token_box=(4, 0, 8)), "every extent of a box must be >= 1"),
    (dict(q_tile=0), r"q_tile must be in \[1, 4096\], got: 0"),
    (dict(policy="mass"), "policy must be a tessera.Mass or tessera.MaxGap, got: 'mass'"),
])
def test_settings_that_no_call_could_take_are_refused_at_once(settings, message):
    pipe = make_pipe()
    with pytest.raises(ValueError, match=message):
        tessera.diffusers.enable(pipe, **settings)
    tessera.diffusers.enable(pipe)


def test_other_models_are_refused():
    pipe = make_pipe()
    pipe.transformer = torch.nn.Linear(1, 1)
    with pytest.raises(TypeError, match="must be diffusers' WanTransformer3DModel, got: Linear"):
        tessera.diffusers.enable(pipe)
    with pytest.raises(ValueError, match="-2.9 dB"):
        tessera.diffusers.enable(make_pipe(), guidance="either")
