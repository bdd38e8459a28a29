#!/usr/bin/env python3
"""Masked reverse distillation here and in PyTorch, interleaved: a training step, and the anomaly map of an image.

    masked_rd.py BUILD [--rounds 3] [--threads 2] [--steps 3] [--runs 8] [--step-arch resnet18] [--map-arch wide_resnet50_2]
                 [--force]

BUILD is a build folder; this runs under a Python with torch, torchvision and numpy (Debian's python3-torchvision). Weights
are random and the same on neither side, which changes no time. Ours is the whole of what a user calls: a step is the time
between two callbacks of a fit whose features are kept, a map is Scorer.score_and_map() of an 8-bit image of that size. Prints every
round, then medians and ratios; of PyTorch's ways to a map the fastest.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from bench_common import load_before, parser_of, run

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, "peer_masked_rd.py")
SIDE, BATCH = 256, 16


def write_weights(arch, path):
    """A teacher with random weights, whose batch norms keep deep features from growing."""
    import torch
    import torchvision
    torch.manual_seed(0)
    header, blobs, offset = {}, [], 0
    for name, value in getattr(torchvision.models, arch)(weights=None).state_dict().items():
        if name.startswith("fc.") or name.endswith("tracked"):
            continue
        if value.ndim == 1 and name.endswith("bn3.weight"):
            value = 0.2 * value
        data = value.float().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + len(data)]}
        blobs.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(blobs)


def ours(kind, arch, weights, count, threads):
    """In a process of its own: prints milliseconds."""
    sys.path.insert(0, os.path.join(HERE, "..", "..", "bindings", "python"))
    import numpy as np
    import adfeat
    random = np.random.default_rng(0)
    net = adfeat.Backbone(weights, architecture=arch, context=adfeat.Context(threads=threads))
    noise = [random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(BATCH if kind == "step" else 2)]
    times = []
    if kind == "step":
        last = [0.0]

        def between(progress):
            now = time.perf_counter()
            if not progress.epoch_done and progress.batch:
                times.append(1e3 * (now - last[0]))
            last[0] = time.perf_counter()
            return False
        fitter = adfeat.Fitter(net, "masked_rd", epochs=count + 1, batch=BATCH, validation_share=0,
                               size=SIDE)
        fitter.fit(noise, train=between)
        times = times[1:]
    else:
        student = adfeat.Student(net, "masked_rd")
        scorer = adfeat.Fitter(student, epochs=0, batch=2, validation_share=0, size=SIDE).fit(noise)
        for _ in range(count + 3):
            start = time.perf_counter()
            scorer.score_and_map(noise[0])
            times.append(1e3 * (time.perf_counter() - start))
        times = times[3:]
    print("%.1f" % min(times))


def theirs(kind, arch, count, threads):
    """Milliseconds of the fastest run."""
    words = [arch, "masked_rd"] + ([str(BATCH)] if kind == "step" else []) + [str(SIDE), str(count), str(threads)]
    lines = [line.split() for line in run(sys.executable, PEER, kind, *words).splitlines()]
    times = [float(words[words.index("fastest_ms") + 1]) for words in lines if words[0] == "median_ms"]
    return min(times)


def main():
    if sys.argv[1] == "--ours":
        ours(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), int(sys.argv[6]))
        return
    parser = parser_of(__doc__, ["build"], 3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--step-arch", default="resnet18")
    parser.add_argument("--map-arch", default="wide_resnet50_2")
    args = parser.parse_args()
    load = load_before(args.force)
    environment = {**os.environ, "ADFEAT_BUILD_DIR": args.build}
    print("load before %.2f" % load)
    with tempfile.TemporaryDirectory() as folder:
        for kind, arch, count in (("step", args.step_arch, args.steps), ("map", args.map_arch, args.runs)):
            weights = os.path.join(folder, arch)
            write_weights(arch, weights)
            mine, peers = [], []
            for turn in range(args.rounds):
                words = [sys.executable, os.path.abspath(__file__), "--ours", kind, arch, weights, str(count), str(args.threads)]
                mine.append(float(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout))
                peers.append(theirs(kind, arch, count, args.threads))
                print("%s %s round %d: here %.0f ms, PyTorch %.0f ms" % (kind, arch, turn + 1, mine[-1], peers[-1]), flush=True)
            a, b = statistics.median(mine), statistics.median(peers)
            print("%s %s: %.0f ms here, %.0f in PyTorch, ratio %.3f" % (kind, arch, a, b, a / b), flush=True)


main()
