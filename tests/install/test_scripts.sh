#!/usr/bin/env bash
# What the scripts of a fresh machine are made of: which packages are missing, and how far a long stage is. dpkg and apt
# are stand-ins that this test writes.
# usage: test_scripts.sh SOURCE
set -uo pipefail

source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
mkdir bin
PATH=$work/bin:$PATH

wrong() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# stands_in PROGRAM: by the lines on stdin.
stands_in() {
    { echo '#!/usr/bin/env bash' && cat; } >"bin/$1"
    chmod +x "bin/$1"
}

# ---- Packages ----

stands_in dpkg <<'TEXT'
echo amd64
TEXT
# 'status architecture' of each package in the table; as dpkg-query, without a line break that was not asked for.
stands_in dpkg-query <<'TEXT'
format=${2#-f=} name=$3 found=1
while read -r package status architecture; do
    [ "$package" = "$name" ] || continue
    found=0 line=${format//'${db:Status-Status}'/$status}
    printf "${line//'${Architecture}'/$architecture}"
done <table
[ $found -eq 0 ] || echo "dpkg-query: no packages found matching $name" >&2
exit $found
TEXT
stands_in apt-get <<'TEXT'
echo "apt-get $*" >>asked
TEXT
stands_in id <<'TEXT'
echo 0
TEXT
cat >table <<'TEXT'
both installed amd64
both installed arm64
all installed all
foreign installed arm64
removed config-files amd64
half half-installed amd64
half installed arm64
second installed amd64
TEXT

# shellcheck source=examples/apt-install.sh
source "$source/examples/apt-install.sh"
(set -euo pipefail && install_missing both all 'first|second') >said || wrong "install_missing of what is there"
[ "$(cat said)" = "packages: all there" ] || wrong "of what is there it says '$(cat said)'"
[ ! -e asked ] || wrong "it asks apt for what is there: $(cat asked)"
(set -euo pipefail && install_missing both foreign removed half none 'third|fourth') >said || wrong "install_missing"
[ "$(cat said)" = "packages: installing foreign removed half none third" ] || wrong "of the others it says '$(cat said)'"
grep -q 'apt-get install .* foreign removed half none third$' asked || wrong "apt is asked '$(cat asked)'"

# ---- Stages ----

# shellcheck source=examples/stage.sh
source "$source/examples/stage.sh"
export STAGE_LOG=$work/log STAGE_SECONDS=1
echo '[9/9] of the stage before' >log
count() {
    local i
    for i in 1 2 3; do
        echo "[$i/3] a step"
        sleep 1.5
    done
}
(set -euo pipefail && stage "to count" count) >said || wrong "stage"
grep -qE '^to count: [0-9]+ s, step [123]/3$' said || wrong "it does not say how far it is: $(cat said)"
grep -q 9/9 said && wrong "it counts the steps of the stage before"
tail -n 1 said | grep -qxE 'to count: done in [0-9]+ s' || wrong "it does not say how long it took: $(cat said)"
grep -q 'a step' log || wrong "the output is not in the log"
stage "to fail" sh -c 'echo why; exit 3' >said
[ $? -eq 3 ] || wrong "the exit code is lost"
[ ! -s said ] || wrong "a short stage says '$(cat said)'"
grep -q why log || wrong "what a failure says is not in the log"

# ---- Options ----

for script in examples/quickstart.sh tests/run.sh; do
    bash "$source/$script" --help | grep -q -- '--build-dir' || wrong "$script --help does not name --build-dir"
    bash "$source/$script" --no-such-option >said 2>&1 && wrong "$script takes --no-such-option"
done

[ $failures -eq 0 ] || exit 1
echo "all is well"
