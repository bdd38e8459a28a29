#!/usr/bin/env bash
# Training by the adfeat program: what it shows and writes as it goes, and that it goes on after any end.
# usage: test_training.sh ADFEAT PYTHON
set -uo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/helper.sh"

"$python" "$here/make_weights.py" w.safetensors 1 || exit 1
"$python" "$here/make_weights.py" other.safetensors 2 || exit 1
"$python" "$here/make_images.py" . || exit 1
fit=(fit stfpm --weights w.safetensors --data set --layers 'layer1,layer2' --size 64 --batch 5 --set lr=0.1
     --epochs 2 --threads 1) # others may follow, and the last one counts
unet=(fit stfpm_unet "${fit[@]:2}" --set pretrain_epochs=2 --set unet_depth=1)
number='[0-9.e+-]+'

# watches WANTED COLUMNS [FILE LINES SIGNAL]... -- ARGS...: on a terminal; what it shows goes to stdout.
watches() {
    local wanted=$1 before=()
    shift
    while [ "$1" != -- ]; do
        before+=("$1")
        shift
    done
    shift
    "$python" "$here/watch.py" "${before[@]}" -- "$adfeat" "$@" >stdout 2>stderr </dev/null
    code=$?
    [ $code -eq "$wanted" ] || wrong "adfeat $*: exit code $code, not $wanted"
}

# Two loss files are of the same training: all but the time is the same.
same_losses() {
    cmp -s <(sed 's/,[^,]*$//' "$1") <(sed 's/,[^,]*$//' "$2") || wrong "$1 has not the losses of $2: $(cat "$1" "$2")"
}

# ---- What is shown and written ----
run "${fit[@]}" --epochs 3 -o s.safetensors --save-student t.safetensors --loss-csv l.csv
[ $code -eq 0 ] || wrong "fit stfpm: exit code $code"
says '^wrote s.safetensors: stfpm on resnet18, layers layer1,layer2, 12 images in [0-9.]+ s, [0-9.]+ MB$'
says "^kept epoch [123] of 3: validation error $number\$"
says '^wrote t.safetensors: the student, trained for 3 epochs$'
[ "$(wc -l <stderr)" -eq 3 ] || wrong "not a line on stderr for each of three epochs"
for epoch in 1 2 3; do
    grep -qE "^student $epoch/3 loss $number val $number best $number @ [1-$epoch](, [0-9]+ s left)?\$" stderr \
        || wrong "stderr has no line for epoch $epoch"
done
[ "$(head -n 1 l.csv)" = phase,epoch,loss,similarity,validation,best,seconds ] || wrong "l.csv: header"
awk -F , 'NR > 1 && !($1 == "student" && $2 == NR - 1 && $3 > 0 && $3 == $4 && $5 >= $6 && $7 > before && NF == 7) {
    exit 1 } NR > 1 { before = $7 } END { exit NR != 4 }' l.csv || wrong "l.csv: $(cat l.csv)"
awk -F '[, ]' 'NR == FNR { if (FNR > 1) loss[FNR - 1] = $3; next } { d = loss[FNR] - $4; if (d * d > 1e-6 * $4 * $4) exit 1 }' \
    l.csv stderr || wrong "l.csv has other losses than stderr: $(cat l.csv)"
works "${fit[@]}" --epochs 3 -o same.safetensors --quiet --threads 2
[ ! -s stdout ] || wrong "--quiet still printed"
cmp -s s.safetensors same.safetensors || wrong "another scorer without --save-student and --loss-csv"
works score s.safetensors --weights w.safetensors set/test/good/000.png set/test/spot/000.png
awk -F '\t' 'NR == 1 { good = $1 } NR == 2 { exit !($1 > good) }' stdout || wrong "the defect scores no higher"
works info s.safetensors
says '^method +stfpm$'
says '^option epochs +3$'

works info t.safetensors
for line in 'kind +student' 'method +stfpm' 'architecture +resnet18' 'layers +layer1,layer2' 'epochs +3' 'seed +0'; do
    says "^$line\$"
done
works info t.safetensors --weights w.safetensors
says '^parameters +683072$'
fails 1 "learned from other weights than 'other.safetensors': digest" info t.safetensors --weights other.safetensors
run "${fit[@]}" --weights other.safetensors --student t.safetensors -o otherwise.safetensors
[ $code -eq 0 ] || wrong "another teacher: exit code $code"
[ "$(grep -c "^adfeat: note: the student learned from a teacher with digest" stderr)" -eq 1 ] || wrong "another teacher: it does not say so"

