"""A state's direction, checks and file; state_file_test.cc compares with the library's."""

import pytest
import torch

import tessera

SHAPE = dict(batch=1, num_heads=2, q_len=90, kv_len=130, q_tile=16, kv_tile=16)


def step(state, seed, **options):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (2 * torch.randn(1, length, 2, 16, generator=generator) for length in (90, 130, 130))
    return tessera.attention_forward(q, k, v, state, level=0.3, **options).out


@pytest.mark.parametrize("shape, options", [
    ({}, {}),
    (dict(has_lse=True, token_order=3, q_group=2), dict(estimate="row_mean", token_order=3)),
    (dict(streams=2), {}),  # saved between the two calls of a step
])
def test_a_loaded_state_goes_on_where_it_was_saved(shape, options, tmp_path):
    state = tessera.SkipState(**SHAPE, **shape)
    state.begin(4, first="descending")
    for seed in range(3):
        step(state, seed, **options)
    state.save(tmp_path / "state.safetensors")
    loaded = tessera.SkipState.load(tmp_path / "state.safetensors")
    for mine, its in zip(loaded.tensors, state.tensors):
        assert mine is its is None or torch.equal(mine, its)
    assert torch.equal(loaded.kept(), state.kept())
    assert state.pending.any() if "streams" in shape else not state.kept().all()
    assert torch.equal(step(loaded, 3, **options), step(state, 3, **options))
    assert torch.equal(loaded.bits, state.bits)


def test_the_file_is_the_documented_one(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    state = tessera.SkipState(**SHAPE)
    state.begin(4)
    state.save(str(tmp_path / "state.safetensors"))
    with safetensors.safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert sorted(file.keys()) == ["bits", "spent"]
        assert torch.equal(file.get_tensor("bits"), state.bits)
        assert file.metadata()["format"] == "tessera.skip_state"
        assert file.metadata()["kv_len"] == "130"


@pytest.mark.parametrize("spoil, message", [
    (lambda state: state.spent.fill_(-1), "spent must be finite and >= 0, got: -1 in row 0"),
    (lambda state: state.bits.fill_(-1), "bits past the last tile must be zero"),
    (lambda state: state.header[5].fill_(9), r"step must be in \[0, 4\], got: 9"),
])
def test_a_broken_state_is_refused_by_check_and_save(spoil, message, tmp_path):
    state = tessera.SkipState(**SHAPE)
    state.begin(4)
    state.check()
    spoil(state)
    for call in (state.check, lambda: state.save(tmp_path / "state")):
        with pytest.raises(RuntimeError, match=message):
            call()
    assert not (tmp_path / "state").exists()


def test_a_file_without_a_sound_state_is_refused_by_its_name(tmp_path):
    path = tmp_path / "state.safetensors"
    with pytest.raises(RuntimeError, match=f"^{path}: cannot be opened"):
        tessera.SkipState.load(path)
    path.write_bytes(b"not one")
    with pytest.raises(RuntimeError, match=f"^{path}: "):
        tessera.SkipState.load(path)


def test_the_first_direction_is_told_to_begin():
    state = tessera.SkipState(**SHAPE)
    bits = []
    for first in ("ascending", "descending"):
        state.begin(2, first=first)
        assert state.header[6] == (first == "descending")
        step(state, 0)
        bits.append(state.bits.clone())
    assert not torch.equal(*bits)
    with pytest.raises(RuntimeError, match="first must be ascending or descending, got: up"):
        state.begin(2, first="up")
