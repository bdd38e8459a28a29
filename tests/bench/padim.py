#!/usr/bin/env python3
"""PaDiM's map here and in anomalib, on the same weights, Gaussians and image, interleaved; and its statistics beside
scikit-learn's Ledoit and Wolf. Writes Markdown.

    padim.py BUILD WEIGHTS DATA [--work DIR] [--out FILE] [--rounds 5] [--runs 20] [--threads 2] [--force]

BUILD is a build folder with tests, WEIGHTS a ResNet-18 with folded batch norms, DATA a category in MVTec AD layout. The first
run makes DIR/peers (DIR is bench_work by default), a virtual environment with anomalib and what it needs from the package index.
"""
import glob
import os
import statistics
import subprocess
import sys

from bench_common import load_before, parser_of, run, write

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, IMAGES, POSITIONS = 256, 200, 64


def fields(line):
    """'a 1 b 2' as a dictionary, from the first name of which the value is a number."""
    words = line.split()
    start = next(i for i, word in enumerate(words) if word.endswith("_ms"))
    return dict(zip(words[start::2], words[start + 1::2]))


def make_environment(python, folder):
    """The virtual environment, unless it is there."""
    if not os.path.exists(python):
        run(sys.executable, "-m", "venv", folder)
    if subprocess.run([python, "-c", "import anomalib, sklearn, safetensors"], capture_output=True).returncode:
        run(python, "-m", "pip", "install", "-q", "anomalib", "scikit-learn", "safetensors", "pillow")


def prepare(args, adfeat, python):
    """A scorer, an image of the network's size, and the scorer's map of it."""
    scorer, image, heat = (os.path.join(args.work, "padim" + end) for end in (".safetensors", ".png", ".map"))
    run(adfeat, "fit", "padim", "--weights", args.weights, "--data", args.data, "-o", scorer, "--size", str(SIZE), "--quiet")
    source = sorted(glob.glob(os.path.join(args.data, "test", "*", "*.png")))[-1]
    run(python, "-c", "import sys; from PIL import Image; Image.open(sys.argv[1]).convert('RGB').resize(("
        f"{SIZE}, {SIZE})).save(sys.argv[2])", source, image)
    code = ("import sys; sys.path.insert(0, sys.argv[1]); import adfeat; "
            "adfeat.Scorer.load(sys.argv[2], sys.argv[3]).anomaly_map(sys.argv[4]).data.tofile(sys.argv[5])")
    environment = dict(os.environ, ADFEAT_LIBRARY=os.path.join(args.build, "lib", "libadfeat.so"))
    bindings = os.path.join(HERE, "..", "..", "bindings", "python")
    subprocess.run([python, "-c", code, bindings, scorer, args.weights, image, heat], check=True, env=environment)
    return scorer, image, heat


def measure_maps(args, adfeat, python, scorer, image, heat):
    """Lines of the table of maps."""
    got = {"adfeat": [], "anomalib": []}
    for _ in range(args.rounds):
        lines = run(adfeat, "bench", scorer, "--weights", args.weights, "--image", image, "--runs", str(args.runs),
                    "--threads", str(args.threads)).split("\n")
        ours = fields(next(line for line in lines if line.startswith("map")))
        ours["peak_mib"] = next(line for line in lines if line.startswith("peak")).split()[1]
        got["adfeat"].append(ours)
        got["anomalib"].append(fields(run(python, os.path.join(HERE, "peer_padim.py"), scorer, args.weights, image,
                                          str(args.threads), str(args.runs), heat)))
    middle = {name: statistics.median(float(r["median_ms"]) for r in rounds) for name, rounds in got.items()}
    lines = ["| PaDiM, whole map | ms, median of rounds | rounds' spread | ratio to it | peak MiB | difference |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name, rounds in got.items():
        ms = [float(r["median_ms"]) for r in rounds]
        lines.append(f"| {name} | {middle[name]:.2f} | {min(ms):.2f} to {max(ms):.2f} | "
                     f"{middle['adfeat'] / middle[name]:.3f} | {max(float(r['peak_mib']) for r in rounds):.0f} | "
                     f"{rounds[-1].get('difference', '')} |")
    return lines


LEDOIT_WOLF = """
import sys, time
import numpy as np
from sklearn.covariance import LedoitWolf
d, count, images, precision = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1"
x = np.random.default_rng(0).standard_normal((count, images, d)).astype(np.float32)
before = time.perf_counter()
for one in x:
    LedoitWolf(store_precision=precision).fit(one)
print((time.perf_counter() - before) / count)
"""


def measure_statistics(args, python, d):
    """Seconds for 4096 positions: here, and scikit-learn's without and with the inverse, from fewer positions."""
    bench = os.path.join(args.build, "tests", "bench", "bench_padim_fit")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)
    ours, peers = [], {0: [], 1: []}
    for _ in range(args.rounds):
        ours.append(float(run(bench, str(d), "4096", str(IMAGES), str(args.threads))))
        for precision, all_of_them in peers.items():
            count = POSITIONS if precision == 0 else POSITIONS // 8
            all_of_them.append(4096 * float(run(python, "-c", LEDOIT_WOLF, str(d), str(count), str(IMAGES),
                                                str(precision))))
    mid = statistics.median(ours)
    row = f"| {d} | {mid:.2f} | {min(ours):.2f} to {max(ours):.2f} |"
    for seconds in peers.values():
        row += f" {statistics.median(seconds):.1f} | {mid / statistics.median(seconds):.3f} |"
    return row


def main():
    parser = parser_of(__doc__, ("build", "weights", "data"), 5)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    load = load_before(args.force)
    adfeat = os.path.join(args.build, "examples", "adfeat", "adfeat")
    python = os.path.join(args.work, "peers", "bin", "python")
    os.makedirs(args.work, exist_ok=True)
    make_environment(python, os.path.join(args.work, "peers"))
    files = prepare(args, adfeat, python)
    versions = [v for v in run(python, "-m", "pip", "list", "--format=freeze").split()
                if v.split("==")[0] in ("anomalib", "torch", "scikit-learn")]
    lines = [f"{args.threads} threads, {args.rounds} rounds, load before {load:.2f}; {', '.join(versions)}.", ""]
    lines += measure_maps(args, adfeat, python, *files)
    lines += ["", f"Mean, covariance, shrinkage and factor of {IMAGES} vectors at each of 4096 positions, in seconds; "
              "scikit-learn's LedoitWolf(), one position after the other, with store_precision off and on:", "",
              "| dimensions | adfeat | rounds' spread | off | ratio | on, its default | ratio |",
              "| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [measure_statistics(args, python, d) for d in (100, 448)]
    write(lines, args.out)


main()
