#!/usr/bin/env bash
# Does the library never look into the backend's memory? Compiles lib/ with ADI_CHECK_MEMORY, where values of that memory
# are structs: reading one, or mixing it with memory of the host, is an error. backends/ implements it and is left out.
# usage: memory.sh SOURCE CC INCLUDE...
set -euo pipefail

source=$1 cc=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -D_GNU_SOURCE -DADI_CHECK_MEMORY -DADI_PLUGIN_ABI=0u -DADFEAT_WITH_TIFF=0 -DADFEAT_WITH_WEBP=0
    -DADFEAT_WITH_OPENMP=1 -Wall -Werror -fno-math-errno -fsyntax-only
    "-I$source/include" "-I$source/lib" "-I$source/backends")
for folder in "$@"; do
    flags+=(-idirafter "$folder")
done

# What it is for is noticed at all.
for line in 'float f(const adi_f32 *p) { return *p; }' 'void f(adi_f32 *p) { p[0] = 1.0f; }' \
    'float *f(adi_f32 *p) { return p; }' 'double f(const adi_f64 *p) { return p[1] + 1.0; }'; do
    printf '#include "backend.h"\n%s\n' "$line" >"$work/bad.c"
    if "$cc" "${flags[@]}" "$work/bad.c" >/dev/null 2>&1; then
        echo "this compiles: $line"
        exit 1
    fi
done

cd "$source"
find lib -name '*.c' ! -name tiff_session.c | sort >"$work/files"
export cc work
# shellcheck disable=SC2016
compile='out=$work/$(basename "$1").log; "$cc" "${@:2}" "$1" >"$out" 2>&1 || { cat "$out"; exit 1; }'
xargs -P "$(nproc)" -I{} bash -c "$compile" compile {} "${flags[@]}" <"$work/files" || exit 1
echo "$(wc -l <"$work/files") files compile"
