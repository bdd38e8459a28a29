#!/usr/bin/env bash
# The adfeat program from outside: formats, exit codes, one sentence for every failure, no file left
# behind by any.
# usage: test_cli.sh ADFEAT PYTHON
set -uo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/helper.sh"

"$python" "$here/make_weights.py" w.safetensors 1 || exit 1
"$python" "$here/make_weights.py" other.safetensors 2 || exit 1
"$python" "$here/make_weights.py" stem.safetensors 1 stem || exit 1
"$python" "$here/make_images.py" . || exit 1
mkdir empty
head -c 100000 w.safetensors >short.safetensors
printf 'PK\003\004 and more' >checkpoint.pth
LC_ALL=C sed 's/"architecture"/"ARCHITECTURE"/' w.safetensors >nameless.safetensors
fit=(fit gaussian --weights w.safetensors --layers 'layer1,layer2' --size 64)

# ---- Help and versions ----
narrow() {
    awk 'length > 80 { wide = 1 } END { exit wide }' stdout || wrong "$1: wider than 80 columns"
}
for command in '' fit score eval info convert bench; do
    works $command --help
    says '^usage: adfeat'
    says '^examples:'
    [ "$command" = convert ] || narrow "adfeat $command --help"
done
for method in gaussian padim stfpm stfpm_unet ast masked_rd; do
    works fit $method --help
    narrow "adfeat fit $method --help"
done
works help fit
says '^usage: adfeat fit'
works help
says '^usage: adfeat'
works --version
says '^adfeat [0-9]+\.[0-9]+\.[0-9]+$'

# ---- fit ----
works "${fit[@]}" --data set -o s.safetensors
summary='gaussian on resnet18, layers layer1,layer2, 12 images in [0-9.]+ s, [0-9.]+ MB'
says "^wrote s.safetensors: $summary\$"
works "${fit[@]}" --data set -o embedded.safetensors --embed --quiet
[ ! -s stdout ] || wrong "--quiet still printed"
works "${fit[@]}" --data=set/train/good --output=flat.safetensors --reduce pca:0.9 --pixel gap \
    --set blur_sigma=2 --backbone resnet18 --threads 1
works "${fit[@]}" --data set -o nomap.safetensors --pixel none
# A preset comes first, whatever the order of options.
works fit gaussian --weights w.safetensors --layers layer1 --preset resnet18 --set size=64 --data set -o preset.safetensors
works info preset.safetensors
for line in 'layers +layer1' 'size +64' 'resize +cv_linear' 'reduce +none' 'pixel +dense'; do
    says "^option $line\$"
done

# ---- info ----
works info w.safetensors
says '^kind +weights$'
says '^architecture +resnet18$'
says '^digest +[0-9a-f]{16}$'
says '^layer layer1 +56x56, 64 channels$'
says '^layer layer3 +not in this file$'
works info nameless.safetensors --backbone resnet18
works info nameless.safetensors # its tensors fit one network
says '^architecture +resnet18$'
# An empty prefix means the names without one.
works info w.safetensors --prefix ''
works bench w.safetensors --prefix= --layer layer1 --size 64 --runs 1
works "${fit[@]}" --data set -o bare.safetensors --prefix '' --quiet
rm bare.safetensors
fails 2 'not empty' info w.safetensors --backbone ''
fails 1 "no tensor 'net.conv1" info w.safetensors --prefix net.
works info s.safetensors # a scorer says what it is without its weights, in the same words as with them
sort stdout | grep -vE '^(version|maps|input_size|normal_)' >alone
works info s.safetensors --weights w.safetensors
sort stdout | grep -vE '^(version|maps|input_size|normal_)' | cmp -s - alone || wrong 'info differs without weights'
rm alone
for line in 'kind +scorer' 'method +gaussian' 'architecture +resnet18' \
    'backbone_digest +[0-9a-f]{16}' 'embedded +no' 'input_size +64' 'images +12' 'maps +yes' \
    'normal_score +[0-9.]+' 'normal_map +[0-9.]+' 'option layers +layer1,layer2' \
    'option reduce +none' 'option pixel +dense'; do
    says "^$line\$"
done
works info embedded.safetensors
says '^embedded +yes$'
works info flat.safetensors --weights w.safetensors
says '^option blur_sigma +2$'

