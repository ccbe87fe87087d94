"""Installs the attention library to a folder, moves it, and uses it from outside the tree.

Usage: test_install.py BUILD EXAMPLES   after the build; the examples are copied away first, so that
nothing of the source tree can help them.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

STRICT = "-Wall -Wextra -Werror -pedantic"
PRIVATE = {"forward_plan.h", "backend.h", "memory_span.h", "pending.h", "row_bits.h", "reference.h"}


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def install(build, folder):
    """Installed to one place and moved to another: paths into the first would break."""
    run("cmake", "--install", build, "--component", "attention", "--prefix", folder / "first")
    prefix = folder / "prefix"
    (folder / "first").rename(prefix)
    return prefix


def check_steps(output):
    """A line a step; the first computes all tiles, the last skips some; a target is about met."""
    skipped = [int(line) for line in re.findall(r"skipped (\d+) %", output)]
    assert len(skipped) >= 6, output
    assert skipped[0] == 0 and 10 <= skipped[-1] <= 95 and skipped == sorted(skipped), output
    for done, wanted in re.findall(r"left out (\d+) % of .* wanted: (\d+) %", output):
        assert abs(int(done) - int(wanted)) <= 3, output


def check_headers(prefix):
    """Public headers compile alone, the C header's struct defaults too; private ones and paths of the
    build are not there."""
    headers = sorted(path.relative_to(prefix / "include")
                     for path in (prefix / "include").rglob("*.h"))
    assert len(headers) >= 15, headers
    assert not PRIVATE & {path.name for path in headers}, headers
    assert not any("testing" in path.parts or path.stem.endswith("-inl") for path in headers)
    for header in headers:
        run("c++", "-std=c++20", "-fsyntax-only", *STRICT.split(), f"-I{prefix}/include",
            "-x", "c++", "-", input=f"#include <{header}>\n#include <{header}>\n")
    name = "tessera/attention/c/tessera_attention.h"
    begun = re.findall(r"#define TESSERA_(\w+)_INIT\b", (prefix / "include" / name).read_text())
    assert {"SKIP", "CONTROL_TARGET", "CALIBRATION_KEY", "TOKEN_ORDER_SPEC"} <= set(begun), begun
    run("cc", "-std=c99", "-fsyntax-only", *STRICT.split(), f"-I{prefix}/include", "-x", "c", "-",
        input=f"#include <{name}>\n" + "".join(
            f"tessera_{struct.lower()} a_{struct} = TESSERA_{struct}_INIT;\n" for struct in begun))


def check_symbols(prefix):
    """The shared library shows the C interface alone and needs Highway and the compiler's runtime."""
    library = next(prefix.rglob("libtessera_attention.so"))
    shown = {line.split()[-1].split("@")[0]
             for line in run("nm", "-D", "--defined-only", library).splitlines()}
    shown.discard("TESSERA_ATTENTION_0")
    assert "tessera_attention_forward" in shown, shown
    assert all(name.startswith("tessera_") for name in shown), shown
    header = (prefix / "include/tessera/attention/c/tessera_attention.h").read_text()
    declared = set(re.findall(r"TESSERA_API[^;(]*?\b(tessera_\w+)\(", header))
    assert shown == declared, shown ^ declared
    dynamic = run("readelf", "-d", library)
    assert "libtessera_attention.so.0" in dynamic, dynamic
    needed = re.findall(r"\(NEEDED\).*\[(\S+)\]", dynamic)
    assert all(re.match(r"lib(hwy|stdc\+\+|m|gcc_s|c)\.so|ld-linux", name)
               for name in needed), needed


def check_relocatable(prefix, build):
    for path in prefix.rglob("*"):
        if path.suffix in (".cmake", ".pc"):
            text = path.read_text()
            assert str(build) not in text and "/first" not in text, path


def check_cmake(prefix, examples, name, flags):
    build = examples / name / "build"
    run("cmake", "-S", examples / name, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_BUILD_TYPE=Release", *flags)
    run("cmake", "--build", build)
    check_steps(run(build / name))


def check_pkg_config(prefix, examples, name, compiler, source):
    pc = next(prefix.rglob(f"{name}.pc"))
    environment = os.environ | {"PKG_CONFIG_PATH": str(pc.parent)}
    flags = run("pkg-config", "--cflags", "--libs", name, env=environment).split()
    program = examples / f"by_pkg_config_{name}"
    run(*compiler, source, "-o", program, *flags)
    libraries = {"LD_LIBRARY_PATH": str(pc.parent.parent)}
    check_steps(run(program, env=os.environ | libraries))


def main():
    build = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        examples = folder / "examples"
        shutil.copytree(sys.argv[2], examples)
        prefix = install(build, folder)
        check_relocatable(prefix, build)
        check_headers(prefix)
        check_symbols(prefix)
        check_cmake(prefix, examples, "minimal_cpp", [f"-DCMAKE_CXX_FLAGS={STRICT}"])
        check_cmake(prefix, examples, "minimal_c", [f"-DCMAKE_C_FLAGS={STRICT}"])
        check_pkg_config(prefix, examples, "tessera_attention", ["cc", "-std=c99"],
                         examples / "minimal_c/main.c")
        check_pkg_config(prefix, examples, "tessera_attention_cpp", ["c++", "-std=c++20"],
                         examples / "minimal_cpp/main.cc")
    print("installed, moved, and used from C++ and C by CMake and by pkg-config")


if __name__ == "__main__":
    main()
