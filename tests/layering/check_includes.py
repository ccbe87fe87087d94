"""Checks that every include points to a room its own room may use.

The edges are read from the rooms' CMakeLists.txt (DEPS of tessera_module), so that there is one
statement of the architecture. Three rules:
  1. a room includes itself and the rooms it depends on, directly or through others;
  2. only rooms that link LibTorch include its headers;
  3. tessera/testing is for tests and benchmarks.

Usage: check_includes.py ROOT          exit 1 and a line for each wrong include
       check_includes.py ROOT --plant  copies the tree, plants wrong includes, expects each found
"""

import pathlib
import re
import shutil
import sys
import tempfile

MODULE = re.compile(r"tessera_module\(\s*(\w+)([^)]*)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
SOURCES = {".h", ".cc", ".cu", ".cuh"}


def read_edges(root):
    """Room -> (rooms it names, whether it links LibTorch)."""
    edges = {}
    for listing in sorted((root / "tessera").glob("*/CMakeLists.txt")):
        for room, arguments in MODULE.findall(listing.read_text()):
            words = arguments.split()
            deps, section = [], None
            for word in words:
                if word in ("DEPS", "LIBS", "EXCLUDE"):
                    section = word
                elif section == "DEPS":
                    deps.append(word)
            edges[room] = (deps, "tessera_torch" in words)
    return edges


def reachable(room, edges):
    seen, waiting = set(), [room]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(edges[current][0])
    return seen


def uses_torch(room, edges):
    return any(edges[other][1] for other in reachable(room, edges))


def wrong_includes(root):
    edges = read_edges(root)
    found = []
    for path in sorted((root / "tessera").rglob("*")):
        room = path.relative_to(root / "tessera").parts[0]
        if path.suffix not in SOURCES or room not in edges:
            continue
        is_test = path.stem.endswith("_test") or "testing" in path.stem
        allowed = reachable(room, edges)
        for include in INCLUDE.findall(path.read_text()):
            where = f"{path.relative_to(root)}: #include \"{include}\""
            if TORCH.match(include) and not uses_torch(room, edges):
                found.append(f"{where}: the room {room} knows nothing of Torch")
            if not include.startswith("tessera/"):
                continue
            other = include.split("/")[1]
            if other == "testing":
                if not is_test:
                    found.append(f"{where}: tessera/testing is for tests and benchmarks")
            elif other not in allowed:
                names = ", ".join(sorted(allowed - {room})) or "nothing"
                found.append(f"{where}: the room {room} may include {names}")
    return found


def check_planted(root):
    plants = {
        "tessera/core/planted.cc": '#include "tessera/attention/attention.h"\n',
        "tessera/attention/planted.h": "#include <ATen/ATen.h>\n",
        "tessera/video/planted.cc": '#include "tessera/segmentation/planted.h"\n',
        "tessera/nn/planted.h": '#include "tessera/testing/temporary_folder.h"\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(root / "tessera", copy / "tessera")
        for name, text in plants.items():
            (copy / name).write_text(text)
        reported = wrong_includes(copy)
    missed = [name for name in plants if not any(line.startswith(name) for line in reported)]
    return [f"{name}: the planted wrong include was not found" for name in missed]


def main():
    root = pathlib.Path(sys.argv[1])
    problems = check_planted(root) if "--plant" in sys.argv else wrong_includes(root)
    print("\n".join(problems) or "every include is as it should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
