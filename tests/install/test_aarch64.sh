#!/usr/bin/env bash
# Does every file of the library compile for aarch64, at -O3, without a warning? Only with Debian's cross compiler
# (gcc-aarch64-linux-gnu). The headers of other libraries are the host's, which say the same.
# usage: test_aarch64.sh SOURCE INCLUDE...
set -euo pipefail

source=$1
shift
cc=aarch64-linux-gnu-gcc
command -v $cc >/dev/null || {
    echo "skipped: there is no $cc here (Debian: gcc-aarch64-linux-gnu)"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags=(-std=c11 -D_GNU_SOURCE -O3 -fPIC -fopenmp -fvisibility=hidden -fno-math-errno -fno-trapping-math -Wall -Wextra
    -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wno-unknown-pragmas -Werror
    -DADFEAT_WITH_TIFF=0 -DADFEAT_WITH_WEBP=0 -DADFEAT_WITH_OPENMP=1 -DADI_PLUGIN_ABI=0u
    "-I$source/include" "-I$source/lib" "-I$source/backends")
for folder in "$@" /usr/include "/usr/include/$(cc -print-multiarch 2>/dev/null || gcc -print-multiarch)"; do
    flags+=(-idirafter "$folder") # behind the cross compiler's own
done

# Files that CMake takes for x86 alone, or with a library, are not for here.
cd "$source"
find lib backends -name '*.c' ! -name 'isa_avx*' ! -name tiff_session.c | sort >"$work/files"
export cc work
# shellcheck disable=SC2016
compile='out=$work/$(basename "$1").log; "$cc" "${@:2}" -c "$1" -o "$work/$(basename "$1").o" >"$out" 2>&1 || {
    echo "$1"; cat "$out"; exit 1; }'
xargs -P "$(nproc)" -I{} bash -c "$compile" compile {} "${flags[@]}" <"$work/files" || exit 1
echo "$(wc -l <"$work/files") files compile"
