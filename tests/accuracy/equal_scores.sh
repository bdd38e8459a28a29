#!/usr/bin/env bash
# Do two builds of the adfeat program give the same scores and heat maps?
# For changes that must not move a bit. Run it by hand: it needs a program of before.
usage='usage: equal_scores.sh OLD_PROGRAM NEW_PROGRAM [DATA [WEIGHTS]]

Fits every method, its presets and the options that change a score with both programs, on a few
images and for one or two epochs. Of each fit it compares
  fit       scores and heat maps of both programs, each with its own scorer file
  scorer    scores and heat maps of the new program with the scorer file of the old one
  student   the same of a scorer that the new program makes of the student file of the old one
and prints a line for each fit: equal, DIFFERENT and what differs, or FAILED and why. Scores are
compared in all bits, heat maps as the pictures that the program draws.
Exit code 0 where all are equal, 1 where one is not, 2 for wrong arguments.

  OLD_PROGRAM  an adfeat program of before: build/dev/examples/adfeat/adfeat of another checkout
  NEW_PROGRAM  the one to compare with it
  DATA         images in MVTec AD layout, of which a few are used; default: small ones are drawn
  WEIGHTS      of a ResNet-18; default: random ones are drawn

Environment:
  PYTHON         default python3
  MAKE_RGBD_SET  the example of that name; default: beside the folder of NEW_PROGRAM. Without it
                 fits that need depth are skipped
  ONLY           a pattern of bash: the fits whose names match it
  NEW_ARGS       more arguments for fits of the new program. ONLY=stfpm NEW_ARGS="--set seed=9"
                 shows that a difference is found'
set -uo pipefail

