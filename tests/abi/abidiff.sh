#!/usr/bin/env bash
# Does a program that was built with the last release still run with this library? Compares with the newest
# tag v* that HEAD descends from: the headers, and with abidiff (abigail-tools), where it is installed, the
# libraries; that of the tag is built for it, with the same compiler, and kept in CACHE.
#
# The policy: the SONAME carries the minor version before 1.0 and the major version from then on. As long as
# it is the same, functions, types and structs may be added and structs may grow at their end; nothing else
# changes. Whoever must change more raises the version in adfeat.h, and everything is allowed again.
#
# usage: abidiff.sh ROOT LIBRARY CACHE COMPILER PYTHON    exit code 77: there is nothing to compare with
set -uo pipefail

root=$1 library=$2 cache=$3 cc=$4 python=$5
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

skip() {
    echo "$*"
    exit 77
}

# soname_of HEADER: what the SONAME carries for that version.
soname_of() {
    local numbers
    mapfile -t numbers < <(sed -nE 's/^#define AD_VERSION_(MAJOR|MINOR) ([0-9]+)$/\2/p' "$1")
    if [ "${numbers[0]}" = 0 ]; then echo "0.${numbers[1]}"; else echo "${numbers[0]}"; fi
}

command -v git >/dev/null || skip "there is no git here, so there is no release to compare with"
tag=$(git -C "$root" describe --tags --match 'v[0-9]*' --abbrev=0 HEAD 2>/dev/null) \
    || skip "there is no release to compare with: no tag v* in the history of HEAD"
commit=$(git -C "$root" rev-parse "$tag^{commit}") || exit 1
old=$cache/$commit
mkdir -p "$old" || exit 1
git -C "$root" archive "$commit" | tar -x -C "$old" || exit 1

was=$(soname_of "$old/include/adfeat.h")
is=$(soname_of "$root/include/adfeat.h")
if [ "$was" != "$is" ]; then
    echo "the SONAME's version went from $was ($tag) to $is, so anything may have changed"
    exit 0
fi
"$python" "$here/header_compatible.py" "$old/include/adfeat.h" "$root/include/adfeat.h" "$cc" "$cache/suppressions" || {
    echo "these are not allowed since $tag as long as the version is $is"
    exit 1
}

if ! command -v abidiff >/dev/null; then
    echo "abidiff (abigail-tools) is not installed: only the headers were compared with $tag"
    exit 0
fi
readelf -S "$library" | grep -q '\.debug_info' || {
    echo "'$library' has no debug information for abidiff: only the headers were compared with $tag"
    exit 0
}
if [ ! -e "$old/build/lib/libadfeat.so" ]; then
    {
        cmake -S "$old" -B "$old/build" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
            -DADFEAT_TESTS=OFF -DADFEAT_EXAMPLES=OFF \
            && cmake --build "$old/build" --target adfeat
    } >"$cache/build.log" 2>&1 || {
        tail -n 20 "$cache/build.log"
        echo "building the library of $tag failed"
        exit 1
    }
fi
abidiff --no-added-syms --suppressions "$cache/suppressions" --fail-no-debug-info \
    "$old/build/lib/libadfeat.so" "$library"
code=$?
[ $code -eq 0 ] || {
    echo "abidiff: exit code $code; this is not allowed since $tag as long as the version is $is"
    exit 1
}
echo "the library is compatible with that of $tag"
