#!/usr/bin/env bash
# One training step of AST here and in PyTorch, interleaved, with peak memory: the flow's, then the student's.
#
#   [ROUNDS=3] [STEPS=2] [PYTHON=python3] [PHASES="teacher student"] tests/bench/ast_step.sh BENCH [THREADS [CHANNELS
#   HIDDEN STUDENT_HIDDEN BATCH]]
#
# BENCH is the built bench_ast_step; PYTHON one that has torch. By default the published size: 304 channels, 1024 and 1024,
# batches of 8. Prints every round, then for each phase the median of the rounds' fastest steps, and the ratios.
set -euo pipefail
bench=$1 threads=${2:-2}
sizes=("${3:-304}" "${4:-1024}" "${5:-1024}" "${6:-8}")
peer=$(dirname "$0")/peer_ast_step.py
work=$(mktemp -d)
# shellcheck disable=SC2064
trap "rm -rf '$work'" EXIT
load=$(cut -d' ' -f1 /proc/loadavg)
awk -v l="$load" 'BEGIN { if (l > 0.5) print "the load is " l ": other programs are running, and the times mean little" }'
for phase in ${PHASES:-teacher student}; do
    for round in $(seq "${ROUNDS:-3}"); do
        "$bench" "$phase" "${sizes[@]}" "${STEPS:-2}" "$threads" >"$work/ours"
        "${PYTHON:-python3}" "$peer" "$phase" "${sizes[@]}" "${STEPS:-2}" "$threads" >"$work/torch"
        for who in ours torch; do
            awk -v who="$who" -v phase="$phase" '{ for (i = 1; i < NF; i++) v[$i] = $(i + 1) }
                END { print phase, who, v["fastest_ms"], v["above_baseline_mib"] }' "$work/$who" |
                tee -a "$work/all" | sed "s/^/round $round: /"
        done
    done
done
awk '{ key = $1 " " $2; ms[key] = ms[key] " " $3; if ($4 > mib[key]) mib[key] = $4; phases[$1] = 1 }
    function median(list, a, n, i, j, t) {
        n = split(list, a, " ")
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
        return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
    }
    END {
        for (p in phases)
            printf "%s: %d ms and %d MiB here, %d and %d in PyTorch; ratios %.3f and %.3f\n", p, median(ms[p " ours"]),
                   mib[p " ours"], median(ms[p " torch"]), mib[p " torch"], median(ms[p " ours"]) / median(ms[p " torch"]),
                   mib[p " ours"] / mib[p " torch"]
    }' "$work/all"
