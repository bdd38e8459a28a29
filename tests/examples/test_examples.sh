#!/usr/bin/env bash
# Each example does what it shows, and gives what the adfeat program gives.
# usage: test_examples.sh EXAMPLE FOLDER ADFEAT PYTHON      FOLDER holds the built examples
set -uo pipefail

example=$1
program=$2/$1
adfeat=$3
python=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "$example" = opencv_overlay ] && [ ! -x "$program" ]; then
    echo "opencv_overlay was not built: OpenCV (libopencv-dev) is not installed here"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

wrong() {
    echo "FAILED: $*"
    sed 's/^/    stdout: /' stdout
    sed 's/^/    stderr: /' stderr
    failures=$((failures + 1))
}

# gives CODE ARGS...: the example ends with that exit code, and a failure is one sentence on stderr.
gives() {
    local wanted=$1 code
    shift
    "$program" "$@" >stdout 2>stderr </dev/null
    code=$?
    [ $code -eq "$wanted" ] || wrong "$example $*: exit code $code, not $wanted"
    if [ "$wanted" -eq 1 ] || [ "$wanted" -eq 2 ]; then
        [ "$(wc -l <stderr)" -eq 1 ] || wrong "$example $*: not one sentence on stderr"
    fi
}

says() {
    grep -qE -- "$1" stdout || wrong "the output has no line '$1'"
}

complains() {
    grep -qE -- "$1" stderr || wrong "stderr has no line '$1'"
}

# fits NAME OPTIONS...: the adfeat program writes scorer NAME.
fits() {
    local name=$1
    shift
    "$adfeat" fit gaussian --weights w.safetensors --data set --layers layer1,layer2 --size 64 \
        -o "$name" --quiet "$@" || exit 1
}

# What the adfeat program says of these images, as lines of score, tab, path.
scores() {
    "$adfeat" score "$@" >expected || exit 1
}

export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1

"$python" "$here/../cli/make_weights.py" w.safetensors 1 || exit 1
"$python" "$here/../cli/make_images.py" . || exit 1
good=set/test/good/000.png
spot=set/test/spot/000.png

check_first_scorer() {
    "$python" "$here/add_layer3.py" w.safetensors w3.safetensors || exit 1
    gives 0 w3.safetensors set $spot
    says '^score [0-9.]+, hottest at x [0-9]+, y [0-9]+$'
    "$adfeat" fit padim --weights w3.safetensors --data set -o default.safetensors --quiet || exit 1
    scores default.safetensors --weights w3.safetensors $spot
    awk 'NR == 1 { wanted = $1 } NR == 2 { exit !(wanted - $2 < 1e-3 && $2 - wanted < 1e-3) }' \
        expected stdout || wrong "not the score of adfeat score, $(cut -f 1 expected)"
    gives 1 w3.safetensors absent $spot
    complains absent
}

check_features() {
    gives 0 w.safetensors $good layer1,layer2 values
    "$adfeat" info w.safetensors | sed -nE 's/^layer (layer[12]) +/\1: /p' >expected
    sed 's/, mean.*//' stdout | cmp -s - expected || wrong "not the shapes that adfeat info tells"
    # The file holds what was printed.
    "$python" - stdout values <<'PYTHON' || wrong "the file has other values than the statistics"
import array, math, re, sys
values = array.array("f", open(sys.argv[2], "rb").read())
for line in open(sys.argv[1]):
    w, h, c = map(int, re.search(r": (\d+)x(\d+), (\d+) channels,", line).groups())
    part, values = values[:h * w * c], values[h * w * c:]
    assert len(part) == h * w * c
    mean = math.fsum(part) / len(part)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in part) / len(part))
    found = map(float, re.search(r"mean (\S+), deviation (\S+), from (\S+) to (\S+)$", line).groups())
    for a, b in zip(found, (mean, deviation, min(part), max(part))):
        assert abs(a - b) <= 1e-5 * max(part), (a, b, line)
assert not values
PYTHON
    gives 0 w.safetensors $good layer2
    [ "$(wc -l <stdout)" -eq 1 ] || wrong "not one line for one layer"
    gives 1 w.safetensors $good layer1,layer3
    complains "'layer3': no such layer"
    gives 1 w.safetensors $good layer1 absent/values
    complains "cannot write 'absent/values'"
    gives 1 w.safetensors odd/text.png layer1
}

