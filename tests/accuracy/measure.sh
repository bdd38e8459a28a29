# shellcheck shell=bash
# Sourced by the scripts beside it. measure PROGRAM SHARED SETS METHOD OPTION... fits METHOD with ResNet-18 on each of
# SETS (words) under SHARED/data, evaluates it, and compares the figures with those that the function `reference`
# prints: lines of set, figure, value. Each must be within 0.002. Returns 0, 1 where one is not, or exits with 77
# where there is nothing to measure with.
measure() {
    local program=$1 shared=$2 sets=$3 method=$4
    shift 4
    local weights=$shared/weights/resnet18_imagenet_folded.safetensors
    if [[ ! -f $weights ]]; then
        echo "skipped: there is no $weights on this machine"
        exit 77
    fi
    local work set name figure want got failed=0
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    for set in $sets; do
        SECONDS=0
        "$program" fit "$method" --weights "$weights" --data "$shared/data/$set" -o "$work/$set.safetensors" \
            --quiet "$@"
        echo "$set: fitted in $SECONDS s"
        "$program" eval "$work/$set.safetensors" --weights "$weights" --data "$shared/data/$set" | tee "$work/$set.txt"
        while read -r name figure want; do
            [[ $name == "$set" ]] || continue
            got=$(awk -v f="$figure" '$1 == f { print $2 }' "$work/$set.txt")
            if ! awk -v a="${got:-nan}" -v b="$want" 'BEGIN { d = a - b; exit !(d <= 0.002 && d >= -0.002) }'; then
                echo "$set: $figure is ${got:-missing}, the reference gives $want"
                failed=1
            fi
        done < <(reference)
    done
    return $failed
}
