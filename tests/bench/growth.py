#!/usr/bin/env python3
"""How time and memory grow with the size of the input, the number of images of a call, and threads. Writes Markdown.

    growth.py BUILD WEIGHTS DATA [--work DIR] [--out FILE] [--rounds 3] [--force]

BUILD is a build folder, WEIGHTS a ResNet-18, DATA good images of which a gaussian scorer at 256 is fitted. Each cell is
the median of the rounds' medians; all cells are measured once a round.
"""
import os
import statistics

from bench_common import load_before, parser_of, run, write

SIZES = [224, 256, 384, 512, 768, 1024, 1536, 2048]
BATCHES = [1, 2, 4, 8, 16, 32]
THREADS = [1, 2]


def measure(adfeat, *options):
    """The last line of times, and the memory, of 'adfeat bench'."""
    lines = run(adfeat, "bench", *options).strip().split("\n")
    return float(lines[-2].split("median_ms")[1].split()[0]), float(lines[-1].split()[1])


def table(rows, name, measured, scale):
    """Lines: a row per size or batch, and for each number of threads its time, time by `scale`, and memory."""
    head, rule = f"| {name} |", "| --- |"
    for threads in THREADS:
        head += f" {threads} thread{'s' if threads > 1 else ''}: ms | {scale[0]} | peak MiB |"
        rule += " --- | --- | --- |"
    lines = [head, rule]
    for row in rows:
        line = f"| {row} |"
        for threads in THREADS:
            ms = statistics.median(m[0] for m in measured[row, threads])
            line += f" {ms:.2f} | {scale[1](ms, row):.3g} | {max(m[1] for m in measured[row, threads]):.0f} |"
        lines.append(line)
    return lines


def main():
    parser = parser_of(__doc__, ("build", "weights", "data"), 3)
    args = parser.parse_args()
    load = load_before(args.force)
    os.makedirs(args.work, exist_ok=True)
    adfeat = os.path.join(args.build, "examples", "adfeat", "adfeat")
    scorer = os.path.join(args.work, "growth.safetensors")
    run(adfeat, "fit", "gaussian", "--weights", args.weights, "--data", args.data, "-o", scorer, "--size", "256", "--quiet")
    sizes = {(size, threads): [] for size in SIZES for threads in THREADS}
    batches = {(batch, threads): [] for batch in BATCHES for threads in THREADS}
    for _ in range(args.rounds):
        for size, threads in sizes:
            sizes[size, threads].append(measure(adfeat, args.weights, "--layer", "layer3", "--size", str(size),
                                                "--threads", str(threads)))
        for batch, threads in batches:
            batches[batch, threads].append(measure(adfeat, scorer, "--weights", args.weights, "--batch", str(batch),
                                                   "--threads", str(threads)))
    lines = [f"{args.rounds} rounds, load before {load:.2f}.", "",
             "ResNet-18 to layer3, one image, by the side of the input:", ""]
    lines += table(SIZES, "size", sizes, ("ns a pixel", lambda ms, size: 1e6 * ms / size ** 2))
    lines += ["", "Score and map of a gaussian scorer (ResNet-18 layer3 at 256), by the images of one `ad_score_batch()`, "
              "per image:", ""]
    lines += table(BATCHES, "images", batches, ("images a second", lambda ms, batch: 1e3 / ms))
    write(lines, args.out)


main()