check_fit() {
    gives 0 gaussian w.safetensors set s.safetensors \
        'layers=layer1,layer2, size=64, reduce=npca:0.9, blur_sigma=2'
    says '^wrote s.safetensors: gaussian on resnet18, 12 images$'
    says '^    reduce = npca:0.9$'
    fits same.safetensors --reduce npca:0.9 --set blur_sigma=2
    cmp -s s.safetensors same.safetensors || wrong "not the file that adfeat fit gaussian writes"
    gives 0 stfpm w.safetensors set s.safetensors \
        'layers=layer1,layer2, size=64, batch=5, lr=0.1, epochs=2'
    says '^student 1 of 2: loss [0-9.]+, validation error [0-9.]+; [0-9]+ s left$'
    says '^student 2 of 2: '
    says '^wrote s.safetensors: stfpm on resnet18, 12 images$'
    "$adfeat" fit stfpm --weights w.safetensors --data set --layers layer1,layer2 --size 64 --batch 5 --set lr=0.1 \
        --epochs 2 -o same.safetensors --quiet || wrong "adfeat fit stfpm"
    cmp -s s.safetensors same.safetensors || wrong "not the file that adfeat fit stfpm writes"
    scores s.safetensors --weights w.safetensors $good $spot
    awk 'NR == 1 { good = $1 } NR == 2 { exit !($1 > good) }' expected || wrong "the defect scores no higher"
    "$python" "$here/add_layer3.py" w.safetensors w3.safetensors || exit 1
    gives 0 masked_rd w3.safetensors set s.safetensors \
        'size=64, batch=3, epochs=1, scsatt=0, validation_share=0'
    says '^student 1 of 1: loss [0-9.]+; 0 s left$'
    "$adfeat" fit masked_rd --weights w3.safetensors --data set --size 64 --batch 3 --epochs 1 \
        --set scsatt=0 --set validation_share=0 -o same.safetensors --quiet || wrong "adfeat fit masked_rd"
    cmp -s s.safetensors same.safetensors || wrong "not the file that adfeat fit masked_rd writes"
    gives 0 padim w3.safetensors set s.safetensors # its own options
    says '^    covariance = ridge$'
    gives 1 gaussian w.safetensors odd x.safetensors 'layers=layer1, size=64' # not images
    gives 1 gaussian w.safetensors set x.safetensors 'layers=layer9'
    complains layer9
    gives 1 stfpm w.safetensors set x.safetensors 'layers=layer1, epochs=many'
    complains epochs
    gives 1 masked_rd w3.safetensors set x.safetensors mask_rate=1
    complains mask_rate
    gives 1 masked_rd w3.safetensors set x.safetensors size=100
    complains "multiples of 32"
    gives 1 best w.safetensors set x.safetensors
    complains "no method 'best'"
    gives 1 gaussian w.safetensors absent x.safetensors
    complains absent
    [ -e x.safetensors ] && wrong "a failed fit left a file"
}

check_ast_depth() {
    local tiny='layers=layer2, size=64, batch=3, epochs=1, flow_hidden=8, student_hidden=8'
    tiny="$tiny, student_blocks=1"
    "$(dirname "$program")/make_rgbd_set" rgbd 1 6 2 || exit 1
    gives 0 w.safetensors rgbd s.safetensors 1e-4 "$tiny, mode=combi"
    says '^teacher 1 of 1: loss -?[0-9.]+; [0-9]+ s left$'
    says '^student 1 of 1: loss -?[0-9.]+; [0-9]+ s left$'
    "$adfeat" fit ast --weights w.safetensors --data rgbd --depth-scale 1e-4 --layers layer2 --size 64 --batch 3 --epochs 1 \
        --set mode=combi --set flow_hidden=8 --set student_hidden=8 --set student_blocks=1 -o same.safetensors --quiet ||
        wrong "adfeat fit ast"
    cmp -s s.safetensors same.safetensors || wrong "not the file that adfeat fit writes"
    # The scores are those of the program, on which eval writes its own list.
    "$adfeat" eval s.safetensors --weights w.safetensors --data rgbd --depth-scale 1e-4 --scores-csv scores.csv >/dev/null 2>&1
    "$python" - stdout scores.csv <<'PYTHON' || wrong "not the scores of adfeat eval: $(cat scores.csv)"
import csv, sys
found = {name: (group, float(score)) for score, group, name in
         (line.rstrip("\n").split("\t") for line in open(sys.argv[1]) if "\t" in line)}
wanted = {row["path"]: (row["group"], float(row["score"])) for row in csv.DictReader(open(sys.argv[2]))}
assert len(found) == 6 and set(found) == set(wanted), (found, wanted)
for name, (group, score) in wanted.items():
    assert found[name][0] == group and abs(found[name][1] - score) <= 1e-5 * abs(score), name
PYTHON
    gives 0 w.safetensors rgbd d.safetensors 1e-4 "$tiny, mode=depth"
    gives 0 w.safetensors rgbd o.safetensors 1e-4 "preset=ast_official, $tiny, mode=combi"
    "$adfeat" info o.safetensors | grep -qE '^option mask +soft$' || wrong "preset=ast_official: another mask"
    gives 0 w.safetensors set r.safetensors 0 "$tiny, mode=rgb" # images without depth
    gives 1 w.safetensors set x.safetensors 0 "$tiny, mode=combi"
    complains 'no depth plane'
    gives 1 w.safetensors absent x.safetensors 1e-4 "$tiny"
    complains absent
    gives 1 w.safetensors rgbd x.safetensors 1e-4 layers=layer9
    complains layer9
    gives 1 w.safetensors rgbd x.safetensors 1e-4 "$tiny, speed=11"
    complains "no option 'speed'"
    gives 1 w.safetensors rgbd x.safetensors 1e-4 "epochs"
    complains epochs
    [ -e x.safetensors ] && wrong "a failed fit left a file"
}

