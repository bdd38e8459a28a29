#!/usr/bin/env bash
# The figures of STFPM in results.md, measured again. Hours of work on two cores, so no part of the tests; it may be
# stopped and started again, since every training keeps a checkpoint.
#
#   [READING=R] [SEEDS="0 1 2"] [EPOCHS="100"] [THREADS=0] [MAPS=1] [WORK=DIR] \
#     tests/accuracy/stfpm.sh PROGRAM SHARED [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; SETs default to mvtec_screw.
# READING is what is trained:
#   default    the paper's text: half the squared distance, mean over the batch
#   no_half    the preset stfpm_accurate: all of the squared distance, as the authors' code has it
#   official   the preset stfpm_official: no half, maps multiplied at 64x64, validation by the product
#   sum        half, summed over the batch, as other implementations have it
#   unet       STFPM + U-Net with its defaults
# EPOCHS may be several, ascending: the training goes on from one to the next, with the best epoch so far evaluated
# at each. THREADS=0 takes as many as there are cores; any number gives the same figures. MAPS=1 evaluates
# each student with its maps multiplied at 64x64 and with their sum as well. WORK (default: a folder stfpm_runs
# here) keeps checkpoints, students, losses and scorers. With the default reading after 100 epochs on
# mvtec_screw, image_auroc must be within 0.03 of a PyTorch run's 0.762 and pixel_auroc within 0.005 of 0.974.
set -euo pipefail
program=$1 shared=$2
shift 2
[[ $# -gt 0 ]] || set -- mvtec_screw
reading=${READING:-default} work=${WORK:-stfpm_runs}
weights=$shared/weights/resnet18_imagenet_folded.safetensors
if [[ ! -f $weights ]]; then
    echo "skipped: there is no $weights on this machine"
    exit 77
fi
method=stfpm untrained=()
case $reading in
default) options=() ;;
no_half) options=(--preset stfpm_accurate) ;;
official) options=(--preset stfpm_official) ;;
sum) options=(--set loss_batch=sum) ;;
unet) method=stfpm_unet options=() untrained=(--set pretrain_epochs=0) ;;
*) echo "READING is one of default, no_half, official, sum, unet" >&2 && exit 2 ;;
esac

near() { # FIGURE GOT WANT TOLERANCE
    awk -v a="${2:-nan}" -v b="$3" -v t="$4" 'BEGIN { d = a - b; exit !(d <= t && d >= -t) }' && return
    echo "$1 is ${2:-missing}, the reference gives $3"
    return 1
}

evaluate() { # NAME SET
    "$program" eval "$work/$1.safetensors" --weights "$weights" --data "$shared/data/$2" | tee "$work/$1.txt"
}

figure() { awk -v f="$1" '$1 == f { print $2 }' "$2"; }

failed=0
for set in "$@"; do
    for seed in ${SEEDS:-0}; do
        name=$set.$reading.seed$seed
        mkdir -p "$work/$name"
        for epochs in ${EPOCHS:-100}; do
            SECONDS=0
            "$program" fit "$method" --weights "$weights" --data "$shared/data/$set" --quiet \
                -o "$work/$name/epochs$epochs.safetensors" --save-student "$work/$name/student$epochs.safetensors" \
                --checkpoint-dir "$work/$name" --resume --loss-csv "$work/$name/loss.csv" \
                --set "seed=$seed" --epochs "$epochs" --threads "${THREADS:-0}" "${options[@]}"
            echo "$name: $epochs epochs, $SECONDS s of it in this run"
            evaluate "$name/epochs$epochs" "$set"
            for maps in ${MAPS:+combine_at=64 combine=sum}; do
                "$program" fit "$method" --weights "$weights" --data "$shared/data/$set" --quiet \
                    -o "$work/$name/$maps.safetensors" --student "$work/$name/student$epochs.safetensors" \
                    --epochs 0 "${untrained[@]}" --threads "${THREADS:-0}" --set "$maps"
                echo "$name: $epochs epochs, $maps"
                evaluate "$name/$maps" "$set"
            done
            if [[ $set.$reading.$epochs == mvtec_screw.default.100 ]]; then
                near image_auroc "$(figure image_auroc "$work/$name/epochs$epochs.txt")" 0.762 0.03 || failed=1
                near pixel_auroc "$(figure pixel_auroc "$work/$name/epochs$epochs.txt")" 0.974 0.005 || failed=1
            fi
        done
    done
done
exit $failed
