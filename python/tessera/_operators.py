"""Loads the operators into PyTorch: torch.ops.tessera."""

import os
import pathlib

import torch

LIBRARY = "libtessera_torch_ops.so"
TORCH = "2.11"  # the operators use C++ interfaces that change between PyTorch's releases


def find_library():
    """The file that TESSERA_TORCH_OPS names, the installed package's, or the checkout's build."""
    named = os.environ.get("TESSERA_TORCH_OPS")
    if named:
        places = [pathlib.Path(named)]
    else:
        here = pathlib.Path(__file__).resolve().parent
        places = [here / "lib" / LIBRARY, here.parents[1] / "build" / "release" / LIBRARY]
    for place in places:
        if place.is_file():
            return place
    raise ImportError("tessera's operators were not found at " + " or ".join(map(str, places)) +
                      ": install the package with pip, run `make build`, or set TESSERA_TORCH_OPS")


def load():
    if torch.__version__.split(".")[:2] != TORCH.split("."):
        raise ImportError(f"tessera's operators are built for torch {TORCH}, got: "
                          f"{torch.__version__}")
    torch.ops.load_library(str(find_library()))
