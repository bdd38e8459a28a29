# What the tests of the adfeat program share, sourced with "ADFEAT PYTHON" as arguments: an empty folder to
# work in, and what a call should give.
adfeat=$1
python=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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

run() {
    "$adfeat" "$@" >stdout 2>stderr </dev/null
    code=$?
}

# works ARGS...: exit code 0 and nothing on stderr, no progress bar either: that is no terminal.
works() {
    run "$@"
    [ $code -eq 0 ] || wrong "adfeat $*: exit code $code"
    [ ! -s stderr ] || wrong "adfeat $*: said something on stderr"
}

# fails CODE WORDS ARGS...: that exit code, one line on stderr with WORDS in it, nothing on stdout.
fails() {
    local wanted=$1 words=$2
    shift 2
    run "$@"
    [ $code -eq "$wanted" ] || wrong "adfeat $*: exit code $code, not $wanted"
    one_sentence "$words" "adfeat $*"
    [ ! -s stdout ] || wrong "adfeat $*: failed and still wrote output"
}

one_sentence() {
    [ "$(wc -l <stderr)" -eq 1 ] || wrong "$2: not one line on stderr"
    grep -q '^adfeat: ' stderr || wrong "$2: does not begin with 'adfeat: '"
    [ -z "${VERBOSE-}" ] || cat stderr
    grep -qF -- "$1" stderr || wrong "$2: does not say '$1'"
}

says() {
    grep -qE -- "$1" stdout || wrong "the output has no line '$1'"
}

# Nothing but what was there before, hidden temporary files included.
left() {
    find . -type f ! -name stdout ! -name stderr ! -name before ! -name after | sort
}
