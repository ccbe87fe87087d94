#!/bin/sh
# Makes the Python environment of the tests with label `python` in .deps/python: torch, diffusers,
# pytest. Its torch is the one that setup.sh unpacked, where that fits this Python; the rest is a
# download of about 2 GB. Does nothing twice.
set -eu
cd "$(dirname "$0")/.."

env=.deps/python
torch=.deps/torch-2.11.0
if cmp -s scripts/python-requirements.txt "$env/installed-requirements.txt"; then
  exit 0
fi
lacking=$(python3 -c '
import importlib.util, os, sysconfig
if not importlib.util.find_spec("ensurepip"): print("python3-venv")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")): print("python3-dev")')
if [ -n "$lacking" ]; then
  echo "python_env: installing Debian packages:" $lacking
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $lacking >/dev/null
fi

echo "python_env: making $env with torch and diffusers (one to five minutes)"
rm -rf "$env"
python3 -m venv "$env"
site=$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
if [ "$(basename "$(dirname "$site")")" = python3.11 ] && [ -e "$torch/torch/lib/libtorch_cpu.so" ]; then
  cp -al "$torch/." "$site/"  # hard links: no second gigabyte
fi
"$env/bin/python" -m pip install -q --disable-pip-version-check --no-compile \
  -r scripts/python-requirements.txt
cp scripts/python-requirements.txt "$env/installed-requirements.txt"