# ---- score ----
works score s.safetensors --weights w.safetensors set/test/good/000.png set/test/spot/000.png
[ "$(wc -l <stdout)" -eq 2 ] || wrong "not two lines for two images"
says "^[0-9.]+	set/test/good/000.png\$"
awk -F '\t' 'NR == 1 { good = $1 } NR == 2 { exit !($1 > good) }' stdout \
    || wrong "the defect scores no higher than the good image"
cp stdout first
works score embedded.safetensors set/test/good/000.png set/test/spot/000.png --threads 2
cmp -s first stdout || wrong "embedded weights, other threads: other scores"
works score s.safetensors --weights w.safetensors odd/pixel.png

works score embedded.safetensors --map-dir maps --json set/test/*/*.png odd/colour.png
"$python" -m json.tool stdout >pretty || wrong "score --json is not JSON"
[ "$(grep -c '"score"' pretty)" -eq 7 ] || wrong "not seven scores in the JSON"
grep -q '"overlay": "maps/spot_000_overlay.png"' pretty || wrong "stems collide, no folder named"
grep -q '"overlay": "maps/colour_overlay.png"' pretty || wrong "the overlay has not the stem"
[ "$(find maps -name '*.png' | wc -l)" -eq 7 ] || wrong "not seven overlays"
for image in maps/*.png; do
    "$python" -c 'import struct, sys
sys.exit(struct.unpack(">II", open(sys.argv[1], "rb").read(24)[16:]) != (48, 36))' "$image" \
        || wrong "$image has not the image's size"
done

run score embedded.safetensors set/test/good/000.png odd/text.png set/test/good/001.png
[ $code -eq 1 ] || wrong "one bad image among good ones: exit code $code"
one_sentence odd/text.png "one bad image among good ones"
[ "$(wc -l <stdout)" -eq 2 ] || wrong "one bad image: the others were not scored"
run score embedded.safetensors --json odd/half.png set/test/good/001.png
"$python" -m json.tool stdout >pretty || wrong "score --json with a bad image is not JSON"
grep -q '"error"' pretty || wrong "score --json does not tell the bad image"
run score embedded.safetensors --skip-damaged odd/half.png set/test/good/001.png
[ $code -eq 0 ] || wrong "score --skip-damaged: exit code $code"
for images in odd/half.png 'odd/half.png odd/text.png'; do
    run score embedded.safetensors --skip-damaged $images
    [ $code -eq 1 ] || wrong "score --skip-damaged $images: exit code $code"
    grep -q '^adfeat: no image could be scored' stderr || wrong "score $images: not said"
done

# padim cannot tell what its images score without seeing them again.
works fit padim --weights w.safetensors --layers layer1 --size 64 --set dimensions=8 --data set -o p.safetensors
works info p.safetensors
says '^normal_score +not known$'
says '^option dimensions +8$'

# ---- eval ----
names='image_auroc pixel_auroc image_ap f1_max f1_threshold au_pro images ms_per_image '
run eval s.safetensors --weights w.safetensors --data set --scores-csv scores.csv
[ $code -eq 0 ] || wrong "eval: exit code $code"
[ "$(awk '{ printf "%s ", $1 }' stdout)" = "$names" ] || wrong "eval: other names, or another order"
says '^image_auroc 1\.000000$'
says '^pixel_auroc 0\.[0-9]{6}$'
says '^images 6$'
grep -q "^# .*own size" stderr || wrong "eval does not say at which size"
[ "$(wc -l <scores.csv)" -eq 7 ] || wrong "scores.csv has not a header and six lines"
grep -qE '^set/test/spot/000.png,spot,1,[0-9.]+$' scores.csv || wrong "scores.csv lacks a line"
run eval embedded.safetensors --data set/train/good
says '^image_auroc nan$'
works eval embedded.safetensors --data set --eval-size 32 --json
"$python" -m json.tool stdout >pretty || wrong "eval --json is not JSON"
grep -q '"eval_size": 32' pretty || wrong "eval --json does not say the size"
works eval embedded.safetensors --data set/train/good --json
"$python" -m json.tool stdout >pretty
grep -q '"au_pro": null' pretty || wrong "NaN is not null in JSON"

# Folders of good and anomalous images in each other's place, and masks of other images.
mkdir swapped swapped/train
ln -s ../../set/train/good swapped/train/good
mkdir swapped/test
ln -s ../../set/test/spot swapped/test/good
ln -s ../../set/test/good swapped/test/spot
for form in --json ''; do
    run eval embedded.safetensors --data swapped $form
    [ $code -eq 0 ] || wrong "eval of swapped folders: exit code $code"
    grep -q 'note: image_auroc is 0.0000, below 0.5: .* are the folders .* swapped?' stderr \
        || wrong "eval $form of swapped folders does not say so"
done
rm -r swapped
cp -r set corner
rm corner/test/good/00[12].png corner/ground_truth/spot/*
for i in 0 1 2; do # two pixels in a corner, where no spot is
    { printf 'P5 48 36 255\n\377\377' && head -c $((48 * 36 - 2)) /dev/zero; } \
        >corner/ground_truth/spot/00${i}_mask.pgm
done
run eval embedded.safetensors --data corner
grep -q 'note: pixel_auroc is 0.[0-9]*, below 0.5: .* are the masks of these images?' stderr \
    || wrong 'eval with masks of other images does not say so'
rm -r corner
run eval embedded.safetensors --data set
grep -q 'below 0.5' stderr && wrong 'eval says of a good scorer that it is worse than chance'

# ---- bench ----
works bench s.safetensors --weights w.safetensors --runs 3
says '^score +fastest_ms [0-9.]+ median_ms [0-9.]+ runs 3$'
says '^map +fastest_ms [0-9.]+ median_ms [0-9.]+ runs 3$'
says '^peak_mib [0-9.]+$'
works bench embedded.safetensors --batch 3 --runs 2 --image set/test/good/001.png --threads 2
works bench nomap.safetensors --weights w.safetensors --runs 1
[ "$(wc -l <stdout)" -eq 2 ] || wrong "bench of a scorer without maps measured one"
works bench w.safetensors --layer layer1,layer2 --size 64 --runs 2
says '^features +fastest_ms'
works bench w.safetensors --layer layer1 --size 64 --plan --runs 2 --convolution panels
says '^conv1 +conv2d +panels +relu +32x32x64 '
says '^sum '

# ---- Failures: one sentence, and no file that was not there before ----
rm -f first pretty
left >before
fails 2 'no command'
fails 2 "unknown command 'train'" train
fails 2 "unknown method 'magic': there are gaussian, padim, stfpm, stfpm_unet, ast" fit magic --weights w --data set -o x
fails 2 "unknown option '--colour'" fit gaussian --colour red
fails 2 'fit needs --data and -o; ' fit gaussian --weights w.safetensors
fails 2 'fit needs -o; ' fit gaussian --weights w.safetensors --data set
fails 2 "fit needs --weights and -o; weights are a network's, trained by others: " fit gaussian --data set
fails 2 'README.md (Weights) says where to get them' fit gaussian --data set -o x
fails 2 'eval needs one scorer FILE, 0 were given' eval --data set
fails 2 'eval needs --data' eval s.safetensors
fails 2 'score needs an IMAGE' score s.safetensors
fails 2 'score needs a scorer FILE and an IMAGE' score

# What is mistyped.
fails 2 "unknown command 'scroe', did you mean score?" scroe
fails 2 "unknown command 'evaluate', did you mean eval?" evaluate
fails 2 "unknown method 'gausian', did you mean gaussian?" fit gausian --weights w --data set -o x
fails 2 "unknown option '--wieghts=w', did you mean --weights?" "${fit[@]}" --wieghts=w
fails 2 "unknown option '--memory_limit', did you mean --memory-limit?" score --memory_limit 1
fails 2 "unknown option '--out', did you mean --output?" "${fit[@]}" --out x
fails 2 "unknown option '--blur-sigma', did you mean --set blur_sigma=VALUE?" "${fit[@]}" --blur-sigma 3
fails 2 "unknown option '--blur'. See 'adfeat score --help'" score --blur

# Options of the library under the names that they were given by.
fails 2 "option --size: 'x' is not" "${fit[@]}" --data set -o x --size x
fails 2 "option --set size: 'x' is not" "${fit[@]}" --data set -o x --set size=x
fails 2 "option --set blur_sigma: 'x' is not" "${fit[@]}" --data set -o x --set blur_sigma=x
fails 1 '--set memory_limit is 1000: raise it' fit padim --weights w.safetensors --layers layer1 \
    --data set -o x --set memory_limit=1000
fails 2 "option --bits: '3' is not" "${fit[@]}" --data set -o x --bits 3
fails 1 "--layout is 'mvtec', possible are" "${fit[@]}" --data set -o x --layout mvtec
fails 1 'options --one-class, --csv, --layout and --normal-dir (or another folder) exclude' \
    "${fit[@]}" --data set -o x --layout flat --csv x
fails 1 "--category is 'nut': it chooses rows of a table, and option --csv names none" \
    "${fit[@]}" --data set -o x --category nut
fails 1 "is called 'fine', which option --good says" "${fit[@]}" --data set -o x --good fine
cp -r set 'a mask_good set' # what stands in quotes is nobody's option
rm -r 'a mask_good set/train/good'
fails 1 "folder 'a mask_good set/train' has no folder" "${fit[@]}" --data 'a mask_good set' -o x
rm -r 'a mask_good set'

# --data a level too low or too high.
fails 1 "is a part of the data set 'set': open that, or 'set/train/good'" "${fit[@]}" --data set/train -o x
mkdir many
ln -s ../set many/nut
fails 1 "open one of nut, such as 'many/nut'" "${fit[@]}" --data many -o x
fails 1 "folder 'many/nut/test/' is a part of the data set 'many/nut': open that" \
    eval embedded.safetensors --data many/nut/test/
rm -r many
fails 2 '--weights needs a value' fit gaussian --weights
fails 2 "'four' is not a whole number" "${fit[@]}" --data set -o x --threads four
fails 2 'option --reduce: ' "${fit[@]}" --data set -o x --reduce most
fails 2 "option --set: gaussian has no option 'speed'" "${fit[@]}" --data set -o x --set speed=11
fails 2 'key=value' "${fit[@]}" --data set -o x --set speed
fails 2 'info needs' info
fails 2 'bench needs' bench
fails 2 'of weights' bench s.safetensors --weights w.safetensors --plan
fails 2 'is of scorers' bench w.safetensors --batch 2
for layers in layer9 layer1,layer9 layer3 layer1,; do # layer3 is of the network, not in the file
    fails 2 "'w.safetensors' has no layer '${layers#layer1,}': there are " \
        bench w.safetensors --layer $layers
    fails 2 'layer2.1, layer2' bench w.safetensors --layer $layers --plan
    grep -q 'there are.*layer3' stderr && wrong "bench --layer $layers: names a layer that the file lacks"
done
fails 2 'convolution' bench w.safetensors --convolution best
fails 1 'give them with --weights' bench s.safetensors
fails 1 'absent.safetensors' "${fit[@]}" --weights absent.safetensors --data set -o x
fails 1 'short.safetensors' "${fit[@]}" --weights short.safetensors --data set -o x
fails 1 'resnet50' "${fit[@]}" --weights w.safetensors --backbone resnet50 --data set -o x
there='maxpool, layer1.0, layer1.1, layer1, layer2.0, layer2.1, layer2'
fails 1 "has no layer 'layer9': there are $there" "${fit[@]}" --layers layer9 --data set -o x
grep -q "$there\$" stderr || wrong 'fit --layers layer9: names a layer that the file lacks'
fails 1 "layer 'layer3' of resnet18: the weights file ends before it and has $there" \
    "${fit[@]}" --layers layer3 --data set -o x
fails 1 'holds no image' "${fit[@]}" --data empty -o x
fails 1 'cannot open' "${fit[@]}" --data absent -o x
fails 1 'image' "${fit[@]}" --data flat -o x
fails 1 'odd/half.png' "${fit[@]}" --data odd -o x
fails 1 'cannot write' "${fit[@]}" --data set -o absent/x
fails 1 'directory' "${fit[@]}" --data set -o maps
works info --devices
says '^cpu +compiler'
says '^cuda'
fails 1 'device' "${fit[@]}" --data set -o x --device abacus
fails 1 'absent.safetensors' score absent.safetensors set/test/good/000.png
fails 1 'give them with --weights' score s.safetensors set/test/good/000.png
fails 1 "'set/test' is a folder, and score takes images: name those in it, as set/test/*" \
    score embedded.safetensors set/test
run score embedded.safetensors set/test/good/ set/test/good/000.png
[ "$(wc -l <stdout)" -eq 1 ] || wrong 'a folder among images: the image was not scored'
one_sentence 'as set/test/good/*' 'a folder among images'
fails 2 "'set' is a folder: score needs a scorer FILE, then images" score set embedded.safetensors
fails 1 "option --map-dir: 'w.safetensors' is a file" score embedded.safetensors --map-dir w.safetensors \
    set/test/good/000.png
fails 1 "option --map-dir: cannot make folder 'w.safetensors/maps'" score embedded.safetensors \
    --map-dir w.safetensors/maps set/test/good/000.png
fails 1 "option --depth-dir: 'absent' is no folder" score embedded.safetensors --depth-dir absent \
    set/test/good/000.png
fails 1 'digest' score s.safetensors --weights other.safetensors set/test/good/000.png
fails 1 'absent.png' score embedded.safetensors absent.png
fails 1 'without maps' score nomap.safetensors --weights w.safetensors --map-dir m odd/colour.png
fails 1 "'w.safetensors': this is not a scorer but weights of resnet18" \
    score w.safetensors set/test/good/000.png
fails 1 "this is not a scorer but a file that does not say what it is" score nameless.safetensors set/test/good/000.png
fails 1 'not a safetensors file but a PNG image' score set/test/good/000.png s.safetensors
fails 1 'this is not a student but weights of resnet18' fit stfpm --weights w.safetensors \
    --student w.safetensors --data set -o x
fails 1 "'s.safetensors': this is not a student but a scorer" fit stfpm --weights w.safetensors \
    --student s.safetensors --data set -o x
fails 1 'absent.safetensors' info absent.safetensors
fails 1 'not a safetensors file' info odd/text.png
fails 1 'but a PNG image' info odd/pixel.png
fails 1 "but a zip archive, as PyTorch and NumPy write them: 'adfeat convert'" fit gaussian --weights checkpoint.pth \
    --data set -o x
fails 1 'is a scorer, not weights' fit gaussian --weights s.safetensors --data set -o x
fails 1 'with preset wang2022' fit gaussian --weights w.safetensors --preset wang2022 --data set -o x
fails 1 'say it with --backbone' info stem.safetensors # several begin like this
fails 1 'options --padding and --batchnorm-eps are not for resnet18' info w.safetensors --padding symmetric
fails 2 'none of auto' info w.safetensors --padding round
fails 2 'option --batchnorm-eps: ' "${fit[@]}" --data set -o x --batchnorm-eps one
fails 2 'none of wang2022, rippel2020, resnet18' "${fit[@]}" --data set -o x --preset best
fails 1 'cannot write' eval embedded.safetensors --data set --scores-csv absent/x.csv
fails 1 "line?break.png" score embedded.safetensors $'line\nbreak.png'
fails 1 'pass --memory-limit of 65536' score embedded.safetensors --memory-limit 64k set/test/good/000.png
fails 1 "pass --memory-limit of 1048576" "${fit[@]}" --data set -o x --memory-limit=1M
fails 2 "64X' is not a number of bytes" score embedded.safetensors --memory-limit 64X set/test/good/000.png
works score embedded.safetensors --memory-limit 2G set/test/good/000.png

# Names of any bytes: what --json prints can be opened again, and a table has a row for each.
cp -r set names
for name in $'quo"te,.png' $'tab\there.png' $'line\nbreak.png' $'escape\033[31m.png' $'b\344r.png' $'\xef\xb7\x90.png' \
    $'b\xc3\xa4r.png'; do
    cp set/test/good/000.png "names/test/good/$name"
done
works score embedded.safetensors --json --map-dir names/maps names/test/good/*.png
"$python" - <<'PY' || wrong "names of any bytes: --json"
import glob, json, os
found = json.load(open("stdout"))
names = sorted(glob.glob(b"names/test/good/*.png"))
assert len(names) > 7 and sorted(os.fsencode(f["path"]) for f in found) == names, (found, names)
assert all(os.path.isfile(f["overlay"]) for f in found), found
assert all(b > 31 or b == 10 for b in open("stdout", "rb").read())
PY
works eval embedded.safetensors --data names --json --scores-csv names/scores.csv
"$python" - <<'PY' || wrong "names of any bytes: --scores-csv"
import csv, glob
with open("names/scores.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
    rows = list(csv.reader(file))
names = sorted(n.decode("utf-8", "surrogateescape") for n in glob.glob(b"names/test/*/*.png"))
found = sorted(row[next(i for i, title in enumerate(rows[0]) if title in ("path", "image", "name", "file"))] for row in rows[1:])
assert len({len(row) for row in rows}) == 1 and found == names, (rows, names)
PY
rm -r names