# Without images held out there is no validation error, and the last epoch is kept.
run "${fit[@]}" --epochs 2 --set validation_share=0 -o all.safetensors --loss-csv all.csv
[ $code -eq 0 ] || wrong "no image held out: exit code $code"
grep -qE "^student 2/2 loss $number\$" stderr || wrong "no image held out: not this line"
grep -q kept stdout && wrong "no image held out: there is nothing to choose the epoch by"
grep -qE "^student,2,$number,$number,nan,nan," all.csv || wrong "no image held out: $(cat all.csv)"

# The seed is that of the student, and of the order: each alone makes another scorer.
works "${fit[@]}" --epochs 1 -o one.safetensors --quiet --save-student t1.safetensors
works "${fit[@]}" --epochs 1 -o other.safetensors --quiet --set seed=5 --save-student t5.safetensors
cmp -s one.safetensors other.safetensors && wrong "the seed changes nothing"
works info t5.safetensors
says '^seed +5$'

# ---- A student is trained further ----
works "${fit[@]}" --epochs 2 --student t.safetensors --save-student t.safetensors -o more.safetensors --quiet
works info t.safetensors
says '^epochs +5$'
fails 1 "stfpm, not of stfpm_unet" "${unet[@]}" --student t.safetensors -o x
run "${fit[@]}" --epochs 1 --layers layer1 --student t.safetensors -o part.safetensors
[ $code -eq 0 ] || wrong "fewer layers: exit code $code"
grep -q "learned from" stderr && wrong "fewer layers of the same teacher are taken for another teacher"
works info part.safetensors
says '^option layers +layer1$'
fails 1 "part.safetensors" "${fit[@]}" --student part.safetensors -o x
works convert t.safetensors -o raw.safetensors --raw --quiet # its tensors, and no word of what it is
fails 1 "raw.safetensors" "${unet[@]}" --student raw.safetensors -o x
fails 1 "w.safetensors" "${fit[@]}" --student w.safetensors -o x
fails 1 "s.safetensors" "${fit[@]}" --student s.safetensors -o x
fails 1 'absent' "${fit[@]}" --student absent -o x

# ---- U-Nets ----
run "${unet[@]}" --epochs 1 -o u.safetensors --save-student ut.safetensors --loss-csv ul.csv
[ $code -eq 0 ] || wrong "fit stfpm_unet: exit code $code"
grep -qE '^autoencoders 2/2 loss ' stderr || wrong "no line of the U-Nets' own training"
grep -qE '^student 1/1 loss ' stderr || wrong "no line of the student's training"
[ "$(cut -d , -f 1,2 ul.csv | tr '\n' ' ')" = 'phase,epoch autoencoders,1 autoencoders,2 student,1 ' ] || wrong "ul.csv"
[ "$(head -n 1 ul.csv)" = phase,epoch,loss,similarity,reconstruction,validation,best,seconds ] || wrong "ul.csv: header"
awk -F , 'NR > 1 && ($4 > 0) != ($1 == "student") || NR > 1 && $5 <= 0 { exit 1 }' ul.csv || wrong "ul.csv: $(cat ul.csv)"
works info ut.safetensors
says '^method +stfpm_unet$'
says '^unet_depth +1$'
works "${unet[@]}" --epochs 0 --student ut.safetensors -o u0.safetensors
says '^nothing was trained: the student was used as it is$'

# ---- On a terminal: one line, rewritten, never longer than the terminal ----
watches 0 44 -- "${fit[@]}" --epochs 3 -o s.safetensors
tr '\r' '\n' <stdout >lines
grep -qE '^student 1/3 batch [12]/2 loss ' lines || wrong "no line with batches"
grep -qE '^student 3/3 loss ' lines || wrong "no line of the last epoch"
awk 'length > 43 && !/^wrote/ && !/^kept/ { exit 1 }' lines || wrong "a line is longer than the terminal: $(cat lines)"
[ "$(tr -d '\n' <stdout | grep -c 'wrote s.safetensors')" -eq 1 ] || wrong "no summary"
rm lines

# ---- It goes on after Ctrl-C and after being killed, wherever that was, with the same bits ----
works "${unet[@]}" --epochs 8 -o whole.safetensors --save-student wt.safetensors --loss-csv whole.csv --quiet
go_on=("${unet[@]}" --epochs 8 -o parts.safetensors --save-student pt.safetensors --loss-csv parts.csv
       --checkpoint-dir cp)
watches 130 80 parts.csv 2 INT -- "${go_on[@]}"
grep -qE "^.?adfeat: interrupted in (autoencoders|student) [0-9]/[28]; the same command with --resume goes on from 'cp/checkpoint.safetensors'.?\$" \
    <(tr '\r' '\n' <stdout) || wrong "Ctrl-C: it does not say how to go on"
