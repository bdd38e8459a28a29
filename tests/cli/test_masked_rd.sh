#!/usr/bin/env bash
# Masked reverse distillation and sets of one class by the adfeat program.
# usage: test_masked_rd.sh ADFEAT PYTHON
set -uo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/helper.sh"

"$python" "$here/make_weights.py" w.safetensors 1 layer3 || exit 1
"$python" "$here/make_weights.py" short.safetensors || exit 1
"$python" "$here/make_images.py" . || exit 1
fit=(fit masked_rd --weights w.safetensors --data set --size 64 --batch 2 --threads 1 --epochs 1) # the last one counts
score=(score --weights w.safetensors)
both=(set/test/good/000.png set/test/spot/000.png)
number='-?[0-9.e+-]+'

# fits ARGS...: exit code 0, and what stderr is.
fits() {
    run "$@"
    [ $code -eq 0 ] || wrong "adfeat $*: exit code $code"
}

shows() {
    grep -qE -- "$1" stderr || wrong "stderr has no line '$1'"
}

has() { # LINE...: of the output
    for line in "$@"; do
        says "^$line\$"
    done
}

# ---- What is shown and written ----
fits "${fit[@]}" -o s.safetensors --save-student t.safetensors --loss-csv l.csv
has 'wrote s.safetensors: masked_rd on resnet18, layers layer1,layer2,layer3, 12 images in [0-9.]+ s, [0-9.]+ MB' \
    'wrote t.safetensors: the student, trained for 1 epochs' "kept epoch 1 of 1: validation error $number"
shows '^to train: 1 phases, the first of 1 epochs of 5 batches; [0-9.]+ GB(, [0-9.]+ (s|min) left)?$'
shows "^student 1/1 loss $number val $number best $number @ 1\$"
grep -qE "^student,1,$number,$number,$number," l.csv || wrong "l.csv: $(cat l.csv)"
works "${fit[@]}" -o same.safetensors --quiet --threads 2
cmp -s s.safetensors same.safetensors || wrong "another scorer with --quiet, other threads and nothing else"
works "${score[@]}" s.safetensors "${both[@]}"
cp stdout by_student
works "${score[@]}" s.safetensors --map-dir maps --device ref "${both[1]}"
[ -s maps/000_overlay.png ] || wrong "no overlay"
rm -r maps same.safetensors
works info s.safetensors
has 'method +masked_rd' 'images +12' 'option layers +layer1,layer2,layer3' 'option levels +123' \
    'option loss +position' 'option combine +sum' 'option size +64' 'option epochs +1' 'option batch +2' 'option validation_share +0.1'
works info t.safetensors --weights w.safetensors
has 'kind +student' 'method +masked_rd' 'architecture +resnet18' 'msff_out +conv' 'sru +1' 'gate +hard' 'gn_groups +4' \
    'cru_softmax +two_way' 'fmm_align +1' 'levels +123' 'mask_rate +0.2' 'eval_mask +none' 'epochs +1' 'seed +0' \
    'parameters +14713536'
run eval s.safetensors --weights w.safetensors --data set
[ $code -eq 0 ] || wrong "eval: exit code $code"
says '^pixel_auroc [01]\.[0-9]{6}$'

# ---- A trained student ----
works "${fit[@]}" --student t.safetensors --epochs 0 -o as_it_is.safetensors
says '^nothing was trained: the student was used as it is$'
works "${score[@]}" as_it_is.safetensors "${both[@]}"
cmp -s stdout by_student || wrong "a student as it is gives other scores"
fits "${fit[@]}" --student t.safetensors --save-student more.safetensors -o as_it_is.safetensors
works info more.safetensors
has 'epochs +2'
rm as_it_is.safetensors more.safetensors
fails 1 't.safetensors' "${fit[@]}" --student t.safetensors --set sru=0 --set msff_out=concat -o x
fails 1 "masked_rd, not of stfpm" fit stfpm --weights w.safetensors --data set \
    --student t.safetensors -o x
fails 1 's.safetensors' "${fit[@]}" --student s.safetensors -o x

