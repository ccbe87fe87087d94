"""Runs the Python tests with a Python that has what they need.

That is the one named, or .deps/python (made by scripts/python_env.sh), or the one that runs this
file. They need PyTorch of the version that the operators are built for, and pytest; where either
is missing, the message says so and the exit code is 77, which CTest reports as skipped.

Usage: run.py FOLDER_OF_TESTS [PYTHON]
       with PYTHONPATH and TESSERA_TORCH_OPS set, see tests/CMakeLists.txt
"""

import pathlib
import subprocess
import sys

SKIPPED = 77
TORCH = "2.11"
ENVIRONMENT = pathlib.Path(__file__).resolve().parents[2] / ".deps" / "python" / "bin" / "python"
VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


def version(python, package):
    """The version of a package that a Python has; empty if it has none."""
    asked = subprocess.run([python, "-c", VERSION, package], capture_output=True, text=True)
    return asked.stdout.strip()


def missing(python):
    """What this Python lacks, as text; empty if it lacks nothing."""
    found = version(python, "torch")
    if found.split(".")[:2] != TORCH.split("."):
        return f"torch {TORCH}" + (f" (it has {found})" if found else "")
    return "" if version(python, "pytest") else "pytest"


def main(tests, named=""):
    python = named or str(ENVIRONMENT if ENVIRONMENT.exists() else sys.executable)
    lacking = missing(python)
    if lacking:
        print(f"skipped: {python} has no {lacking}; run scripts/python_env.sh, or set the CMake "
              f"variable TESSERA_PYTHON to a Python with torch {TORCH} and pytest")
        return SKIPPED
    return subprocess.call([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
