#!/usr/bin/env bash
# AST by the adfeat program: a flow and a student, with and without depth.
# usage: test_ast.sh ADFEAT PYTHON MAKE_RGBD_SET
set -uo pipefail

make_set=$3
. "$(dirname "${BASH_SOURCE[0]}")/helper.sh"

"$python" "$here/make_weights.py" w.safetensors 1 || exit 1
"$python" "$here/make_weights.py" other.safetensors 2 || exit 1
"$python" "$here/make_images.py" . || exit 1
"$make_set" rgbd 1 6 2 || exit 1
tiny=(--layers layer2 --size 64 --batch 3 --threads 1 --set flow_hidden=8 --set student_hidden=8 --set student_blocks=1
      --epochs 1) # others may follow, and the last one counts
fit=(fit ast --weights w.safetensors --data set "${tiny[@]}")
deep=(fit ast --weights w.safetensors --data rgbd --depth-scale 1e-4 "${tiny[@]}")
score=(score --weights w.safetensors)
number='-?[0-9.e+-]+'
good=rgbd/test/good/rgb/000.png

# fits NAME ARGS...: exit code 0, and what stderr is.
fits() {
    run "$@"
    [ $code -eq 0 ] || wrong "adfeat $*: exit code $code"
}

shows() {
    grep -qE -- "$1" stderr || wrong "stderr has no line '$1'"
}

# ---- What is shown and written ----
fits "${fit[@]}" -o s.safetensors --save-student t.safetensors --loss-csv l.csv
says '^wrote s.safetensors: ast on resnet18, layers layer2, 12 images in [0-9.]+ s, [0-9.]+ MB$'
says '^wrote t.safetensors: the student, trained for 1 epochs$'
[ "$(wc -l <stderr)" -eq 3 ] || wrong "not three lines on stderr: what is to come, and an epoch of each"
shows '^to train: 2 phases, the first of 1 epochs of 4 batches; [0-9.]+ GB(, [0-9.]+ (s|min) left)?$'
shows "^teacher 1/1 loss $number(, [0-9]+ s left)?\$"
shows "^student 1/1 loss $number\$"
[ "$(head -n 1 l.csv)" = phase,epoch,loss,validation,best,seconds ] || wrong "l.csv: header"
[ "$(cut -d , -f 1,2 l.csv | tr '\n' ' ')" = 'phase,epoch teacher,1 student,1 ' ] || wrong "l.csv: $(cat l.csv)"
grep -qE "^teacher,1,$number,nan,nan," l.csv || wrong "l.csv: the flow's loss: $(cat l.csv)"
grep -qE "^student,1,$number,nan,nan," l.csv || wrong "l.csv: the student's loss: $(cat l.csv)"
works "${fit[@]}" -o same.safetensors --quiet --threads 2
[ ! -s stdout ] || wrong "--quiet still printed"
cmp -s s.safetensors same.safetensors || wrong "another scorer with --quiet, other threads and nothing else"
works "${score[@]}" s.safetensors set/test/good/000.png set/test/spot/000.png
awk -F '\t' 'NR == 1 { good = $1 } NR == 2 { exit !($1 > good) }' stdout || wrong "the defect scores no higher"
cp stdout by_student
works "${score[@]}" s.safetensors --map-dir maps --device ref set/test/spot/000.png
[ -s maps/000_overlay.png ] || wrong "no overlay"
rm -r maps

works info s.safetensors
for line in 'method +ast' 'images +12' 'normal_score +[0-9.]+' 'normal_map +[0-9.]+' 'option layers +layer2' \
    'option mode +rgb' 'option size +64' 'option teacher_epochs +1' 'option student_epochs +1' 'option batch +3' \
    'option mask +none' 'option aggregate +mean' 'option score +student' 'option lr +0.0002'; do
    says "^$line\$"
done
grep -q 'option depth_' stdout && wrong "a scorer without depth has options of depth"
works info t.safetensors
for line in 'kind +student' 'method +ast' 'architecture +resnet18' 'layers +layer2' 'mode +rgb' 'flow_blocks +4' \
    'flow_hidden +8' 'student_blocks +1' 'student_hidden +8' 'positions +32' 'alpha +3' 'leaky +0.2' 'epochs +1' 'seed +0'; do
    says "^$line\$"
