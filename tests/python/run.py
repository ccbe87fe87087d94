"""Runs the Python tests with the interpreter that runs this file.

They need PyTorch of the version that the operators are built for, and pytest; where either is
missing, the message says so and the exit code is 77, which CTest reports as skipped.

Usage: run.py FOLDER_OF_TESTS    with PYTHONPATH and TESSERA_TORCH_OPS set, see tests/CMakeLists.txt
"""

import importlib.metadata
import subprocess
import sys

SKIPPED = 77
TORCH = "2.11"


def missing():
    """What this interpreter lacks, as text; empty if it lacks nothing."""
    try:
        found = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return f"torch {TORCH}"
    if found.split(".")[:2] != TORCH.split("."):
        return f"torch {TORCH} (it has {found})"
    try:
        importlib.metadata.version("pytest")
    except importlib.metadata.PackageNotFoundError:
        return "pytest"
    return ""


def main():
    lacking = missing()
    if lacking:
        print(f"skipped: {sys.executable} has no {lacking}; set the CMake variable TESSERA_PYTHON "
              f"to a Python with torch {TORCH} and pytest")
        return SKIPPED
    return subprocess.call([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                            sys.argv[1]])


if __name__ == "__main__":
    sys.exit(main())