check_make_parts() {
    gives 0 one 7 3 2
    gives 0 same 7 3 2
    diff -r one same || wrong "the same seed gives other files"
    gives 0 other 8 3 2
    # train/good, then good, scratch, dent and hole of test, and masks of the last three
    [ "$(cd one && find . -type f | wc -l)" -eq 17 ] || wrong "not 3 and 4 x 2 images and 3 x 2 masks"
    "$python" - one other <<'PYTHON' || wrong "the files are not what they should be"
import os, png, sys
def reads(root, *parts):
    return png.read(os.path.join(root, *parts))
for kind in "good", "scratch", "dent", "hole":
    for name in "000.png", "001.png":
        w, h, rgb = reads(sys.argv[1], "test", kind, name)
        assert (w, h, len(rgb[0])) == (256, 256, 3 * 256), (kind, name)
        assert rgb != reads(sys.argv[2], "test", kind, name)[2], "another seed gives the same " + kind
        # The table is dark, the metal bright, the bore dark again.
        assert max(rgb[5]) < 100 < min(rgb[80][3 * 128:3 * 129]) and max(rgb[128][3 * 120:3 * 136]) < 100, (kind, name)
        if kind != "good":
            marked = sum(v != 0 for row in reads(sys.argv[1], "ground_truth", kind, name[:3] + "_mask.png")[2] for v in row)
            assert 50 < marked < 1000, (kind, name, marked)
PYTHON
    gives 1 one 9
    complains '^one: File exists$'
    gives 1 absent/one
    gives 2 a b c d e
    gives 2 a 1 0
    # Any scorer of the program can be evaluated on them, and finds masks.
    "$adfeat" fit gaussian --weights w.safetensors --data one --layers layer2 --size 64 -o s.safetensors --quiet &&
        "$adfeat" eval s.safetensors --weights w.safetensors --data one >stdout 2>stderr || wrong "adfeat fit and eval"
    says '^images 8$'
    says '^au_pro [0-9.]+$'
}

