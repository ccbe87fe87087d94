"""Runs recorded attention calls through the operator on the fp64 reference, in a process of its own.

Usage: reference_run.py RECORD ANSWER    with TESSERA_ATTENTION_BACKEND=reference

RECORD: list of (key of the state, q, k, v, options), in the order of the calls, and the shapes' and
steps' arguments. ANSWER: the outputs, and each state's kept tiles after its last call.
"""

import sys

import torch

import tessera


def main(record, answer):
    calls, geometry, total_steps = torch.load(record, weights_only=True)
    states, outs = {}, []
    for key, q, k, v, options in calls:
        if key not in states:
            states[key] = tessera.SkipState(q.shape[0], q.shape[2], q.shape[1], k.shape[1],
                                            token_order=options["token_order"], **geometry)
            states[key].begin(total_steps)
        outs.append(tessera.attention_forward(q, k, v, states[key], **options).out)
    assert tessera.last_backend() == "reference"
    torch.save((outs, {key: state.kept() for key, state in states.items()}), answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
