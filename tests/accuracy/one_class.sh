#!/usr/bin/env bash
# One-class evaluation as of CIFAR-10: each class in its turn is the good one, and all others are what was never seen. Prints the
# image AUROC of every class and their mean.
#
#   [THREADS=0] tests/accuracy/one_class.sh PROGRAM WEIGHTS DIR METHOD [OPTION...]
#
# PROGRAM is the built adfeat, DIR holds train/CLASS and test/CLASS; METHOD and OPTIONs are those of 'adfeat fit'.
set -euo pipefail
program=$1 weights=$2 data=$3 method=$4
shift 4
work=$(mktemp -d)
# shellcheck disable=SC2064
trap "rm -rf '$work'" EXIT
for folder in "$data"/train/*/; do
    class=$(basename "$folder")
    "$program" fit "$method" --weights "$weights" --data "$data" --one-class "$class" --threads "${THREADS:-0}" --quiet \
        -o "$work/scorer.safetensors" "$@"
    "$program" eval "$work/scorer.safetensors" --weights "$weights" --data "$data" --one-class "$class" \
        --threads "${THREADS:-0}" 2>/dev/null |
        awk -v c="$class" '$1 == "image_auroc" { print c, $2 }'
done | awk '{ print; sum += $2; n++ } END { if (n) printf "mean %.6f\n", sum / n; exit !n }'