done
works info t.safetensors --weights w.safetensors
says '^parameters +209536$'
fails 1 "learned from other weights than 'other.safetensors': digest" info t.safetensors --weights other.safetensors

# The seed is that of flow, student and order.
works "${fit[@]}" -o seed.safetensors --quiet --set seed=5 --save-student t5.safetensors
cmp -s s.safetensors seed.safetensors && wrong "the seed changes nothing"
works info t5.safetensors
says '^seed +5$'

# Held out images choose the epoch of each of the two.
fits "${fit[@]}" --epochs 2 --set validation_share=0.25 -o held.safetensors --loss-csv held.csv
shows "^teacher 2/2 loss $number val $number best $number @ [12]"
says "^kept epoch [12] of 2: validation error $number\$"
grep -qE "^student,2,$number,$number,$number," held.csv || wrong "held.csv: $(cat held.csv)"

# ---- A trained student ----
works "${fit[@]}" --student t.safetensors --epochs 0 -o as_it_is.safetensors
says '^nothing was trained: the student was used as it is$'
works "${score[@]}" as_it_is.safetensors set/test/good/000.png set/test/spot/000.png
cmp -s stdout by_student || wrong "a student as it is gives other scores"
works "${fit[@]}" --student t.safetensors --set score=teacher --set teacher_epochs=0 --set student_epochs=0 -o flow.safetensors
says '^nothing was trained: the student was used as it is$'
works info flow.safetensors
says '^option score +teacher$'
works "${score[@]}" flow.safetensors set/test/good/000.png set/test/spot/000.png
cmp -s stdout by_student && wrong "the flow's score is the student's"
awk -F '\t' 'NR == 1 { good = $1 } NR == 2 { exit !($1 > good) }' stdout || wrong "the flow: the defect scores no higher"

# It is what its file says, where the user does not say otherwise; the flow and the student may be trained apart.
bare=(fit ast --weights w.safetensors --data set --size 64 --batch 3 --threads 1)
fits "${bare[@]}" --student t.safetensors --epochs 1 --save-student more.safetensors -o more1.safetensors
works info more.safetensors
says '^epochs +2$'
says '^flow_hidden +8$'
fits "${fit[@]}" --set student_epochs=0 --save-student flow_only.safetensors -o x.safetensors
[ "$(wc -l <stderr)" -eq 2 ] || wrong "student_epochs=0: not two lines on stderr"
shows '^to train: 1 phases'
works info flow_only.safetensors
says '^epochs +0$'
fits "${fit[@]}" --set teacher_epochs=0 --student flow_only.safetensors --save-student both.safetensors -o x.safetensors
grep -q '^teacher' stderr && wrong "teacher_epochs=0 still trained the flow"
works info both.safetensors
says '^epochs +1$'
rm x.safetensors
fails 1 'more.safetensors' "${bare[@]}" --student more.safetensors --set flow_hidden=16 -o x
fails 1 'more.safetensors' "${bare[@]}" --student more.safetensors --layers layer1 -o x
fails 1 "ast, not of stfpm" fit stfpm --weights w.safetensors --data set --student t.safetensors -o x
fails 1 's.safetensors' "${fit[@]}" --student s.safetensors -o x

# ---- It goes on after Ctrl-C and after being killed, in either of the two, with the same bits ----
long=("${fit[@]}" --batch 2 --set student_hidden=16 --epochs 20)
works "${long[@]}" -o whole.safetensors --save-student wt.safetensors --loss-csv whole.csv --quiet
go_on=("${long[@]}" -o parts.safetensors --save-student pt.safetensors --loss-csv parts.csv --checkpoint-dir cp)
watch() { # WANTED LINES SIGNAL ARGS...
    local wanted=$1 lines=$2 signal=$3
    shift 3
    "$python" "$here/watch.py" 80 parts.csv "$lines" "$signal" -- "$adfeat" "$@" >stdout 2>stderr </dev/null
    code=$?
    [ $code -eq "$wanted" ] || wrong "adfeat $*: exit code $code, not $wanted"
}
watch 130 3 INT "${go_on[@]}"
grep -qE "adfeat: interrupted in teacher [0-9]+/20; the same command with --resume goes on from 'cp/checkpoint.safetensors'" stdout \
    || wrong "Ctrl-C: it does not say how to go on"
