"""Checks that every include points to a room its own room may use.

The order of the rooms is the root CMakeLists.txt's (`rooms`), the edges are the DEPS of each room's
tessera_module, so that there is one statement of the architecture. The rules:
  1. a room's DEPS stand before it in the order of rooms, and testing is none of them;
  2. a room includes itself and the rooms it depends on, directly or through others; cli, the
     program, includes any;
  3. only rooms that link LibTorch include its headers;
  4. tessera/testing is for tests and benchmarks: *_test.*, *_testing.*, folders named testing.

Usage: check_includes.py ROOT          exit 1 and a line for each break of a rule
       check_includes.py ROOT --plant  copies the tree, plants wrong lines, expects each found
"""

import pathlib
import re
import shutil
import sys
import tempfile

ROOMS = re.compile(r"(?:set\(\s*rooms|list\(\s*APPEND\s+rooms)\s+([^)]*)\)")
MODULE = re.compile(r"tessera_module\(\s*(\w+)([^)]*)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
SOURCES = {".h", ".cc", ".cu", ".cuh"}
PROGRAM = "cli"
TESTING = "testing"


def without_comments(listing):
    return re.sub(r"#.*", "", listing.read_text())


def read_order(root):
    """The rooms from the ground up."""
    return [room for names in ROOMS.findall(without_comments(root / "CMakeLists.txt"))
            for room in names.split()]


def read_edges(root):
    """Room -> (rooms it names, whether it links LibTorch)."""
    edges = {}
    for room in read_order(root):
        deps, links_torch = [], False
        for name, arguments in MODULE.findall(
                without_comments(root / "tessera" / room / "CMakeLists.txt")):
            section = None
            for word in arguments.split() if name == room else []:
                if word in ("DEPS", "LIBS", "EXCLUDE"):
                    section = word
                elif section == "DEPS":
                    deps.append(word)
                links_torch |= word == "tessera_torch"
        edges[room] = (deps, links_torch)
    if PROGRAM in edges:
        edges[PROGRAM] = ([room for room in edges if room not in (PROGRAM, TESTING)], True)
    return edges


def reachable(room, edges):
    seen, waiting = set(), [room]
    while waiting:
        current = waiting.pop()
        if current in edges and current not in seen:
            seen.add(current)
            waiting.extend(edges[current][0])
    return seen


def uses_torch(room, edges):
    return any(edges[other][1] for other in reachable(room, edges))


def is_for_tests(path):
    """Whether a path below a room is a test or a test's helper."""
    return path.stem.endswith(("_test", "_testing")) or TESTING in path.parts[:-1]


def wrong_edges(root):
    order, found = read_order(root), []
    for room, (deps, _) in read_edges(root).items():
        for dep in deps if room != PROGRAM else []:
            where = f"tessera/{room}/CMakeLists.txt: DEPS {dep}"
            if dep == TESTING:
                found.append(f"{where}: tessera/testing is for tests and benchmarks")
            elif dep not in order[:order.index(room)]:
                found.append(f"{where}: it does not stand before {room} in the order of rooms")
    for listing in sorted((root / "tessera").glob("*/CMakeLists.txt")):
        if listing.parent.name not in order:
            found.append(f"{listing.relative_to(root)}: the room is not in the order of rooms")
    return found


def wrong_includes(root):
    edges = read_edges(root)
    found = []
    for path in sorted((root / "tessera").rglob("*")):
        room = path.relative_to(root / "tessera").parts[0]
        if path.suffix not in SOURCES or room not in edges:
            continue
        allowed = reachable(room, edges)
        for include in INCLUDE.findall(path.read_text()):
            where = f"{path.relative_to(root)}: #include \"{include}\""
            if TORCH.match(include) and not uses_torch(room, edges):
                found.append(f"{where}: the room {room} knows nothing of Torch")
            if not include.startswith("tessera/"):
                continue
            other = include.split("/")[1]
            if other == TESTING:
                inside = path.relative_to(root / "tessera" / room)
                if room != TESTING and not is_for_tests(inside):
                    found.append(f"{where}: tessera/testing is for tests and benchmarks")
            elif other not in allowed and not (room == TESTING and other == "core"):
                names = ", ".join(sorted(allowed - {room})) or "nothing"
                found.append(f"{where}: the room {room} may include {names}")
    return found


def problems_of(root):
    return wrong_edges(root) + wrong_includes(root)


def check_planted(root):
    plants = {
        "tessera/core/planted.cc": '#include "tessera/attention/attention.h"\n',
        "tessera/attention/planted.h": "#include <ATen/ATen.h>\n",
        "tessera/video/planted.cc": '#include "tessera/segmentation/planted.h"\n',
        "tessera/segmentation/planted.cc": '#include "tessera/video/planted.h"\n',
        "tessera/nn/planted.h": '#include "tessera/testing/temporary_folder.h"\n',
        "tessera/cli/planted.cc": '#include "tessera/testing/temporary_folder.h"\n',
        "tessera/core/CMakeLists.txt": "tessera_module(core DEPS media)\n",
        "tessera/video/CMakeLists.txt": "tessera_module(video DEPS nn segmentation)\n",
        "tessera/media/CMakeLists.txt": "tessera_module(media DEPS core testing)\n",
    }
    missed = []
    for name, text in plants.items():
        # One at a time: a planted edge would allow another plant's include.
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            shutil.copy(root / "CMakeLists.txt", copy)
            shutil.copytree(root / "tessera", copy / "tessera",
                            ignore=lambda _, names: [n for n in names if not wanted(n)])
            (copy / name).write_text(text)
            reported = problems_of(copy)
        if not any(line.startswith(f"{name}:") for line in reported):
            missed.append(f"{name}: the planted wrong line was not found")
    return missed


def wanted(name):
    """Files that the rules read, and folders."""
    return name == "CMakeLists.txt" or pathlib.Path(name).suffix in SOURCES | {""}


def main():
    root = pathlib.Path(sys.argv[1])
    problems = check_planted(root) if "--plant" in sys.argv else problems_of(root)
    print("\n".join(problems) or "every include is as it should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
