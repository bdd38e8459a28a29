#!/usr/bin/env bash
# The Gaussian method's figures in results.md, measured again: ResNet-18 at 224 without reduction.
#
#   [LAYERS=A,B,...] tests/accuracy/gaussian.sh PROGRAM SHARED [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; LAYERS default to layer3, SETs to
# mvtec_screw magnetic_tile cookies. With layer3, image_auroc must be within 0.002 of an independent PyTorch
# reference (tests/golden/reference_gaussian.py), and so must pixel_auroc and au_pro where that was run.
set -euo pipefail
# shellcheck source=tests/accuracy/measure.sh
source "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
program=$1 shared=$2 layers=${LAYERS:-layer3}
shift 2
[[ $# -gt 0 ]] || set -- mvtec_screw magnetic_tile cookies

reference() {
    [[ $layers == layer3 ]] || return 0
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

measure "$program" "$shared" "$*" gaussian --layers "$layers" --size 224 --reduce none --pixel dense
