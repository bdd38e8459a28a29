#!/usr/bin/env bash
# The Gaussian method's figures in the README, measured again: ResNet-18 at 224 without reduction.
#
#   tests/accuracy/gaussian.sh PROGRAM SHARED [LAYERS] [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; LAYERS default to layer3, SETs to
# mvtec_screw magnetic_tile cookies. With layer3, image_auroc must be within 0.002 of an independent PyTorch
# reference (tests/golden/reference_gaussian.py), and so must pixel_auroc and au_pro where that was run.
set -euo pipefail
program=$1 shared=$2 layers=${3:-layer3}
shift $(($# < 3 ? $# : 3))
[[ $# -gt 0 ]] || set -- mvtec_screw magnetic_tile cookies

weights=$shared/weights/resnet18_imagenet_folded.safetensors
if [[ ! -f $weights ]]; then
    echo "skipped: there is no $weights on this machine"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# set, figure, reference
reference() {
    cat <<'TABLE'
mvtec_screw image_auroc 0.843615
mvtec_screw pixel_auroc 0.941919
mvtec_screw au_pro 0.799771
magnetic_tile image_auroc 0.958930
cookies image_auroc 0.933036
cookies pixel_auroc 0.910168
cookies au_pro 0.723441
TABLE
}

failed=0
for set in "$@"; do
    SECONDS=0
    "$program" fit gaussian --weights "$weights" --data "$shared/data/$set" -o "$work/$set.safetensors" \
        --layers "$layers" --size 224 --reduce none --pixel dense --quiet
    echo "$set: fitted in $SECONDS s"
    "$program" eval "$work/$set.safetensors" --weights "$weights" --data "$shared/data/$set" | tee "$work/$set.txt"
    [[ $layers == layer3 ]] || continue
    while read -r name figure want; do
        [[ $name == "$set" ]] || continue
        got=$(awk -v f="$figure" '$1 == f { print $2 }' "$work/$set.txt")
        if ! awk -v a="${got:-nan}" -v b="$want" 'BEGIN { d = a - b; exit !(d <= 0.002 && d >= -0.002) }'; then
            echo "$set: $figure is ${got:-missing}, the reference gives $want"
            failed=1
        fi
    done < <(reference)
done
exit $failed
