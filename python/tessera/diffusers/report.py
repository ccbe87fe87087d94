"""What one video's attention left out, as plain numbers."""

from tessera.statistics import total


def make_report(transformers, settings):
    """transformers: a list of LiteAttention for each.

    Returns a dict of schema tessera.diffusers_report/1: over all calls `sparsity`, `visited` and
    `total` tiles; and for each transformer and stream `sparsity_by_step` [steps] and
    `sparsity_by_layer_and_step` [layers, steps].
    """
    streams = []
    for number, layers in enumerate(transformers):
        for name in dict.fromkeys(call.stream for layer in layers for call in layer.calls):
            table = [[call for call in layer.calls if call.stream == name] for layer in layers]
            streams.append({
                "transformer": number,
                "stream": name,
                "sparsity_by_step": [total(step).sparsity for step in zip(*table)],
                "sparsity_by_layer_and_step": [[call.tiles.sparsity for call in row]
                                               for row in table],
            })
    everything = total(call for layers in transformers for layer in layers for call in layer.calls)
    return {
        "schema": "tessera.diffusers_report/1",
        "policy": repr(settings.policy),
        "guidance": settings.guidance,
        "token_order": settings.token_order,
        "sparsity": everything.sparsity,
        "visited": everything.visited,
        "total": everything.total,
        "streams": streams,
    }
