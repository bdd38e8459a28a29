# shellcheck shell=bash
# Sourced by the scripts that take minutes. stage WHAT COMMAND...: run with all output in $STAGE_LOG, say every
# $STAGE_SECONDS (10) how long it has run and, where it counts its steps as ninja does, which it is at; at the end how
# long it took. Its exit code is the command's.
stage() {
    local what=$1 began=$SECONDS code=0 alive ticker logged
    shift
    logged=$(stat -c %s "$STAGE_LOG")
    # The ticker ends when the pipe to it does. A signal instead could come so early that it still had the script's
    # traps, and carried them out.
    exec {alive}> >(stage_tick "$what" "$logged")
    ticker=$!
    "$@" >>"$STAGE_LOG" 2>&1 {alive}>&- || code=$?
    exec {alive}>&-
    wait "$ticker" || true # its last line comes before ours
    [ "$code" -ne 0 ] || [ $((SECONDS - began)) -lt 2 ] || echo "$what: done in $((SECONDS - began)) s"
    return "$code"
}

stage_tick() {
    local what=$1 logged=$2 began=$SECONDS step status
    while read -r -t "${STAGE_SECONDS:-10}" || { status=$? && [ $status -gt 128 ]; }; do
        step=$(tail -c "+$((logged + 1))" "$STAGE_LOG" | grep -oE '^\[[0-9]+/[0-9]+\]' | tail -n 1) || step=
        echo "$what: $((SECONDS - began)) s${step:+, step ${step//[][]/}}"
    done
}
