#!/usr/bin/env bash
# AST's figures in results.md, measured again: beside the flow's likelihood alone and the Gaussian method on the same
# features. Half an hour a set on two cores, so no part of the tests.
#
#   [LAYER=layer3] [SIZE=384] [WIDE=192] [LR=2e-4] [TEACHER_EPOCHS=12] [STUDENT_EPOCHS=12] [SEED=0] [THREADS=0] \
#     [WORK=DIR] tests/accuracy/ast.sh PROGRAM SHARED [SET...]
#
# PROGRAM is the built adfeat, SHARED the folder that holds weights/ and data/; SETs default to mvtec_screw magnetic_tile.
# ResNet-18 and networks that a CPU trains: 64 channels for the flow, WIDE for the student, 2 residual blocks, alpha 1.9.
# WORK (default: a folder ast_runs here) keeps checkpoints, students, losses and scorers; what was stopped goes on. AST's
# image AUROC must be above both others'.
set -euo pipefail
program=$1 shared=$2
shift 2
[[ $# -gt 0 ]] || set -- mvtec_screw magnetic_tile
work=${WORK:-ast_runs} layer=${LAYER:-layer3} size=${SIZE:-384} wide=${WIDE:-192} lr=${LR:-2e-4} seed=${SEED:-0}
weights=$shared/weights/resnet18_imagenet_folded.safetensors
if [[ ! -f $weights ]]; then
    echo "skipped: there is no $weights on this machine"
    exit 77
fi
networks=(--set flow_hidden=64 --set alpha=1.9 --set "student_hidden=$wide" --set student_blocks=2)

evaluate() { # NAME SET
    echo "$1"
    "$program" eval "$1.safetensors" --weights "$weights" --data "$shared/data/$2" --threads "${THREADS:-0}" | tee "$1.txt"
}

auroc() { awk '$1 == "image_auroc" { print $2 }' "$1.txt"; }

failed=0
for set in "$@"; do
    run=$work/$set.$layer.size$size.wide$wide.lr$lr.seed$seed
    common=(--weights "$weights" --data "$shared/data/$set" --layers "$layer" --size "$size" --threads "${THREADS:-0}"
            --quiet)
    mkdir -p "$run"
    "$program" fit gaussian "${common[@]}" -o "$run/gaussian.safetensors"
    evaluate "$run/gaussian" "$set"
    SECONDS=0
    "$program" fit ast "${common[@]}" "${networks[@]}" --set "lr=$lr" --set "seed=$seed" -o "$run/ast.safetensors" \
        --set "teacher_epochs=${TEACHER_EPOCHS:-12}" --set "student_epochs=${STUDENT_EPOCHS:-12}" \
        --save-student "$run/student.safetensors" --checkpoint-dir "$run" --resume --loss-csv "$run/loss.csv"
    echo "$run: $SECONDS s of training in this run"
    evaluate "$run/ast" "$set"
    "$program" fit ast "${common[@]}" -o "$run/teacher.safetensors" --student "$run/student.safetensors" --epochs 0 \
        --set score=teacher
    evaluate "$run/teacher" "$set"
    for other in teacher gaussian; do
        awk -v a="$(auroc "$run/ast")" -v b="$(auroc "$run/$other")" 'BEGIN { exit !(a > b) }' && continue
        echo "$set: image AUROC $(auroc "$run/ast") is not above that of $other, $(auroc "$run/$other")"
        failed=1
    done
done
exit $failed
