#!/usr/bin/env bash
# What each method costs, for the table of ../accuracy/results.md: one epoch of its fit, the fit's peak memory, and the time and memory of
# scoring an image. Some minutes on two idle cores.
#
#   [THREADS=2] tests/bench/methods.sh PROGRAM SHARED [SET]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/. ResNet-18 and the settings of the accuracy
# scripts. A fit of one epoch and one of two are timed, so that their difference is an epoch, and the rest what comes before and
# after; what is learned says nothing here.
set -euo pipefail
program=$1 shared=$2 set=${3:-mvtec_screw} threads=${THREADS:-2}
weights=$shared/weights/resnet18_imagenet_folded.safetensors
work=$(mktemp -d)
# shellcheck disable=SC2064
trap "rm -rf '$work'" EXIT
load=$(cut -d' ' -f1 /proc/loadavg)
awk -v l="$load" 'BEGIN { if (l > 0.5) print "the load is " l ": other programs are running, and the times mean little" }'

fit() { # METHOD OPTION...: prints seconds and the peak in MiB
    python3 - "$program" fit "$@" --weights "$weights" --data "$shared/data/$set" --threads "$threads" --quiet \
        -o "$work/scorer.safetensors" <<'PYTHON'
import resource, subprocess, sys, time
start = time.time()
subprocess.run(sys.argv[1:], check=True)
print("%.1f %.0f" % (time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024))
PYTHON
}

score() { # the fastest run of one image, and the peak of the process
    "$program" bench "$work/scorer.safetensors" --weights "$weights" --threads "$threads" | sed "s/^/    /"
}

read -r seconds mib < <(fit gaussian --layers layer3 --reduce none)
echo "gaussian: $seconds s, $mib MiB"
score
read -r seconds mib < <(fit padim)
echo "padim: $seconds s, $mib MiB"
score
small=(--layers layer2 --size 192 --set flow_hidden=64 --set alpha=1.9 --set student_hidden=128 --set student_blocks=2)
while read -r -a words; do
    read -r one mib < <(fit "${words[@]}" --epochs 1)
    read -r two mib < <(fit "${words[@]}" --epochs 2)
    awk -v m="${words[*]}" -v a="$one" -v b="$two" -v mib="$mib" \
        'BEGIN { printf "%s: %.1f s an epoch and %.1f s beside, %d MiB\n", m, b - a, 2 * a - b, mib }'
    score
done <<LIST
stfpm
stfpm_unet --set pretrain_epochs=0
ast ${small[*]}
masked_rd
masked_rd --preset rd4ad
LIST