works info cp/checkpoint.safetensors
says '^method +ast$'
says '^progress +teacher, [0-9]+ of 20 epochs and [0-6] batches$'
watch 137 25 KILL "${go_on[@]}" --resume
run "${go_on[@]}" --resume
[ $code -eq 0 ] || wrong "the last run: exit code $code"
shows "^adfeat: note: going on from the checkpoint in 'cp'\$"
cmp -s parts.safetensors whole.safetensors || wrong "the scorer of many runs is not that of one"
cmp -s pt.safetensors wt.safetensors || wrong "the student of many runs is not that of one"
cmp -s <(cut -d , -f 1-5 parts.csv) <(cut -d , -f 1-5 whole.csv) || wrong "other losses: $(cat parts.csv whole.csv)"
fails 1 'cp/checkpoint.safetensors' "${fit[@]}" --set lr=1e-3 --epochs 20 --quiet -o x --checkpoint-dir cp --resume

# Features in a file, which leaves nothing behind: the same bits.
mkdir cache
works "${fit[@]}" -o cached.safetensors --quiet --set feature_cache=0 --set cache_file=1000000000 --set cache_dir=cache
cmp -s <("$adfeat" "${score[0]}" cached.safetensors --weights w.safetensors set/test/good/000.png set/test/spot/000.png) by_student \
    || wrong "features in a file: other scores"
[ -z "$(ls -A cache)" ] || wrong "features in a file: it was left behind"

# ---- Depth ----
fits "${deep[@]}" --set mode=combi -o c.safetensors --embed
works info c.safetensors
for line in 'option mode +combi' 'option mask +binary' 'option aggregate +max' 'option depth_threshold +0.007' \
    'option depth_corners +reject' 'option mask_twice +0'; do
    says "^$line\$"
done
works score c.safetensors $good --depth-dir rgbd/test/good/depth --depth-scale 1e-4 --map-dir heat
cp stdout one
[ -s heat/000_overlay.png ] || wrong "no overlay of an image with depth"
rm -r heat
works score c.safetensors $good --depth-dir rgbd/test/good/depth --depth-scale=0.0001 --json
"$python" -m json.tool stdout >pretty || wrong "score --json is not JSON"
works score c.safetensors $good --depth-dir rgbd/test/good/depth # as if it were in millimetres: ten times as far
cmp -s stdout one && wrong "--depth-scale changes nothing"
works score c.safetensors $good --depth-dir rgbd/test/dent/depth --depth-scale 1e-4
cmp -s stdout one && wrong "another depth changes nothing"
run eval c.safetensors --data rgbd --depth-scale 1e-4 --scores-csv scores.csv
[ $code -eq 0 ] || wrong "eval with depth: exit code $code"
says '^images 6$'
says '^pixel_auroc 0\.[0-9]{6}$'
grep -qE '^[^,]*test/stain/rgb/000.png,stain,1,' scores.csv || wrong "scores.csv: $(cat scores.csv)"
[ "$(grep -E 'test/good/rgb/000.png,good,0,' scores.csv | cut -d , -f 4 | cut -c 1-7)" = "$(cut -c 1-7 one)" ] \
    || wrong "eval scores $(cat scores.csv), score $(cat one)"

# Depth alone does not look at the pixels; colour alone does not look at the depth, whose scale says nothing then.
fits "${deep[@]}" --set mode=depth -o d.safetensors
works "${score[@]}" d.safetensors $good --depth-dir rgbd/test/good/depth --depth-scale 1e-4
cut -f 1 stdout >one
works "${score[@]}" d.safetensors rgbd/test/stain/rgb/000.png --depth-dir rgbd/test/good/depth --depth-scale 1e-4
cmp -s <(cut -f 1 stdout) one || wrong "mode=depth: the pixels change the score"
fits "${fit[@]}" --data rgbd -o rgb.safetensors
fits "${fit[@]}" --data rgbd --depth-scale 5 -o rgb5.safetensors
cmp -s rgb.safetensors rgb5.safetensors || wrong "mode=rgb looks at the depth"
run eval rgb.safetensors --weights w.safetensors --data rgbd
[ $code -eq 0 ] || wrong "eval of colour alone on a set with depth: exit code $code"

