#!/usr/bin/env bash
# The figures of masked reverse distillation and of plain reverse distillation in results.md, measured again. Half an hour a
# set on two cores, so no part of the tests.
#
#   [PRESETS="masked_rd rd4ad"] [EPOCHS=25] [SEED=0] [SIZE=256] [THREADS=0] [ABLATE=1] [WORK=DIR] \
#     tests/accuracy/masked_rd.sh PROGRAM SHARED [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; SETs default to mvtec_screw magnetic_tile.
# ResNet-18 at SIZE, the method's defaults but for the epochs. ABLATE=1: instead of presets, one run for every switch. WORK
# (default: a folder masked_rd_runs here) keeps checkpoints, students, losses and scorers; what was stopped goes on. At 256
# the pixel AUROC of masked_rd on mvtec_screw must be at least 0.97.
set -euo pipefail
program=$1 shared=$2
shift 2
[[ $# -gt 0 ]] || set -- mvtec_screw magnetic_tile
work=${WORK:-masked_rd_runs} epochs=${EPOCHS:-25} seed=${SEED:-0} size=${SIZE:-256}
weights=$shared/weights/resnet18_imagenet_folded.safetensors
if [[ ! -f $weights ]]; then
    echo "skipped: there is no $weights on this machine"
    exit 77
fi
runs=()
for preset in ${PRESETS:-masked_rd rd4ad}; do
    runs+=("preset=$preset")
done
if [[ -n ${ABLATE:-} ]]; then
    runs=(preset=masked_rd sru=0 cru=0 simam=0 scsatt=0 fmm=0 fmm_align=0 msff_out=concat gate=soft cru_softmax=joint
          eval_mask=seeded levels=1 levels=2 levels=3 levels=12 levels=13 levels=23 loss=flat combine=product
          preset=rd4ad preset=mrkd_flm)
fi

failed=0
for set in "$@"; do
    for setting in "${runs[@]}"; do
        run=$work/$set.$setting.size$size.epochs$epochs.seed$seed
        mkdir -p "$run"
        options=(--set "$setting")
        [[ $setting != preset=* ]] || options=(--preset "${setting#preset=}")
        SECONDS=0
        "$program" fit masked_rd --weights "$weights" --data "$shared/data/$set" --size "$size" --epochs "$epochs" \
            "${options[@]}" --set "seed=$seed" --threads "${THREADS:-0}" --quiet -o "$run/scorer.safetensors" \
            --save-student "$run/student.safetensors" --checkpoint-dir "$run" --resume --loss-csv "$run/loss.csv"
        echo "$set $setting: $SECONDS s of training in this run"
        "$program" eval "$run/scorer.safetensors" --weights "$weights" --data "$shared/data/$set" \
            --threads "${THREADS:-0}" >"$run/figures.txt"
        awk -v head="$set $setting" '{ v[$1] = $2 } END { print head ": image_auroc " v["image_auroc"] " pixel_auroc " \
            v["pixel_auroc"] " au_pro " v["au_pro"] " ms_per_image " v["ms_per_image"] }' "$run/figures.txt"
        [[ $set.$setting.$size == mvtec_screw.preset=masked_rd.256 ]] || continue
        awk '$1 == "pixel_auroc" { found = $2 } END { exit !(found >= 0.97) }' "$run/figures.txt" && continue
        echo "$set: the pixel AUROC is below 0.97"
        failed=1
    done
done
exit $failed
