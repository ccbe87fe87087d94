"""The operators from Python, beside PyTorch's own attention."""

import pytest

torch = pytest.importorskip("torch")
tessera = pytest.importorskip("tessera", exc_type=ImportError)


def inputs(length=200, heads=2, head_dim=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, length, heads, head_dim, generator=generator) for _ in range(3)]


def torch_attention(q, k, v):
    q, k, v = (x.transpose(1, 2).double() for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)


def test_dense_equals_pytorch():
    q, k, v = inputs()
    result = tessera.attention_forward(q, k, v)
    torch.testing.assert_close(result.out.double(), torch_attention(q, k, v), atol=2e-6, rtol=0)
    assert result.lse.shape == (1, 2, 200)
    assert (result.counters[..., 0] == result.counters[..., 1]).all()


def test_dropped_tiles_stay_out_and_masking_gives_the_same():
    q, k, v = inputs()
    k[:, 64:128] *= 0
    k[:, :64] = q.mean(1, keepdim=True) * 40 + k[:, :64]
    state = tessera.SkipState(batch=1, num_heads=2, q_len=200, kv_len=200)
    state.begin(total_steps=3)
    first = tessera.attention_forward(q, k, v, state, policy="max_gap", level=-1.0).counters
    assert first[..., 2].sum() > 0
    kept = state.kept()[0]
    again = tessera.attention_forward(q, k, v, state, policy="max_gap", level=-1.0)
    out, second = again.out, again.counters
    assert (second[..., 1] == first[..., 0] - first[..., 2]).all()
    mask = kept.repeat_interleave(64, 1).repeat_interleave(64, 2)[:, :200, :200]
    expected = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2).double() for x in (q, k, v)), attn_mask=mask).transpose(1, 2)
    torch.testing.assert_close(out.double(), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("change, message", [
    (dict(policy="max_gap", level=1.0), "threshold"),
    (dict(level=0.7), "budget"),
    (dict(policy="least"), "policy must be mass or max_gap"),
    (dict(policy="max_gap", probe_period=8), "no probes"),
    (dict(must_keep=[(0, 400)]), "must_keep"),
    (dict(must_keep=torch.tensor([0])), "must_keep must be int64"),
    (dict(must_skip=[tessera.TokenRange(0, 64, head=2)]), "must_skip"),
    (dict(token_order=-1), "token_order"),
])
def test_refused_arguments_name_the_rule(change, message):
    q, k, v = inputs()
    with pytest.raises(RuntimeError, match=message):
        tessera.attention_forward(q, k, v, **change)


@pytest.mark.parametrize("named, message", [
    (dict(token_order=1), "token order 2, got: 1"),
    (dict(token_order=2, generation=2), "generation 1, got: 2"),
])
def test_a_state_of_something_else_is_refused(named, message):
    q, k, v = inputs()
    state = tessera.SkipState(batch=1, num_heads=2, q_len=200, kv_len=200, token_order=2)
    state.begin(total_steps=1)
    with pytest.raises(RuntimeError, match=message):
        tessera.attention_forward(q, k, v, state, **named)
    tessera.attention_forward(q, k, v, state, token_order=2, generation=1)


def test_ranges_hold_for_their_head_and_queries():
    q, k, v = inputs()
    skip = [tessera.TokenRange(64, 128, q_end=64, head=1)]
    got = tessera.attention_forward(q, k, v, must_skip=skip)
    assert got.counters[0, :, 1].tolist() == [16, 15]
    mask = torch.ones(2, 200, 200, dtype=torch.bool)
    mask[1, :64, 64:128] = False
    expected = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2).double() for x in (q, k, v)), attn_mask=mask).transpose(1, 2)
    torch.testing.assert_close(got.out.double(), expected, atol=2e-6, rtol=0)
    same = tessera.attention_forward(q, k, v, must_skip=torch.tensor([[64, 128, 0, 64, 1]]))
    assert torch.equal(same.out, got.out)


def test_gradients_are_refused():
    q, k, v = inputs()
    with pytest.raises(RuntimeError, match="requires a gradient"):
        tessera.attention_forward(q.requires_grad_(), k, v)