if [[ $# -lt 2 || $# -gt 4 || ! -x $1 || ! -x $2 ]]; then
    echo "$usage" >&2
    exit 2
fi
old=$(realpath "$1")
new=$(realpath "$2")
python=${PYTHON:-python3}
cli=$(cd "$(dirname "${BASH_SOURCE[0]}")/../cli" && pwd)
make_rgbd_set=${MAKE_RGBD_SET:-$(dirname "$new")/../make_rgbd_set}
data=${3:+$(realpath "$3")}
weights=${4:+$(realpath "$4")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
export OMP_WAIT_POLICY=passive

# ---- What is fitted on: 12 images to learn, two of every kind to score ----
if [[ -n $data ]]; then
    mkdir -p set/train/good set/test
    find "$data/train/good" -type f | sort | head -n 12 | xargs -I{} cp {} set/train/good || exit 2
    for kind in "$data"/test/*/; do
        to=set/test/$(basename "$kind")
        mkdir -p "$to"
        find "$kind" -type f | sort | head -n 2 | xargs -I{} cp {} "$to" || exit 2
    done
else
    "$python" "$cli/make_images.py" . || exit 2
fi
if [[ -z $weights ]]; then
    weights=$work/weights.safetensors
    "$python" "$cli/make_weights.py" "$weights" 1 layer3 || exit 2
fi
if [[ -x $make_rgbd_set ]]; then
    "$make_rgbd_set" rgbd 1 12 2 || exit 2
fi
mapfile -t images < <(find set/test -type f | sort)
[[ ${#images[@]} -gt 0 ]] || {
    echo "equal_scores.sh: no images in train/good and test of '$data' (MVTec AD layout)" >&2
    exit 2
}

# ---- Fits and comparisons ----
different=0 fits=0

# fit PROGRAM SCORER ARGS...
fit() {
    local program=$1 scorer=$2
    shift 2
    "$program" fit "$method" --weights "$weights" "${from[@]}" --quiet --threads 2 "$@" \
        -o "$scorer" >fit.log 2>&1
}

# score PROGRAM SCORER OUT: OUT.json and the folder OUT.maps, empty for a scorer without maps
score() {
    local call=("$1" score "$2" --weights "$weights" "${test[@]}" --threads 2 --json)
    if ! "${call[@]}" --map-dir "$3.maps" >"$3.json" 2>score.log; then
        "${call[@]}" >"$3.json" 2>score.log || return 1
        mkdir -p "$3.maps"
    fi
    sed -i "s|$3.maps|maps|" "$3.json"
}

# same A B WHAT: adds to `found` what differs
same() {
    cmp -s "$1.json" "$2.json" || found+="${found:+, }$3: scores"
    diff -rq "$1.maps" "$2.maps" >/dev/null || found+="${found:+, }$3: heat maps"
}

failed() {
    echo "FAILED    $name: $1: $(head -n 1 "$2")"
    different=1
}

# compare NAME METHOD none|rgb|rgbd KEY=VALUE...: one fit. rgbd: of images with depth; none:
# the method has no student
compare() {
    name=$1 method=$2
    local kind=$3 args=() setting found=''
    shift 3
    # shellcheck disable=SC2053
    [[ -z ${ONLY-} || $name == $ONLY ]] || return
    from=(--data set) test=("${images[@]}")
    if [[ $kind == rgbd ]]; then
        if [[ ! -d rgbd ]]; then
            echo "skipped   $name: there is no $make_rgbd_set"
            return
        fi
        from=(--data rgbd --depth-scale 1e-4)
        mkdir -p depth
        test=(--depth-dir depth --depth-scale 1e-4)
        for file in rgbd/test/*/rgb/*.png; do # one folder of images whose names tell them apart
            setting=$(echo "$file" | cut -d / -f 3)_$(basename "$file")
            cp "$file" "$setting"
            cp "${file/rgb\/0/depth/0}" "depth/$setting"
            test+=("$setting")
        done
    fi
    for setting; do
        args+=(--set "$setting")
    done
    rm -rf old.* new.* again.* back.*
    fits=$((fits + 1))
    local students=()
    [[ $kind == none ]] || students=(--save-student old.student)
    fit "$old" old.scorer "${args[@]}" "${students[@]}" \
        || { failed "the old program's fit" fit.log; return; }
    # shellcheck disable=SC2086
    fit "$new" new.scorer "${args[@]}" ${NEW_ARGS-} \
        || { failed "the new program's fit" fit.log; return; }
    score "$old" old.scorer old || { failed "the old program's scores" score.log; return; }
    score "$new" new.scorer new || { failed "the new program's scores" score.log; return; }
    same old new fit
    score "$new" old.scorer again || { failed "the old scorer file" score.log; return; }
    same old again scorer
    if [[ $kind != none ]]; then
        local as_it_is=() # a preset says epochs too, so these come behind it
        for setting; do
            [[ $setting == *epochs=* ]] || as_it_is+=(--set "$setting")
        done
        as_it_is+=(--set epochs=0)
        [[ $method != stfpm_unet ]] || as_it_is+=(--set pretrain_epochs=0)
        fit "$new" back.scorer --student old.student "${as_it_is[@]}" \
            || { failed "the old student file" fit.log; return; }
        score "$new" back.scorer back || { failed "scores of the old student" score.log; return; }
        same old back student
    fi
    if [[ -n $found ]]; then
        echo "DIFFERENT $name: $found"
        different=1
    else
        echo "equal     $name"
    fi
}

small=(size=64 batch=3 epochs=2)
unet=("${small[@]}" pretrain_epochs=1)
ast=("${small[@]}" flow_hidden=16 student_hidden=16 student_blocks=1)
compare gaussian gaussian none
compare gaussian_resnet18 gaussian none preset=resnet18
compare gaussian_npca gaussian none reduce=npca:0.95 layers=layer1,layer2 size=128 squared=1 \
    ddof=1 samples=512
compare gaussian_pca_gap gaussian none reduce=pca:0.9 pixel=gap layers=layer2 size=96 blur_sigma=2
compare gaussian_image_only gaussian none reduce=none pixel=none layers=layer3 size=160 crop=128 \
    aspect=shorter
compare padim padim none
compare padim_defard2020 padim none preset=defard2020
compare padim_ledoit_wolf padim none covariance=ledoit_wolf dimensions=40 size=128 seed=5 \
    blur_sigma=0
compare padim_all padim none dimensions=all layers=layer1,layer2 size=64 ridge=0.1 resize=cv_linear
compare stfpm stfpm rgb "${small[@]}"
compare stfpm_official stfpm rgb preset=stfpm_official "${small[@]}"
compare stfpm_accurate stfpm rgb preset=stfpm_accurate "${small[@]}"
compare stfpm_sum stfpm rgb "${small[@]}" combine=sum layers=layer1,layer2 optimizer=adam lr=0.001 \
    size=96 crop=64 aspect=shorter
compare stfpm_held_out stfpm rgb "${small[@]}" validation_share=0.25 val=product loss_batch=sum \
    patience=1 seed=3
compare stfpm_unet stfpm_unet rgb "${unet[@]}"
compare stfpm_unet_preset stfpm_unet rgb preset=stfpm_unet "${unet[@]}"
compare stfpm_unet_head stfpm_unet rgb "${unet[@]}" unet_head=conv1x1 unet_depth=1 \
    rec_target=teacher
compare ast_rgb ast rgb "${ast[@]}"
compare ast_rgb_teacher ast rgb "${ast[@]}" score=teacher aggregate=max max_after_upsample=1 \
    layers=layer2
compare ast_depth ast rgbd "${ast[@]}" mode=depth
compare ast_combi ast rgbd "${ast[@]}" mode=combi
compare ast_official ast rgbd preset=ast_official "${ast[@]}" mode=combi
compare masked_rd masked_rd rgb "${small[@]}"
compare masked_rd_rd4ad masked_rd rgb preset=rd4ad "${small[@]}"
compare masked_rd_mrkd_flm masked_rd rgb preset=mrkd_flm "${small[@]}"
compare masked_rd_soft masked_rd rgb "${small[@]}" gate=soft cru_softmax=joint levels=23 \
    eval_mask=seeded mask_rate=0.5 combine=product
if [[ $fits -eq 0 ]]; then
    echo "equal_scores.sh: no fit is named as '$ONLY'" >&2
    exit 2
fi
exit $different