# A preset is of both, the student and the training; what is set besides comes after it.
fits "${deep[@]}" --set mode=combi --preset ast_official -o o.safetensors --save-student ot.safetensors
works info o.safetensors
for line in 'mask +soft' 'mask_norm +all' 'mask_twice +1' 'aggregate +max'; do
    says "^option $line\$"
done
works info ot.safetensors
for line in 'leaky +0.01' 'mode +combi' 'alpha +1.9'; do
    says "^$line\$"
done
fits "${deep[@]}" --set mode=combi --set leaky=0.3 --set mask=binary --preset ast_official -o o.safetensors --save-student ot.safetensors
works info o.safetensors
says '^option mask +binary$'
works info ot.safetensors
says '^leaky +0.3$'

# ---- Failures: one sentence, and no file that was not there before ----
rm -f pretty by_student one
left >before
for setting in unet_head=none unet_depth=1 rec_weight=1 momentum=0.9 reduce=none speed=11; do
    fails 2 "no option '${setting%%=*}'" "${fit[@]}" -o x --set $setting
    for key in preset epochs student_epochs mask_norm depth_threshold cache_dir size layers mode \
        leaky; do
        grep -qw $key stderr || wrong "$setting: not all options are said: $key"
    done
done
fails 2 'no option' fit stfpm --weights w.safetensors --layers layer2 --data set -o x --set mode=combi
fails 2 "'round' is none of rgb, depth, combi" "${fit[@]}" -o x --set mode=round
fails 2 'none of auto, none, binary, soft' "${fit[@]}" -o x --set mask=hard
fails 2 'none of ast, ast_official' "${fit[@]}" -o x --preset stfpm
fails 2 'ast, ast_official' "${fit[@]}" -o x --preset best
fails 2 'option --epochs: 0 takes a student as it is, and there is no --student' "${fit[@]}" -o x --epochs 0
fails 2 'there is no --student' "${fit[@]}" -o x --set teacher_epochs=0 --set student_epochs=0
for scale in zero 0 -1 nan inf 1e7 1e-4m; do
    fails 2 "option --depth-scale: '$scale' is not a number above 0" "${fit[@]}" -o x --depth-scale "$scale"
    fails 2 "option --depth-scale: '$scale'" score c.safetensors $good --depth-scale "$scale"
    fails 2 "option --depth-scale: '$scale'" eval c.safetensors --data rgbd --depth-scale "$scale"
done
fails 1 'multiple of 4' "${fit[@]}" -o x --set positions=6
fails 1 '2 layers' "${fit[@]}" -o x --layers layer1,layer2
fails 1 'needs depth: the mode is rgb' "${fit[@]}" -o x --set mask=soft
fails 1 'not for depth' "${deep[@]}" -o x --set mode=combi --set crop=56
fails 1 'no depth plane' "${fit[@]}" -o x --set mode=combi --quiet
fails 1 'give both' "${fit[@]}" -o x --set cache_file=1000
fails 1 'cache_dir' "${fit[@]}" -o x --set cache_dir=cache
fails 1 'memory_limit' "${fit[@]}" -o x --set memory_limit=1000
fails 1 'no foreground' "${deep[@]}" --quiet -o x --set mode=depth --depth-scale 1e-9
fails 1 "$good': the image has no depth plane, which this scorer or fitter needs" score c.safetensors $good
fails 1 "option --depth-dir: 'absent' is no folder" score c.safetensors $good --depth-dir absent
fails 1 'not 16-bit grey' score c.safetensors $good --depth-dir rgbd/test/good/rgb
fails 1 'depth' score c.safetensors set/test/good/000.png --depth-dir rgbd/test/good/depth # of another size
run eval c.safetensors --data set
[ $code -eq 1 ] || wrong "eval without depth: exit code $code"
one_sentence 'no depth plane' 'eval without depth'

# One image without depth among others: those are scored.
mkdir some && cp rgbd/test/good/depth/000.png some
run score c.safetensors $good rgbd/test/good/rgb/001.png --depth-dir some --depth-scale 1e-4
[ $code -eq 1 ] || wrong "one depth is missing: exit code $code"
one_sentence 'some/001.png' 'one depth is missing'
[ "$(wc -l <stdout)" -eq 1 ] || wrong "one depth is missing: the other image was not scored"
rm -r some
left >after
cmp -s before after || {
    diff before after
    wrong "files were left behind"
}
[ $failures -eq 0 ] || exit 1
echo "all is well"
