#!/usr/bin/env bash
# Install a build into DIR, as a user has it: put under another prefix first and then moved, so that
# nothing works that is tied to the place where it was installed.
# usage: make_prefix.sh DIR [BUILD]
# BUILD is a finished build; without it, the release preset is built. DIR is replaced if this script made it
# (then there is a DIR.made beside it), and must not be there otherwise.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [[ $1 == -* ]]; then
    sed -n 's/^# \(usage: .*\)/\1/p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
dir=${1%/}
if [ -e "$dir" ] && [ ! -e "$dir.made" ]; then
    echo "make_prefix.sh: '$dir' is there, and was not made by this script" >&2
    exit 1
fi
cmake=${CMAKE:-cmake}
if [ $# -eq 2 ]; then
    build=$2
else
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    build=$root/build/release
    (cd "$root" && "$cmake" --preset release && "$cmake" --build --preset release) >&2
fi

mkdir -p "$(dirname "$dir")"
first=$(mktemp -d "$(dirname "$dir")/first_prefix.XXXXXX")
trap 'rm -rf "$first"' EXIT
"$cmake" --install "$build" --prefix "$first" >/dev/null
rm -rf "$dir"
chmod 755 "$first"
touch "$dir.made"
mv "$first" "$dir"
