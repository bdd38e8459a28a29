#!/usr/bin/env bash
# PaDiM's figures in the README, measured again: ResNet-18 and the method's defaults, which are 224 pixels without a
# crop and 100 of 448 channels.
#
#   tests/accuracy/padim.sh PROGRAM SHARED [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; SETs default to mvtec_screw
# magnetic_tile cookies. Every figure must be within 0.002 of an independent PyTorch reference
# (tests/golden/reference_padim.py with --size 224 --crop 224 --aspect square --resize pil_bilinear).
set -euo pipefail
program=$1 shared=$2
shift 2
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
mvtec_screw image_auroc 0.771470
mvtec_screw pixel_auroc 0.979546
mvtec_screw au_pro 0.930931
magnetic_tile image_auroc 0.900256
magnetic_tile pixel_auroc 0.730370
magnetic_tile au_pro 0.770533
cookies image_auroc 0.979911
cookies pixel_auroc 0.913406
cookies au_pro 0.731184
TABLE
}

failed=0
for set in "$@"; do
    SECONDS=0
    "$program" fit padim --weights "$weights" --data "$shared/data/$set" -o "$work/$set.safetensors" --quiet
    echo "$set: fitted in $SECONDS s"
    "$program" eval "$work/$set.safetensors" --weights "$weights" --data "$shared/data/$set" | tee "$work/$set.txt"
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
