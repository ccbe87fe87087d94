"""Answers over shards of the keys, brought together."""

import pytest
import torch

import tessera

OP = torch.ops.tessera.merge_partials


def inputs(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, length, 2, 16, generator=generator).to(dtype)
            for length in (70, 192, 192)]


def parts_of(q, k, v, sizes=(64, 100, 28)):
    return [tessera.attention_forward(q, *shard) for shard in zip(k.split(sizes, 1),
                                                                  v.split(sizes, 1))]


def test_shards_of_the_keys_make_the_whole_answer():
    q, k, v = inputs()
    whole, parts = tessera.attention_forward(q, k, v), parts_of(q, k, v)
    merged = tessera.merge_partials(parts)
    torch.testing.assert_close(merged.out, whole.out, rtol=0, atol=2e-6)
    torch.testing.assert_close(merged.lse, whole.lse, rtol=0, atol=2e-6)
    again = tessera.merge_partials([tessera.merge_partials(parts[:2]), parts[2]])
    torch.testing.assert_close(again.out, merged.out, rtol=0, atol=1e-6)


def test_a_part_that_saw_no_keys_does_not_count():
    q, k, v = inputs()
    part = tessera.attention_forward(q, k, v)
    nothing = torch.full_like(part.out, float("nan")), torch.full_like(part.lse, -float("inf"))
    merged = tessera.merge_partials([nothing, part])
    assert torch.equal(merged.out, part.out)
    assert torch.equal(tessera.merge_partials([nothing]).out, torch.zeros_like(part.out))


def test_the_output_has_the_first_parts_dtype_or_the_one_asked_for():
    parts = [(part.out, part.lse) for part in parts_of(*inputs(torch.bfloat16))]
    assert tessera.merge_partials(parts).out.dtype == torch.bfloat16
    assert tessera.merge_partials(parts, dtype=torch.float32).out.dtype == torch.float32


@pytest.mark.parametrize("policy, options", [("max_gap", dict(level=-1.0)),
                                             ("mass", dict(level=0.3))])
def test_carried_shards_drop_tiles_as_one_state_does(policy, options):
    """Two shards walked in order, each told what the first found: docs/attention/shards.md."""
    q, k, v = inputs()
    q = 4 * q  # spread scores, so that tiles differ
    states = [tessera.SkipState(1, 2, 70, 96, q_tile=16, kv_tile=16) for _ in range(2)]
    one = tessera.SkipState(1, 2, 70, 192, q_tile=16, kv_tile=16)
    for state in (*states, one):
        state.begin(1)
    whole = tessera.attention_forward(q, k, v, one, policy=policy, **options)
    carried, parts = {}, []
    for state, shard_k, shard_v in zip(states, k.split(96, 1), v.split(96, 1)):
        parts.append(tessera.attention_forward(q, shard_k, shard_v, state, policy=policy,
                                               **options, **carried))
        carried = dict(carried_row_max=parts[-1].row_max, carried_lse=parts[-1].lse)
    merged = tessera.merge_partials(parts)
    torch.testing.assert_close(merged.out, whole.out, rtol=0, atol=2e-6)
    kept = torch.cat([state.kept() for state in states], -1)
    if policy == "max_gap":
        assert torch.equal(kept, one.kept())
    assert 0 < kept.sum() < kept.numel()


@pytest.mark.parametrize("change, message", [
    (lambda outs, lses: ([], []), "at least one, got: none"),
    (lambda outs, lses: (outs, lses[:1]), r"one lse for each out \(2\), got: 1"),
    (lambda outs, lses: ([outs[0], outs[1][:, :9]], lses), r"out of part 1 must be \[1, 70, 2, 16"),
    (lambda outs, lses: (outs, [lses[0], lses[1].double()]), "lse of part 1 must be contiguous f"),
    (lambda outs, lses: (outs, [lses[0][..., :9], lses[1]]), "lse of part 0 must be contiguous f"),
    (lambda outs, lses: ([outs[0], outs[1].double()], lses), r"\] out of part 1 must be float32"),
    (lambda outs, lses: ([outs[0].requires_grad_(), outs[1]], lses), "merge_partials has none"),
])
def test_parts_that_do_not_fit_are_refused(change, message):
    q, k, v = inputs()
    parts = parts_of(q, k, v, (100, 92))
    outs, lses = change([part.out.clone() for part in parts], [part.lse for part in parts])
    with pytest.raises(RuntimeError, match=message):
        if len(outs) == len(lses):
            tessera.merge_partials(list(zip(outs, lses)))
        else:
            OP(outs, lses)


def test_opcheck_and_compilation():
    parts = parts_of(*inputs())
    outs, lses = [part.out for part in parts], [part.lse for part in parts]
    torch.library.opcheck(OP, (outs, lses))
    torch.library.opcheck(OP, (outs, lses), dict(dtype=torch.bfloat16))
    torch._dynamo.reset()
    layer = torch.compile(lambda outs, lses: OP([out * 1.5 for out in outs], lses),
                          fullgraph=True, backend="inductor")
    want = OP([out * 1.5 for out in outs], lses)
    for mine, its in zip(layer(outs, lses), want):
        assert torch.equal(mine, its)
