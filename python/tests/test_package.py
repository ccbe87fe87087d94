"""The wheel: what it holds, and that it works without the checkout and the build."""

import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

pytest.importorskip("scikit_build_core")

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """
import torch, tessera
out = tessera.attention_forward(*torch.ones(3, 1, 70, 1, 16)).out
assert torch.equal(out, torch.ones(1, 70, 1, 16))
print(tessera.__version__, tessera.ops._operators.find_library())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    settings = [f"--config-settings=build-dir={folder / 'build'}"]
    if os.environ.get("TESSERA_TORCH_DIR"):  # the same headers again: a compiler cache knows them
        settings += [f"--config-settings=cmake.define.TESSERA_TORCH_DIR="
                     f"{os.environ['TESSERA_TORCH_DIR']}"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
                    "--disable-pip-version-check", "-w", str(folder), *settings, str(ROOT)],
                   check=True)
    return next(folder.glob("*.whl"))


def test_it_works_without_the_checkout(wheel, tmp_path):
    assert wheel.name.startswith("tessera-") and wheel.name.endswith("-py3-none-linux_x86_64.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    bare = {name: value for name, value in os.environ.items()
            if name not in ("TESSERA_TORCH_OPS", "PYTHONPATH")}
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True, text=True,
                         capture_output=True, env={**bare, "PYTHONPATH": str(tmp_path)})
    version, library = run.stdout.split()
    assert version in (ROOT / "CMakeLists.txt").read_text()
    assert pathlib.Path(library) == tmp_path / "tessera" / "lib" / "libtessera_torch_ops.so"


def test_it_holds_the_package_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "tessera/diffusers/wan.py" in names
    assert not [name for name in names if "test" in name or name.endswith((".cc", ".h"))]
    assert sum(name.endswith(".so") for name in names) == 1


def test_a_library_that_is_not_there_is_named(tmp_path):
    run = subprocess.run([sys.executable, "-c", "import tessera"], text=True, capture_output=True,
                         env={**os.environ, "TESSERA_TORCH_OPS": str(tmp_path / "none.so")})
    assert run.returncode == 1
    assert "ImportError" in run.stderr and str(tmp_path / "none.so") in run.stderr
