#!/bin/sh
# run.sh [SECONDS] [TARGET...]: builds the fuzz preset and runs every target for SECONDS (default
# 600), one after the other, from its committed corpus. New inputs, findings and the log go to
# build/fuzz/found/TARGET. Fails when any target crashed, leaked, hung or took too much memory.
# To keep what was found, merge it and look at the sizes before committing:
#   build/fuzz/tests/fuzz/fuzz_TARGET_libfuzzer -merge=1 -max_len=4096 tests/fuzz/corpus/TARGET \
#       build/fuzz/found/TARGET/corpus
set -eu

seconds=600
if [ $# -gt 0 ]; then
    seconds=$1
    shift
fi
[ $# -gt 0 ] || set -- safetensors csv graph image decode depth scorer student

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
export OPENBLAS_NUM_THREADS=1
export UBSAN_OPTIONS=print_stacktrace=1

programs=
for target in "$@"; do
    programs="$programs fuzz_${target}_libfuzzer"
done
cmake --preset fuzz >/dev/null
# shellcheck disable=SC2086 # names without spaces
cmake --build --preset fuzz --target $programs >/dev/null

failed=
for target in "$@"; do
    found=build/fuzz/found/$target
    mkdir -p "$found/corpus" "$found/findings"
    dictionary=
    [ ! -f "$here/$target.dict" ] || dictionary=-dict=$here/$target.dict
    status=0
    nice -n 10 "build/fuzz/tests/fuzz/fuzz_${target}_libfuzzer" -max_total_time="$seconds" \
        -max_len=24576 -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$found/findings/" $dictionary "$found/corpus" "$here/corpus/$target" \
        >"$found/log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found/log")
    coverage=$(sed -n 's/.* cov: \([0-9]* ft: [0-9]*\) .*/\1/p' "$found/log" | tail -n 1)
    echo "$target: ${executions:-?} executions, coverage ${coverage:-?}, status $status"
    if [ "$status" -ne 0 ]; then
        failed="$failed $target"
        tail -n 40 "$found/log"
    fi
done
if [ -n "$failed" ]; then
    echo "trouble in:$failed (see build/fuzz/found/*/findings)" >&2
    exit 1
fi
