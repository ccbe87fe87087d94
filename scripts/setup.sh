#!/bin/sh
# Installs what the build needs and the machine lacks: Debian packages, and LibTorch from the PyPI
# torch wheel into .deps/. Says what it does; does nothing twice. Called by make.
set -eu
cd "$(dirname "$0")/.."

packages="g++ cmake ninja-build pkg-config ccache python3 python3-pip ca-certificates
  libhwy-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libpng-dev libjpeg62-turbo-dev
  libtiff-dev libssl-dev libgtest-dev libavcodec-dev libavformat-dev libavutil-dev"

missing=""
for package in $packages; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing="$missing $package"
done
# A machine may have its own newer cmake, ninja, python or pip in front of Debian's.
for pair in cmake:cmake ninja:ninja-build g++:g++ python3:python3 ccache:ccache pkg-config:pkg-config; do
  if command -v "${pair%%:*}" >/dev/null 2>&1; then
    missing=$(printf '%s' "$missing " | sed "s/ ${pair##*:} / /g; s/ *$//")
  fi
done
if command -v python3 >/dev/null 2>&1 && python3 -m pip --version >/dev/null 2>&1; then
  missing=$(printf '%s' "$missing " | sed "s/ python3-pip / /g; s/ *$//")
fi

if [ -n "$(printf '%s' "$missing" | tr -d ' ')" ]; then
  as_root=""
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "setup: these Debian packages are missing, and installing them needs root:" >&2
      echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
      exit 1
    fi
    as_root="sudo"
  fi
  echo "setup: installing Debian packages (one to three minutes):$missing"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing \
    >.setup-apt.log 2>&1 || { cat .setup-apt.log >&2; rm -f .setup-apt.log; exit 1; }
  rm -f .setup-apt.log
fi

torch=.deps/torch-2.11.0
if [ ! -e "$torch/torch/lib/libtorch_cpu.so" ]; then
  echo "setup: downloading LibTorch (torch 2.11.0 from PyPI, 545 MB; one to five minutes)"
  mkdir -p .deps
  part=$(mktemp -d .deps/part-XXXXXX)
  trap 'rm -rf "$part"' EXIT
  # The wheel is named outright, so that any version of Python on this machine gets the same files.
  python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile --target "$part" \
    --only-binary=:all: --implementation cp --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64 -r scripts/torch-requirements.txt
  rm -rf "$torch"
  mv "$part" "$torch"
fi
