#!/usr/bin/env bash
# Colour and depth together: on a set drawn by make_rgbd_set AST finds stains, which are in the colours alone, and dents,
# which are in the depth alone, in mode combi; each single mode finds its own and misses the other's.
#
#   [SIZE=256] [EPOCHS=36] [MODES="combi rgb depth"] tests/accuracy/ast_depth.sh PROGRAM SHARED GENERATOR
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/, GENERATOR the built make_rgbd_set. combi must reach an
# image AUROC of 0.99; a single mode 0.99 for its own defects against good parts, and at most 0.65 for the other's.
set -euo pipefail
program=$1 shared=$2 generator=$3
weights=$shared/weights/resnet18_imagenet_folded.safetensors
if [[ ! -f $weights ]]; then
    echo "skipped: there is no $weights on this machine"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$generator" "$work/set" 1

# Image AUROC of a group against the good parts, ties counted half; of all defects where no group is named.
auroc() { # CSV [GROUP]
    awk -F, -v group="${2:-}" 'NR > 1 {
            if ($(NF - 2) == "good") good[++g] = $NF
            else if (group == "" || $(NF - 2) == group) bad[++b] = $NF
        }
        END {
            for (i = 1; i <= g; i++) for (j = 1; j <= b; j++) sum += bad[j] > good[i] ? 1 : bad[j] == good[i] ? 0.5 : 0
            printf "%.4f\n", sum / (g * b)
        }' "$1"
}

failed=0
must() { # WHAT GOT OPERATOR LIMIT
    awk -v a="$2" -v b="$4" -v o="$3" 'BEGIN { exit !(o == ">=" ? a >= b : a <= b) }' && return
    echo "$1 is $2, not $3 $4"
    failed=1
}

for mode in ${MODES:-combi rgb depth}; do
    SECONDS=0
    "$program" fit ast --weights "$weights" --data "$work/set" --depth-scale 1e-4 --size "${SIZE:-256}" --quiet \
        -o "$work/$mode.safetensors" --set "mode=$mode" --set flow_hidden=32 --set student_hidden=96 --set student_blocks=2 \
        --set alpha=1.9 --epochs "${EPOCHS:-36}"
    "$program" eval "$work/$mode.safetensors" --weights "$weights" --data "$work/set" --depth-scale 1e-4 \
        --scores-csv "$work/$mode.csv" >"$work/$mode.txt" 2>/dev/null
    all=$(auroc "$work/$mode.csv") dent=$(auroc "$work/$mode.csv" dent) stain=$(auroc "$work/$mode.csv" stain)
    echo "$mode: image AUROC $all, dents $dent, stains $stain; fitted in $SECONDS s;" \
        "$(awk '/pixel_auroc|au_pro/ { printf "%s %s ", $1, $2 }' "$work/$mode.txt")"
    case $mode in
    combi) must "combi: image AUROC" "$all" ">=" 0.99 ;;
    rgb) must "rgb: stains" "$stain" ">=" 0.99 && must "rgb: dents" "$dent" "<=" 0.65 ;;
    depth) must "depth: dents" "$dent" ">=" 0.99 && must "depth: stains" "$stain" "<=" 0.65 ;;
    esac
done
exit $failed
