#!/usr/bin/env bash
# One STFPM training step here and in PyTorch, interleaved, with peak memory.
#
#   [ROUNDS=5] [STEPS=3] [PYTHON=python3] tests/bench/stfpm_step.sh BENCH WEIGHTS [THREADS [BATCH [SIZE]]]
#
# BENCH is the built bench_stfpm_step, WEIGHTS a ResNet-18; PYTHON one that has torch. The teacher's features are
# given to both. Prints every round, then the median of the rounds' fastest steps and the largest memory of either,
# and the ratios.
set -euo pipefail
bench=$1 weights=$2 threads=${3:-2} batch=${4:-32} size=${5:-256}
reference=$(dirname "$0")/../golden/reference_stfpm.py
work=$(mktemp -d)
# shellcheck disable=SC2064
trap "rm -rf '$work'" EXIT
load=$(cut -d' ' -f1 /proc/loadavg)
awk -v l="$load" 'BEGIN { if (l > 0.5) print "the load is " l ": other programs are running, and the times mean little" }'
for round in $(seq "${ROUNDS:-5}"); do
    "$bench" "$weights" features "$batch" "$size" "${STEPS:-3}" "$threads" > "$work/ours"
    "${PYTHON:-python3}" "$reference" --bench features --batch "$batch" --size "$size" --steps "${STEPS:-3}" \
        --threads "$threads" > "$work/torch"
    for who in ours torch; do
        awk -v who="$who" '{ for (i = 1; i < NF; i++) v[$i] = $(i + 1) }
            END { print who, v["fastest_ms"], v["median_ms"], v["above_baseline_mib"] }' "$work/$who" |
            tee -a "$work/all" | sed "s/^/round $round: /"
    done
done
awk '{ ms[$1] = ms[$1] " " $2; if ($4 > mib[$1]) mib[$1] = $4 }
    function median(list, a, n, i, j, t) {
        n = split(list, a, " ")
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
        return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
    }
    END {
        for (who in ms) printf "%s: median of the fastest %d ms, largest %d MiB\n", who, median(ms[who]), mib[who]
        printf "time ratio %.3f memory ratio %.3f\n", median(ms["ours"]) / median(ms["torch"]), mib["ours"] / mib["torch"]
    }' "$work/all"
