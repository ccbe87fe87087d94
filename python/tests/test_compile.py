"""The operator under PyTorch's tracers: opcheck, torch.compile, torch.export."""

import pytest
import torch

import tessera

OP = torch.ops.tessera.attention_forward
SHAPE = dict(batch=1, num_heads=2, q_len=100, kv_len=130, q_tile=16, kv_tile=32)


def inputs(q_len=100, kv_len=130, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, length, 2, 16, generator=generator)
            for length in (q_len, kv_len, kv_len)]


def begun(total_steps=4, **shape):
    state = tessera.SkipState(**{**SHAPE, **shape})
    state.begin(total_steps)
    return state


@pytest.mark.parametrize("shape, options", [
    (None, {}),
    ({}, dict(policy="max_gap", level=-1.0)),
    ({}, dict(must_keep=torch.tensor([[0, 40, 8, -1, 1]]), levels=torch.full((4, 2), 0.1))),
    (dict(streams=2), dict(probe_period=2)),
    (dict(has_lse=True), dict(estimate="row_mean")),
    ({}, dict(tile_mass=torch.zeros(1, 2, 7, 5))),
    ({}, dict(kv_lengths=torch.tensor([99]), carried_lse=torch.zeros(1, 2, 100))),
])
def test_opcheck(shape, options):
    tensors = () if shape is None else begun(**shape).tensors
    torch.library.opcheck(OP, (*inputs(), *tensors), options)


def test_opcheck_of_begin_generation():
    torch.library.opcheck(torch.ops.tessera.begin_generation, begun().tensors,
                          dict(total_steps=3))


def three_steps(run, state):
    outs = []
    for step in range(3):
        q, k, v = inputs(seed=step)
        outs.append(run(q, k, v, *state.tensors))
    return outs


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_steps_equal_eager_ones(backend):
    def layer(q, k, v, *state):
        out, lse, _, counters, _ = OP(q * 1.5, k, v, *state, policy="max_gap", level=-1.0)
        return out * 2, lse, counters

    torch._dynamo.reset()
    eager, compiled = begun(), begun()
    want = three_steps(layer, eager)
    got = three_steps(torch.compile(layer, fullgraph=True, backend=backend), compiled)
    torch.testing.assert_close(got, want, rtol=0, atol=0)
    assert compiled.header[5] == 3
    for mine, its in zip(compiled.tensors[:3], eager.tensors[:3]):
        assert torch.equal(mine, its)
    assert not compiled.kept().all()


def test_one_compilation_serves_all_lengths():
    torch._dynamo.reset()
    graphs = []

    def counting_backend(graph, example_inputs):
        graphs.append(graph)
        return graph.forward

    layer = torch.compile(lambda q, k, v: OP(q, k, v)[0], fullgraph=True, dynamic=True,
                          backend=counting_backend)
    for q_len, kv_len in [(100, 130), (64, 65), (7, 200)]:
        q, k, v = inputs(q_len, kv_len)
        assert torch.equal(layer(q, k, v), OP(q, k, v)[0])
    assert len(graphs) == 1


def test_export_keeps_the_lengths_symbolic():
    class Layer(torch.nn.Module):
        def forward(self, q, k, v):
            return torch.ops.tessera.attention_forward(q, k, v)[0]

    length = torch.export.Dim("length", min=2)
    program = torch.export.export(Layer(), tuple(inputs(100, 100)),
                                  dynamic_shapes=[{1: length}] * 3)
    q, k, v = inputs(33, 33)
    assert torch.equal(program.module()(q, k, v), OP(q, k, v)[0])
