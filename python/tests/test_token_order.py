"""The order of tokens from Python."""

import pytest
import torch

import tessera


@pytest.mark.parametrize("kind", ["raster", "hilbert", "boxes"])
@pytest.mark.parametrize("grid", [(1, 1, 1), (5, 6, 7), (21, 30, 52)])
def test_both_ways_are_each_others_inverse(kind, grid):
    order = tessera.token_order(kind, *grid)
    tokens = torch.arange(grid[0] * grid[1] * grid[2])
    assert torch.equal(order.raster_index.sort().values, tokens)
    assert torch.equal(tokens[order.raster_index][order.position], tokens)
    assert (kind == "raster") == torch.equal(order.raster_index, tokens) or len(tokens) == 1
    assert 1 <= order.id < 2**31


def test_hilbert_tiles_are_compact():
    """The mean extent of 64 consecutive tokens: a box of 4 x 4 x 4, not a row."""
    grid = (16, 16, 16)
    t = tessera.token_order("hilbert", *grid).raster_index
    places = torch.stack((t // 256, t // 16 % 16, t % 16), -1).view(-1, 64, 3)
    extents = places.amax(1) - places.amin(1) + 1
    assert extents.float().mean() < 6


@pytest.mark.parametrize("arguments, options, message", [
    (("spiral", 2, 2, 2), {}, "spiral"),
    (("hilbert", 0, 2, 2), {}, "got"),
    (("boxes", 2, 2, 2), dict(box=(0, 1, 1)), "got"),
])
def test_what_is_no_order_is_refused(arguments, options, message):
    with pytest.raises(RuntimeError, match=message):
        tessera.token_order(*arguments, **options)
