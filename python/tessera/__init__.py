"""Tile-skipping attention for PyTorch: docs/attention/python.md."""

import importlib.metadata

from tessera.lite_attention import LiteAttention, stream
from tessera.ops import (AttentionResult, MergedAttention, SkipState, TokenOrder, TokenRange,
                         attention_forward, last_backend, merge_partials, token_order)
from tessera.policy import Mass, MaxGap
from tessera.statistics import TileCounts

__all__ = ["AttentionResult", "LiteAttention", "Mass", "MaxGap", "MergedAttention", "SkipState",
           "TileCounts", "TokenOrder", "TokenRange", "attention_forward", "last_backend",
           "merge_partials", "stream", "token_order"]

try:
    __version__ = importlib.metadata.version("tessera")
except importlib.metadata.PackageNotFoundError:  # a checkout that was not installed
    __version__ = "unknown"