# --scores-csv: what was there stays until the new file is whole, the figures come all the same.
cp -r set more # enough rows for more than a block of a disk
for i in 1 2 3 4 5 6 7 8; do
    name=$(printf '%0200d' "$i")
    cp set/test/good/000.png "more/test/good/$name.png"
done
printf 'old\n' >old.csv
chmod 640 old.csv
ln -s old.csv link.csv
(ulimit -f 1 && "$adfeat" eval embedded.safetensors --data more --scores-csv old.csv \
    >stdout 2>stderr)
[ $? -eq 1 ] || wrong "eval, full disk: not exit code 1"
grep -q "^adfeat: cannot write 'old.csv'" stderr || wrong "eval, full disk: not said"
says '^image_auroc '
[ "$(cat old.csv)" = old ] || wrong "eval, full disk: the old file is lost"
[ "$(find . -name '.adfeat-*')" = '' ] || wrong "eval, full disk: a temporary file stays"
run eval embedded.safetensors --data set --scores-csv link.csv
[ -L link.csv ] && [ "$(wc -l <old.csv)" -eq 7 ] || wrong "eval: a link was not followed"
[ "$(stat -c %a old.csv)" = 640 ] || wrong "eval: other permissions"
mkfifo pipe.csv
timeout 60 cat pipe.csv >piped.csv &
run eval embedded.safetensors --data set --scores-csv pipe.csv
[ -p pipe.csv ] || wrong "eval: a pipe was replaced"
wait $!
cmp -s old.csv piped.csv || wrong "eval: the pipe has other rows"
ln -s /dev/full full.csv
run eval embedded.safetensors --data set --scores-csv full.csv
[ $code -eq 1 ] && [ -L full.csv ] || wrong "eval: a full device, exit code $code"
says '^image_auroc '
fails 1 "cannot write 'absent/x.csv'" eval absent.safetensors --data set --scores-csv absent/x.csv
ln embedded.safetensors other.csv
fails 2 'one file' eval embedded.safetensors --data set --scores-csv other.csv
fails 2 'one file' eval s.safetensors --data set --weights w.safetensors \
    --scores-csv ./w.safetensors