[ -e parts.safetensors ] && wrong "Ctrl-C: a scorer was written"
fails 1 "'cp/checkpoint.safetensors' is of an earlier training: --resume goes on with it" "${go_on[@]}"
works info cp/checkpoint.safetensors
says '^kind +checkpoint$'
says '^method +stfpm_unet$'
says '^progress +(autoencoders|student), [0-9] of [28] epochs and [012] batches$'
fails 2 "is a checkpoint" info cp/checkpoint.safetensors --weights w.safetensors
for lines in 4 6 8; do
    watches 137 80 parts.csv $lines KILL -- "${go_on[@]}" --resume
    if [ $lines -eq 6 ]; then # as if it had been killed before the checkpoint of its last epochs was there
        tail -n 1 parts.csv | sed 's/,[0-9.]*$/,0.5/' | sed 's/^student,[0-9]*/student,6/' >>parts.csv
        printf 'student,7,0.1' >>parts.csv
    fi
done
watches 143 80 parts.csv 9 TERM -- "${go_on[@]}" --resume # as a service is stopped
grep -q 'the same command goes on from' stdout || wrong "SIGTERM after --resume: it does not say how to go on"
run "${go_on[@]}" --resume
[ $code -eq 0 ] || wrong "the last run: exit code $code"
grep -q "^adfeat: note: going on from the checkpoint in 'cp'\$" stderr || wrong "it does not say that it goes on"
cmp -s parts.safetensors whole.safetensors || wrong "the scorer of many runs is not that of one"
cmp -s pt.safetensors wt.safetensors || wrong "the student of many runs is not that of one"
same_losses parts.csv whole.csv
awk -F , 'NR > 2 && $NF <= before { exit 1 } { before = $NF }' parts.csv || wrong "seconds do not go on: $(cat parts.csv)"
rm parts.safetensors
works "${go_on[@]}" --resume --quiet # all is done: nothing is trained, and the result is the same
cmp -s parts.safetensors whole.safetensors || wrong "the scorer of a complete training's checkpoint is another"
same_losses parts.csv whole.csv
works "${fit[@]}" --epochs 3 -o first.safetensors --checkpoint-dir new/ --resume --quiet --loss-csv old.csv
cmp -s first.safetensors s.safetensors || wrong "--resume without a checkpoint is another training"
same_losses old.csv l.csv
run "${fit[@]}" --epochs 4 -o x.safetensors --checkpoint-dir new --resume --quiet --loss-csv ul.csv
[ $code -eq 1 ] && grep -q 'losses of another method' stderr || wrong "columns of another method: exit code $code"
[ "$(wc -l <ul.csv)" -eq 4 ] || wrong "the losses of another method were changed"
run "${fit[@]}" --epochs 2 -o x.safetensors --checkpoint-dir other --resume
grep -q "^adfeat: note: there is no 'other/checkpoint.safetensors' yet" stderr || wrong "it does not say that it begins"
rm -r x.safetensors other

# Without a checkpoint folder nothing is kept. A second Ctrl-C does not wait for the first.
watches 130 80 -0.5 0 INT -- "${fit[@]}" --epochs 1000000 -o x
grep -qE 'interrupted.*, nothing was written; with --checkpoint-dir it can go on' stdout || wrong "Ctrl-C without a checkpoint folder"
watches 130 80 -1 0 INT -0.3 0 INT -- fit gaussian --weights w.safetensors --data set --layers layer2 --size 640 \
    --device ref -o x
grep -q interrupted stdout && wrong "the second Ctrl-C waited"