check_make_rgbd_set() {
    gives 0 one 7 3 2
    gives 0 same 7 3 2
    diff -r one same || wrong "the same seed gives other files"
    gives 0 other 8 3 2
    local path
    [ "$(cd one && find . -type f | wc -l)" -eq 27 ] || wrong "not three files for each of nine images"
    for path in $(cd one && find . -name '*.png' ! -path '*good/gt/*'); do
        case $path in
        */gt/*) ;; # two defects of one size may lie alike
        *) cmp -s "one/$path" "other/$path" && wrong "$path is the same with another seed" ;;
        esac
    done
    # Fewer images are the first of more.
    gives 0 fewer 7 2 1
    cmp -s one/train/good/rgb/001.png fewer/train/good/rgb/001.png || wrong "the number of images changes them"
    "$python" - one <<'PYTHON' || wrong "the files are not what they should be"
import os, png, sys
for folder in "train/good", "test/good", "test/dent", "test/stain":
    for name in os.listdir(os.path.join(sys.argv[1], folder, "rgb")):
        paths = [os.path.join(sys.argv[1], folder, part, name) for part in ("rgb", "depth", "gt")]
        (w, h, rgb), (dw, dh, depth), (gw, gh, truth) = map(png.read, paths)
        assert (w, h) == (dw, dh) == (gw, gh) == (160, 160), paths
        assert len(rgb[0]) == 3 * w and len(depth[0]) == w, paths
        assert {v for row in truth for v in row} == ({0} if "good" in folder else {0, 255}), paths
        there = sorted(v for row in depth for v in row if v)
        assert 0.95 * w * h < len(there) < w * h, paths  # one in a hundred is missing
        assert there[0] > 5600 and there[-1] < 6150, paths  # tenths of a millimetre, 20 mm and a dome apart
        assert there[len(there) // 10] < 5830 and there[-len(there) // 10] > 5950, paths
PYTHON
    gives 1 one 9
    complains '^one: File exists$'
    cmp -s one/train/good/rgb/000.png same/train/good/rgb/000.png || wrong "an existing folder was written into"
    gives 1 absent/one
    gives 2 a b c d e
}

check_score_image() {
    fits s.safetensors
    scores s.safetensors --weights w.safetensors $good $spot
    gives 0 --weights w.safetensors s.safetensors $good $spot
    cmp -s stdout expected || wrong "not the scores of adfeat score"
    local limit
    limit=$(awk '{ sum += $1 } END { print sum / 2 }' expected) # between the good one and the other
    gives 3 --weights w.safetensors --limit "$limit" s.safetensors $spot $good
    gives 0 --weights w.safetensors --limit "$limit" s.safetensors $good
    gives 1 --weights w.safetensors --limit "$limit" s.safetensors odd/text.png $spot
    says "$spot\$"
    gives 0 --weights w.safetensors --heat heat.png s.safetensors $spot
    says '^heat\.png: white is [0-9.]+$'
    "$python" - heat.png <<'PYTHON' || wrong "the heat map is not brightest at the defect"
import png, sys
width, height, rows = png.read(sys.argv[1])
most = max(map(max, rows))
where = [(x, y) for y in range(height) for x in range(width) if rows[y][x] == most]
assert (width, height, most) == (48, 36, 65535), (width, height, most)
assert all(8 <= x < 22 and 8 <= y < 22 for x, y in where), where  # the bright square and its edge
PYTHON
    gives 1 --weights w.safetensors --heat absent/heat.png s.safetensors $spot
    gives 1 s.safetensors $good
    gives 2 --limit high s.safetensors $good
}

check_threads() {
    fits s.safetensors --embed
    scores s.safetensors set/train/good/*.png set/test/*/*.png
    gives 0 4 s.safetensors set/train/good/*.png set/test/*/*.png
    head -n -1 stdout | cmp -s - expected || wrong "not the scores of adfeat score"
    says '^4 threads and one: 0 of 18 scores differ$'
    gives 1 3 s.safetensors $good odd/half.png $spot
    complains odd/half.png
    says '^3 threads and one: 0 of 2 scores differ$'
    gives 2 0 s.safetensors $good
    gives 1 2 absent.safetensors $good
}

check_custom_allocator() {
    fits s.safetensors --embed
    scores s.safetensors $spot
    gives 0 s.safetensors $spot
    says "^score $(cut -f 1 expected)\$"
    says '^[1-9][0-9]* allocations up to the first frame, 0 in the 19 frames after it$'
    says '^0 bytes in use after all was destroyed$'
    says '^with a budget of [1-9][0-9]* bytes: AD_ERR_OUT_OF_MEMORY, ".+"$'
    says '^0 bytes in use after that$'
    # The weights alone are that large, and are in memory.
    [ "$(awk '/in use, / { print $1 }' stdout)" -gt "$(stat -c %s w.safetensors)" ] \
        || wrong "fewer bytes in use than the weights have"
    gives 1 s.safetensors odd/text.png
}

check_opencv_overlay() {
    fits s.safetensors --embed
    scores s.safetensors odd/colour.png $spot
    gives 0 s.safetensors odd/colour.png all.png # BGR against the program's RGB
    cmp -s stdout <(head -n 1 expected) || wrong "not the score of adfeat score"
    gives 0 s.safetensors $spot spot.png
    cmp -s stdout <(tail -n 1 expected) || wrong "not the score of adfeat score"
    # A region is scored as an image of its own would be, and nothing outside it is drawn on.
    gives 0 s.safetensors $spot part.png 6 4 32 24
    cp stdout part
    "$python" - $spot part.png cut.png <<'PYTHON' || wrong "the overlay is not where the region is"
import png, sys
width, height, frame = png.read(sys.argv[1])
drawn_on = [(x, y) for y, row in enumerate(png.read(sys.argv[2])[2]) for x in range(width)
            if row[3 * x:3 * x + 3] != (frame[y][x],) * 3]
assert all(6 <= x < 38 and 4 <= y < 28 for x, y in drawn_on), drawn_on
assert (15, 15) in drawn_on, drawn_on  # in the bright square
png.write_grey(sys.argv[3], [row[6:38] for row in frame[4:28]])
PYTHON
    scores s.safetensors cut.png
    [ "$(cut -f 1 part)" = "$(cut -f 1 expected)" ] || wrong "a region scores not as its copy"
    gives 1 s.safetensors $spot part.png 30 20 32 24
    gives 1 s.safetensors odd/text.png part.png
}

gives_usage() {
    gives 0 --help
    grep -q "^usage: $example " stdout || wrong "--help does not begin with the usage"
    gives 2
    grep -q "^usage: $example " stderr || wrong "without arguments it does not say the usage"
}

"check_$example"
[ "$example" = first_scorer ] || gives_usage
[ $failures -eq 0 ] || exit 1
echo "all is well"
