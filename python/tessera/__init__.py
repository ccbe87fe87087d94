"""Tile-skipping attention for PyTorch: docs/attention/python.md."""

import importlib.metadata

from tessera.lite_attention import LiteAttention, stream
from tessera.ops import (AttentionResult, SkipState, TokenOrder, TokenRange, attention_forward,
                         last_backend, token_order)
from tessera.policy import Mass, MaxGap
from tessera.statistics import TileCounts

__all__ = ["AttentionResult", "LiteAttention", "Mass", "MaxGap", "SkipState", "TileCounts",
           "TokenOrder", "TokenRange", "attention_forward", "last_backend", "stream",
           "token_order"]

try:
    __version__ = importlib.metadata.version("tessera")
except importlib.metadata.PackageNotFoundError:  # a checkout that was not installed
    __version__ = "unknown"