# ---- Failures: one sentence, and no file that was not there before ----
left >before
fails 2 'option --resume: gaussian trains no student' fit gaussian --weights w --data set -o x --resume
fails 2 'option --student: padim trains no student' fit padim --weights w --data set -o x --student t
fails 2 'option --save-student: gaussian' fit gaussian --weights w --data set -o x --save-student t
fails 2 'option --loss-csv: gaussian' fit gaussian --weights w --data set -o x --loss-csv t
fails 2 'option --checkpoint-dir: gaussian' fit gaussian --weights w --data set -o x --checkpoint-dir t
fails 2 "no option 'epochs'" fit gaussian --weights w.safetensors --data set -o x --epochs 3
fails 2 '--resume needs --checkpoint-dir' "${fit[@]}" -o x --resume
fails 2 'unet_head' "${fit[@]}" -o x --set unet_head=none
fails 2 'unet_head' "${unet[@]}" -o x --set unet_head=round
fails 2 'rec_weight' "${fit[@]}" -o x --set rec_weight=1
fails 2 'option preset' "${fit[@]}" -o x --preset stfpm_unet
fails 2 "no option 'speed'" "${fit[@]}" -o x --set speed=11
fails 2 'no --student' "${fit[@]}" -o x --epochs 0
fails 2 '-o and --save-student are one file' "${fit[@]}" -o x --save-student ./x
fails 2 '-o and --weights are one file' "${fit[@]}" -o ./w.safetensors
fails 2 '--save-student and --weights are one file' "${fit[@]}" -o x --save-student w.safetensors
fails 2 '-o and --student are one file' "${fit[@]}" -o t.safetensors --student t.safetensors
fails 2 '--loss-csv and --student are one file' "${fit[@]}" -o x --student t.safetensors --loss-csv t.safetensors
fails 2 '-o and the checkpoint are one file' "${fit[@]}" -o cp/checkpoint.safetensors --checkpoint-dir cp --resume
fails 1 'is no regular file' "${fit[@]}" -o /dev/null
fails 1 'is no regular file' "${fit[@]}" -o x --save-student /dev/null
fails 1 "option --checkpoint-dir: 'w.safetensors' is a file" "${fit[@]}" -o x --checkpoint-dir w.safetensors
fails 2 "no option 'reduce'" "${fit[@]}" -o x --reduce none
fails 2 'batch' "${fit[@]}" -o x --batch 1
fails 2 'stfpm_official' "${fit[@]}" -o x --preset best
fails 1 'layer9' "${fit[@]}" --layers layer9 -o x
fails 1 'cannot write' "${fit[@]}" -o x --save-student absent/t
fails 1 'cannot write' "${fit[@]}" -o x --loss-csv absent/l
fails 1 "cannot make folder 'absent/cp'" "${fit[@]}" -o x --checkpoint-dir absent/cp
fails 1 "cannot make folder 'w.safetensors/cp'" "${fit[@]}" -o x --checkpoint-dir w.safetensors/cp
fails 1 'holds no losses' "${fit[@]}" -o x --checkpoint-dir cp --resume --loss-csv w.safetensors
fails 1 'cp/checkpoint.safetensors' "${fit[@]}" -o x --checkpoint-dir cp --resume --quiet # of U-Nets
fails 1 'learning rate' "${fit[@]}" -o x --set lr=1e12 --epochs 50 --quiet
fails 1 'memory_limit' "${fit[@]}" -o x --set memory_limit=1000
fails 1 'U-Net of depth 2' "${unet[@]}" -o x --set size=36 --set unet_depth=2
fails 1 'images' "${fit[@]}" -o x --data flat
left >after
cmp -s before after || {
    diff before after
    wrong "files were left behind"
}

# A full disk: the last whole checkpoint stays and is gone on from; a loss file loses lines and nothing else.
cp cp/checkpoint.safetensors kept
watches 130 80 full.csv 2 INT -- "${fit[@]}" --epochs 9 -o x --checkpoint-dir full --loss-csv full.csv
cp full/checkpoint.safetensors kept
(ulimit -f 64 && "$adfeat" "${fit[@]}" --epochs 9 -o x --checkpoint-dir full --resume --quiet >stdout 2>stderr)
[ $? -eq 1 ] || wrong "full disk at a checkpoint: not exit code 1"
one_sentence 'full/checkpoint.safetensors' 'full disk at a checkpoint'
cmp -s full/checkpoint.safetensors kept || wrong "full disk: the old checkpoint changed"
works "${fit[@]}" --epochs 9 -o after.safetensors --checkpoint-dir full --resume --quiet
works "${fit[@]}" --epochs 9 -o never.safetensors --quiet
cmp -s after.safetensors never.safetensors || wrong "full disk: another scorer afterwards"
if [ -w /dev ]; then
    run "${fit[@]}" --epochs 1 -o full.safetensors --loss-csv /dev/full --quiet
    [ $code -eq 1 ] || wrong "losses on a full disk: exit code $code, not 1"
    one_sentence "cannot write '/dev/full'" 'losses on a full disk'
    cmp -s full.safetensors one.safetensors || wrong "losses on a full disk: the scorer was lost"
    run "${fit[@]}" --epochs 2 -o full.safetensors --loss-csv /dev/full
    grep -B 9 "^student 2/2" stderr | grep -q "cannot write '/dev/full': the training goes on" ||
        wrong "losses on a full disk: it is not said when it happens"
    grep -q '^wrote full.safetensors' stdout || wrong "losses on a full disk: what was written is not said"
fi
[ $failures -eq 0 ] || exit 1
echo "all is well"
