#!/usr/bin/env bash
# Install what is missing, build, run every test with ctest. Works from any folder, on a fresh Debian machine.
#
#   tests/run.sh              the dev preset: every test
#   tests/run.sh asan tsan    other presets, one after the other (see CMakePresets.json)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
fi

# shellcheck source=examples/apt-install.sh
source examples/apt-install.sh
install_missing build-essential cmake ninja-build 'pkg-config|pkgconf' libopenblas-openmp-dev \
    'libjpeg-dev|libjpeg62-turbo-dev|libjpeg-turbo8-dev' libpng-dev zlib1g-dev libjsmn-dev libjansson-dev libtiff-dev libwebp-dev libcmocka-dev python3 \
    python3-numpy python3-venv python3-pip python3-setuptools python3-wheel

log=$(mktemp)
trap 'rm -f "$log"' EXIT

build() {
    cmake --preset "$1" && cmake --build --preset "$1"
}

for preset in "${@:-dev}"; do
    echo "building preset $preset"
    if ! build "$preset" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "tests/run.sh: building preset $preset failed" >&2
        exit 1
    fi
    ctest --preset "$preset" -j "$(nproc)"
done
