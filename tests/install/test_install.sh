#!/usr/bin/env bash
# Can others use what is installed? Each part is one test, on the prefix that make_prefix.sh left.
# usage: test_install.sh PART PREFIX BUILD SOURCE CC CMAKE GENERATOR PYTHON
set -uo pipefail

part=$1 prefix=$2 build=$3 source=$4 cc=$5 cmake=$6 generator=$7 python=$8
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

wrong() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

needs() {
    command -v "$1" >/dev/null || {
        echo "there is no $1 here"
        exit 77
    }
}

# quietly COMMAND...: its output only where it failed.
quietly() {
    "$@" >log 2>&1 || {
        sed 's/^/    /' log
        wrong "$*"
        return 1
    }
}

libdir=$(cd "$prefix" && dirname "$(find . -name 'libadfeat.so')")
libdir=$prefix/${libdir#./}
version=$(sed -nE 's/^#define AD_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+)$/\2/p' "$source/include/adfeat.h" | paste -sd .)
minor=${version%.*}
"$python" "$source/tests/cli/make_images.py" . || exit 1

# runs SAYS COMMAND...: the consumer's one line.
runs() {
    local says="adfeat $version: 48 x 36 pixels, [1-9][0-9]* architectures, the first is [a-z0-9_]+"
    "$@" flat/one.png >stdout 2>stderr || wrong "$*: $(cat stderr)"
    grep -qxE "$says" stdout || wrong "$* says '$(cat stdout)'"
}

# A program that was linked with the static library does not look for the shared one.
is_static() {
    readelf -d "$1" | grep -q 'NEEDED.*libadfeat' && wrong "$1 still needs the shared library"
}

check_files() {
    local file
    local doc=share/doc/adfeat
    for file in include/adfeat.h bin/adfeat share/man/man1/adfeat.1 $doc/{README.md,CHANGELOG.md,LICENSE} \
        $doc/examples/{first_scorer,features,fit,score_image,threads,custom_allocator}.c \
        $doc/examples/opencv_overlay.cpp $doc/lib/{api,backbones,methods}/README.md; do
        [ -f "$prefix/$file" ] || wrong "$file is not installed"
    done
    for file in libadfeat.a "libadfeat.so.$version" pkgconfig/adfeat.pc \
        cmake/adfeat/adfeatConfig{,Version}.cmake; do
        [ -f "$libdir/$file" ] || wrong "$file is not installed in $libdir"
    done
    [ "$(readlink "$libdir/libadfeat.so.$minor")" = "libadfeat.so.$version" ] \
        || wrong "the SONAME's link leads elsewhere"
    find "$prefix" -type f ! -perm -444 | grep . && wrong "files that not everybody can read"

    # The tree may lie anywhere: no text knows where it was built or first installed, nor does any binary
    # know the first prefix (debug information may name the sources).
    grep -rIlF -e "$source" -e "$build" "$prefix" && wrong "texts with a path of the build"
    grep -rlF first_prefix. "$prefix" && wrong "files with the path of the first prefix"
    readelf -d "$libdir/libadfeat.so" | grep -E 'RPATH|RUNPATH' && wrong "the library has a path to others"
    # shellcheck disable=SC2016
    readelf -d "$prefix/bin/adfeat" | grep -q 'RUNPATH.*\[\$ORIGIN/[^/:]' \
        || wrong "the program does not look beside itself"

    # Staged for a package, the same files come out.
    DESTDIR=$work/stage quietly "$cmake" --install "$build" --prefix /nowhere/adfeat
    quietly diff -r --no-dereference "$prefix" stage/nowhere/adfeat
    [ "$(ls stage)" = nowhere ] || wrong "files outside the prefix: $(ls stage)"
}

check_program() {
    local output
    output=$(cd / && env -i PATH="$PATH" "$prefix/bin/adfeat" --version) || wrong "adfeat --version"
    grep -qx "adfeat $version" <<<"$output" || wrong "adfeat --version says '$output'"
    needs ldd
    # Linked statically (BUILD_SHARED_LIBS=OFF) it needs none.
    ldd "$prefix/bin/adfeat" | grep libadfeat | grep -vF "$(cd "$prefix" && pwd -P)" \
        && wrong "the program takes the library from elsewhere"
}

check_pkgconfig() {
    needs pkg-config
    export PKG_CONFIG_PATH=$libdir/pkgconfig
    local flags=(-std=c99 -Wall -Wextra -Wpedantic -Werror) example link
    [ "$(pkg-config --modversion adfeat)" = "$version" ] || wrong "the version of adfeat.pc is not $version"
    # shellcheck disable=SC2046,SC2086
    {
        quietly "$cc" "${flags[@]}" "$here/consumer/consumer.c" $(pkg-config --cflags --libs adfeat) -o shared \
            && runs env LD_LIBRARY_PATH="$libdir" ./shared
        link=$(pkg-config --static --libs adfeat)
        quietly "$cc" "${flags[@]}" "$here/consumer/consumer.c" $(pkg-config --cflags adfeat) \
            ${link/-ladfeat/-l:libadfeat.a} -o static && runs ./static && is_static static
        # The installed examples are complete programs.
        for example in "$prefix"/share/doc/adfeat/examples/*.c; do
            quietly "$cc" -std=c11 -Wall -Wextra -Werror "$example" $(pkg-config --cflags --libs adfeat) \
                -lm -pthread -o example
        done
    }
}

# consumer FOLDER OPTIONS...: configure the C++ project, which finds nothing of ours but in the prefix.
consumer() {
    local folder=$1
    shift
    "$cmake" -S "$here/consumer" -B "$folder" -G "$generator" -DCMAKE_PREFIX_PATH="$prefix" "$@" >log 2>&1
}

check_cmake() {
    consumer shared -DREQUEST="$minor" -DLINK=adfeat::adfeat || wrong "find_package: $(cat log)"
    quietly "$cmake" --build shared && runs shared/consumer
    consumer static -DREQUEST="COMPONENTS;static" -DLINK=adfeat::adfeat_static \
        || wrong "find_package static: $(cat log)"
    quietly "$cmake" --build static && runs static/consumer && is_static static/consumer
    consumer exact -DREQUEST="$version;EXACT" -DLINK=adfeat::adfeat || wrong "EXACT $version: $(cat log)"
    local major=${version%%.*} next
    next=$((${minor#*.} + 1))
    # Another minor version, an exact other patch, a later patch, a part that there is not.
    for request in "$major.$next" "$((major + 1))" "$version.1;EXACT" "$minor.99" "COMPONENTS;cuda"; do
        consumer refused -DREQUEST="$request" -DLINK=adfeat::adfeat && wrong "find_package(adfeat $request) was content"
        grep -qE 'compatible|exactly|no component' log \
            || wrong "find_package(adfeat $request) failed of something else: $(cat log)"
        rm -rf refused
    done
}

# The package alone, without the checkout that it lies in: the library is where was said when it was installed, or beside
# the adfeat.pc of $PKG_CONFIG_PATH.
check_pip() {
    local module says
    for module in numpy pip setuptools wheel venv; do
        "$python" -c "import $module" 2>/dev/null || {
            echo "there is no Python module $module here"
            exit 77
        }
    done
    needs pkg-config
    unset ADFEAT_LIBRARY PYTHONPATH LD_LIBRARY_PATH
    cp -R "$source/bindings/python" package
    quietly "$python" -m venv --system-site-packages venv || return
    # The environment sees the modules of the Python it was made from; where that is an environment itself, not all.
    venv/bin/python -c 'import numpy, setuptools, wheel' 2>/dev/null || {
        PYTHONPATH=$("$python" -c 'import numpy, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))')
        export PYTHONPATH
    }
    says="adfeat $version: 48 x 36 pixels, [1-9][0-9]* architectures, the first is [a-z0-9_]+"
    pip_installs ./package "$libdir/libadfeat.so" && rm -rf package \
        && consumes env
    pip_installs "$source/bindings/python" '' && consumes env "PKG_CONFIG_PATH=$libdir/pkgconfig"
}

pip_installs() {
    ADFEAT_LIBRARY=$2 quietly venv/bin/python -m pip install --force-reinstall --no-index --no-build-isolation --no-deps "$1"
}

consumes() {
    "$@" venv/bin/python "$here/consumer/consumer.py" flat/one.png "$prefix" >stdout 2>stderr \
        || wrong "consumer.py: $(cat stderr)"
    grep -qxE "$says" stdout || wrong "consumer.py says '$(cat stdout)'"
}

check_subdirectory() {
    consumer part -DSOURCE="$source" -DLINK=adfeat::adfeat_static -DCMAKE_BUILD_TYPE=Debug \
        -DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON || wrong "add_subdirectory: $(cat log)"
    quietly "$cmake" --build part --target consumer && runs part/consumer && is_static part/consumer
}

# On a machine that has all packages, of a source tree that is not written to, in folders whose names are not plain: what
# the quickstart built can be installed, and is what a whole build installs.
check_quickstart() {
    local tree="$work/a b ü"
    needs ninja
    mkdir "$tree" fake
    (cd "$source" && cp -R CMakeLists.txt CMakePresets.json README.md CHANGELOG.md LICENSE include lib backends bindings \
        examples pkgconfig "$tree") || return
    chmod -R a-w "$tree"
    (cd "$tree" && find . | sort) >before
    printf '#!/bin/sh\necho amd64\n' >fake/dpkg
    printf '#!/bin/sh\necho installed amd64\n' >fake/dpkg-query
    chmod +x fake/*
    "$python" "$source/tests/cli/make_weights.py" w.safetensors 1 \
        && "$python" "$source/tests/examples/add_layer3.py" w.safetensors w3.safetensors || exit 1
    PATH=$work/fake:$PATH "$tree/examples/quickstart.sh" --weights w3.safetensors --data set --out "out ü" \
        --cache "cache ü" --build-dir "build ü" >log 2>&1 || wrong "the quickstart: $(cat log out*/*.log)"
    grep -qE '^the build: done in [0-9]+ s$' log || wrong "it does not say how long the build took: $(cat log)"
    grep -q '^ *image_auroc' log || wrong "it measures nothing: $(cat log)"
    (cd "$tree" && find . | sort) >after
    quietly diff before after
    chmod -R u+w "$tree"
    quietly "$cmake" --install "build ü" --prefix "$work/installed ü"
    # Names of CMake's files hold the kind of build.
    for tree in "$prefix" "$work/installed ü"; do
        (cd "$tree" && find . ! -name '*Targets-*.cmake' | sort) >"$(basename "${tree%% *}").list"
    done
    quietly diff "$(basename "$prefix").list" installed.list
}

"check_$part"
[ $failures -eq 0 ] || exit 1
echo "all is well"