# ---- A preset is of both, the student and the training; what is set besides comes after it ----
fits "${fit[@]}" --preset rd4ad -o p.safetensors --save-student pt.safetensors
works info p.safetensors
has 'option loss +flat' 'option lr +0.005' 'option weight_decay +0' 'option validation_share +0'
works info pt.safetensors
has 'msff_out +concat' 'sru +0' 'cru +0' 'simam +0' 'fmm +0'
fits "${fit[@]}" --set loss=position --set levels=3 --preset mrkd_flm --set scsatt=1 -o p.safetensors \
    --save-student pt.safetensors
works info p.safetensors
has 'option loss +position' 'option levels +3' 'option lr +0.005'
works info pt.safetensors
has 'msff_out +concat' 'sru +1' 'cru +1' 'simam +1' 'fmm +1' 'fmm_align +0' 'levels +3'
rm p.safetensors pt.safetensors

# ---- It goes on after Ctrl-C, with the same bits ----
long=("${fit[@]}" --epochs 3 --set levels=3)
works "${long[@]}" -o whole.safetensors --quiet
go_on=("${long[@]}" -o parts.safetensors --loss-csv parts.csv --checkpoint-dir cp)
"$python" "$here/watch.py" 80 parts.csv 2 INT -- "$adfeat" "${go_on[@]}" >stdout 2>stderr </dev/null
code=$?
[ $code -eq 130 ] || wrong "adfeat ${go_on[*]}: exit code $code, not 130"
fits "${go_on[@]}" --resume
shows "^adfeat: note: going on from the checkpoint in 'cp'\$"
cmp -s parts.safetensors whole.safetensors || wrong "the scorer of two runs is not that of one"
rm -r cp parts.safetensors whole.safetensors

# ---- Sets of one class ----
fits "${fit[@]}" --data classes --one-class ramp -o c.safetensors
says '^wrote c.safetensors: .* 6 images '
run eval c.safetensors --weights w.safetensors --data classes --one-class ramp --scores-csv scores.csv
[ $code -eq 0 ] || wrong "eval --one-class: exit code $code"
has 'images 9' "image_auroc $number" 'pixel_auroc nan'
grep -qE '^[^,]*classes/ramp/000.png,ramp,0,' scores.csv || wrong "scores.csv: $(cat scores.csv)"
grep -qE '^[^,]*classes/spot/000.png,spot,1,' scores.csv || wrong "scores.csv: $(cat scores.csv)"

# ---- Failures: one sentence, and no file that was not there before ----
left >before
for name in fit eval; do
    call=("${fit[@]}" --quiet -o x)
    [ $name = fit ] || call=(eval c.safetensors --weights w.safetensors)
    fails 1 "has no class 'wave': there are ramp, spot" "${call[@]}" --data classes --one-class wave
    fails 1 "--one-class is 'a/b', the name of a folder is possible" "${call[@]}" --data classes --one-class a/b
done
for setting in unet_head=none flow_blocks=2 teacher_epochs=1 momentum=0.9 speed=11; do
    fails 2 "no option '${setting%%=*}'" "${fit[@]}" -o x --set $setting
    for key in preset epochs beta2 size; do
        grep -qw $key stderr || wrong "$setting: not all options are said: $key"
    done
done
fails 2 'no option' fit stfpm --weights w.safetensors --data set -o x --set mask_rate=0.5
fails 2 "'4' is none of all, 1, 2, 12, 3, 13, 23, 123" "${fit[@]}" -o x --set levels=4
fails 2 'mask_rate' "${fit[@]}" -o x --set mask_rate=1
fails 2 'batch' "${fit[@]}" -o x --batch 1
fails 2 'none of masked_rd, rd4ad, mrkd_flm' "${fit[@]}" -o x --preset ast
fails 2 'option --epochs: 0 takes a student as it is, and there is no --student' "${fit[@]}" -o x --epochs 0
fails 1 'multiples of 32' "${fit[@]}" -o x --size 48
fails 1 'gn_groups is 3' "${fit[@]}" -o x --set gn_groups=3
fails 1 'not layer2' "${fit[@]}" -o x --layers layer2,layer3
fails 1 "layer 'layer3' of resnet18: the weights file ends before it and has maxpool, layer1" \
    "${fit[@]}" -o x --weights short.safetensors
fails 1 'memory_limit' "${fit[@]}" -o x --set memory_limit=1000
left >after
cmp -s before after || {
    diff before after
    wrong "files were left behind"
}
[ $failures -eq 0 ] || exit 1
echo "all is well"
