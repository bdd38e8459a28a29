#!/usr/bin/env bash
# Is the package one that pip installs? Into a scratch environment, without a network; then a program in another folder
# fits and scores with the library from the build tree. The source tree stays as it was.
# usage: test_pip.sh PYTHON SOURCE BUILD
set -uo pipefail

python=$1
source=$2
build=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for module in numpy pip setuptools wheel venv; do
    "$python" -c "import $module" 2>"$work/error" || {
        echo "skipped: $python has no module $module"
        exit 77
    }
done
"$python" -m venv --system-site-packages "$work/venv" >"$work/log" 2>&1 || {
    echo "skipped: $python -m venv makes no environment (Debian: python3-venv)"
    exit 77
}

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' "$work/log"
    exit 1
}

listing() {
    (cd "$source/bindings" && find . -not -name '__pycache__' -not -name '*.pyc' | sort)
}

listing >"$work/before"
unset ADFEAT_LIBRARY PYTHONPATH LD_LIBRARY_PATH
# The environment sees the modules of the Python it was made from; where that is an environment itself, it does not.
if ! "$work/venv/bin/python" -c 'import numpy, setuptools, wheel' 2>/dev/null; then
    PYTHONPATH=$("$python" -c 'import numpy, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))')
    export PYTHONPATH
fi

# A wheel names no path of the machine where it was built: neither the checkout's, nor that of an installed library.
mkdir "$work/wheel" "$work/lib" "$work/lib/pkgconfig"
printf 'libdir=%s\nName: adfeat\nDescription: none\nVersion: 0\n' "$work/lib" >"$work/lib/pkgconfig/adfeat.pc"
PKG_CONFIG_PATH=$work/lib/pkgconfig "$work/venv/bin/python" -m pip wheel --no-index --no-build-isolation --no-deps \
    -w "$work/wheel" "$source/bindings/python" >"$work/log" 2>&1 || fail "pip wheel"
"$python" -m zipfile -e "$work"/wheel/adfeat-*.whl "$work/wheel/unpacked" || exit 1
grep -rlF -e "$source" -e "$build" -e "$work" "$work/wheel/unpacked" >"$work/log" && fail "paths in a wheel"
(cd "$work/wheel/unpacked" && find . -type f ! -name '*.py' ! -name py.typed ! -path '*.dist-info/*') >"$work/log"
[ ! -s "$work/log" ] || fail "files in a wheel that do not belong there"

ADFEAT_BUILD_DIR=$build "$work/venv/bin/python" -m pip install --no-index --no-build-isolation --no-deps \
    "$source/bindings/python" >"$work/log" 2>&1 || fail "pip install"
listing >"$work/after"
diff "$work/before" "$work/after" >>"$work/log" || fail "pip install left files in the source tree"

"$python" "$source/tests/cli/make_weights.py" "$work/w.safetensors" 1 || exit 1
"$python" "$source/tests/cli/make_images.py" "$work" || exit 1
cat >"$work/program.py" <<'PROGRAM'
import os
import sys

import adfeat
from adfeat import _installed

folder, build = sys.argv[1:]
assert os.path.realpath(adfeat.__file__).startswith(os.path.realpath(folder)), adfeat.__file__
assert _installed.FOLDERS == [os.path.join(build, "lib")], _installed.FOLDERS
found = adfeat.library_path()
if os.sep in found and not found.startswith("/usr/local/"):
    assert os.path.realpath(found).startswith(os.path.realpath(build) + os.sep), found
else:
    print("another libadfeat is installed and comes first: " + found)
scorer = adfeat.fit("w.safetensors", "set", layers="layer1,layer2", size=64)
good, spot = (scorer.score("set/test/%s/000.png" % name) for name in ("good", "spot"))
assert spot > good, (good, spot)
assert adfeat.evaluate(scorer, "set").image_auroc == 1.0
print("adfeat %s with %s: good %.4g, spot %.4g" % (adfeat.__version__, found, good, spot))
PROGRAM
(cd "$work" && "$work/venv/bin/python" program.py "$work" "$build") || fail "the program"
"$work/venv/bin/python" -m adfeat.convert --help >"$work/log" 2>&1 || fail "python -m adfeat.convert"
version=$("$work/venv/bin/python" -c 'import adfeat; print(adfeat.__version__)')
"$work/venv/bin/python" -m pip show adfeat >"$work/log" 2>&1
grep -qx "Version: $version" "$work/log" || fail "pip shows another version than $version"
"$work/venv/bin/python" -m pip uninstall -y adfeat >"$work/log" 2>&1 || fail "pip uninstall"
(cd "$work" && "$work/venv/bin/python" -c 'import adfeat' 2>/dev/null) && fail "something is left after uninstalling"
echo "all is well"
