#!/usr/bin/env bash
# Install what is missing, build, run every test with ctest. Works from any folder, on a fresh Debian machine.
#
#   tests/run.sh              the dev preset: every test
#   tests/run.sh asan tsan    other presets, one after the other (see CMakePresets.json)
#
#   --build-dir DIR           build in DIR/PRESET and leave the source tree as it is; default: build
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit "$1"
}

builds= presets=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage 0 ;;
    --build-dir)
        [ -n "${2-}" ] || usage 2 >&2
        mkdir -p "$2"
        builds=$(cd "$2" && pwd)
        shift
        ;;
    -*) usage 2 >&2 ;;
    *) presets+=("$1") ;;
    esac
    shift
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."
builds=${builds:-$PWD/build}

# shellcheck source=examples/apt-install.sh
source examples/apt-install.sh
install_missing build-essential cmake ninja-build 'pkg-config|pkgconf' libopenblas-openmp-dev \
    'libjpeg-dev|libjpeg62-turbo-dev|libjpeg-turbo8-dev' libpng-dev zlib1g-dev libjsmn-dev libjansson-dev libtiff-dev libwebp-dev libcmocka-dev python3 \
    python3-numpy python3-venv python3-pip python3-setuptools python3-wheel

# shellcheck source=examples/stage.sh
source examples/stage.sh
STAGE_LOG=$(mktemp)
trap 'rm -f "$STAGE_LOG"' EXIT

build() {
    cmake --preset "$1" -B "$builds/$1" && cmake --build "$builds/$1"
}

for preset in "${presets[@]:-dev}"; do
    : >"$STAGE_LOG"
    if ! stage "building preset $preset" build "$preset"; then
        tail -n 40 "$STAGE_LOG" >&2
        echo "tests/run.sh: building preset $preset failed" >&2
        exit 1
    fi
    # As the test presets, which know no other folder than build.
    filter=()
    [ "$preset" != tsan ] || filter=(-L threads)
    ctest --test-dir "$builds/$preset" --output-on-failure "${filter[@]}" -j "$(nproc)"
done