rm -r more old.csv link.csv pipe.csv piped.csv full.csv other.csv

# A damaged file among good ones is named once in its sentence.
cp -r set hurt
for folder in train/good test/good; do
    head -c 60 set/test/good/000.png >hurt/$folder/cut.png
done
for call in "${fit[*]} -o x" 'eval embedded.safetensors'; do
    run $call --data hurt
    [ $code -eq 1 ] || wrong "adfeat $call: a damaged file: exit code $code"
    grep -q "image 'hurt/[a-z/]*/cut.png': PNG" stderr || wrong "adfeat $call: file not named"
    grep -q "cut.png.*cut.png" stderr && wrong "adfeat $call: file named twice"
done
rm -r hurt

[ -e m ] && wrong "--map-dir was made though there are no maps"

printf '\377' | dd of=s.safetensors bs=1 seek=20000 conv=notrunc 2>/dev/null
fails 1 's.safetensors' score s.safetensors --weights w.safetensors set/test/good/000.png
fails 1 's.safetensors' info s.safetensors --weights w.safetensors

"$adfeat" --help >/dev/full 2>stderr && wrong "a full disk behind stdout is not noticed"
one_sentence 'standard output' 'full standard output'

# A full disk while saving: the file that was there stays.
cp embedded.safetensors kept
(ulimit -f 64 && "$adfeat" "${fit[@]}" --data set -o embedded.safetensors >stdout 2>stderr)
[ $? -eq 1 ] || wrong "full disk: not exit code 1"
one_sentence "cannot write 'embedded.safetensors'" 'full disk'
cmp -s kept embedded.safetensors || wrong "full disk: the old file changed"
rm kept

# Interrupted: the slow reference kernels take minutes for this, so the signal comes amid the fit. --foreground, since
# timeout otherwise signals its whole group too, and a second signal kills at once.
if [ -z "$(trap -p INT)" ]; then
    timeout --foreground --preserve-status -k 60 -s INT 2 "$adfeat" fit gaussian --weights w.safetensors \
        --layers layer2 --size 320 --device ref --data set -o x >stdout 2>stderr
    code=$?
    [ $code -eq 130 ] || wrong "interrupted fit: exit code $code, not 130"
    one_sentence interrupted 'interrupted fit'
fi

left >after
cmp -s before after || {
    diff before after
    wrong "files were left behind"
}
[ $failures -eq 0 ] || exit 1
echo "all is well"
