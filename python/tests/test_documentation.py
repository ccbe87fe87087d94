"""The examples of docs/attention/python.md, word for word."""

import pathlib
import re

import pytest
import torch

import tessera

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "attention" / "python.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example(text):
    names = {}
    if "enable(pipe" in text:
        pytest.importorskip("diffusers")
        import tessera.diffusers
        from tiny_wan import PROMPT, make_pipe
        names = dict(tessera=tessera, pipe=make_pipe(), words=torch.randn(1, PROMPT, 16),
                     other_words=torch.randn(1, PROMPT, 16))
    exec(text, names)
