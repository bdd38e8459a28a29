#!/usr/bin/env bash
# PaDiM's figures in results.md, measured again: ResNet-18 and the method's defaults, which are 224 pixels without a
# crop and 100 of 448 channels.
#
#   tests/accuracy/padim.sh PROGRAM SHARED [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; SETs default to mvtec_screw
# magnetic_tile cookies. Every figure must be within 0.002 of an independent PyTorch reference
# (tests/golden/reference_padim.py with --size 224 --crop 224 --aspect square --resize pil_bilinear).
set -euo pipefail
# shellcheck source=tests/accuracy/measure.sh
source "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
program=$1 shared=$2
shift 2
[[ $# -gt 0 ]] || set -- mvtec_screw magnetic_tile cookies

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

measure "$program" "$shared" "$*" padim
