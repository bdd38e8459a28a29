#!/usr/bin/env python3
"""What Scorer.score() costs over the bare C call, with a network so small that it shows.

usage: bench_overhead.py [CALLS]

Prints medians in microseconds: the C call on a prepared struct, score() of the same array, and the difference."""
import statistics
import struct
import sys
import time

import numpy as np

import adfeat
from adfeat import _c
from adfeat.image import image_view

GRAPH = """network tiny
input_size 8
mean 0.5 0.5 0.5
std 0.25 0.25 0.25
input image : channels=3
conv2d stem <- image : out=4 kernel=1
tap stem <- stem
"""


def tiny_scorer(rng):
    """A 1x1 convolution at 8 x 8 pixels, fitted on noise."""
    header = b'{"stem.weight":{"dtype":"F32","shape":[4,3,1,1],"data_offsets":[0,48]}}'
    header += b" " * (-len(header) % 8)
    weights = struct.pack("<Q", len(header)) + header + rng.standard_normal(12).astype("<f4").tobytes()
    net = adfeat.Backbone.from_bytes(weights, "tiny", graph=GRAPH, context=adfeat.Context(threads=1))
    return adfeat.fit(net, rng.integers(0, 256, (20, 8, 8, 3), np.uint8))


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    rng = np.random.default_rng(1)
    scorer = tiny_scorer(rng)
    frame = rng.integers(0, 256, (8, 8, 3), np.uint8)
    view = image_view(frame)
    out = _c.c_float()
    bare, image = _c.lib.ad_score_image, _c.byref(view.struct)
    result = _c.byref(out)
    pointer = scorer._borrow()
    times = {"C call": [], "score()": []}
    now = time.perf_counter_ns
    for _ in range(calls):  # in turn, so that a slow moment meets both
        t0 = now()
        bare(pointer, image, result)
        t1 = now()
        scorer.score(frame)
        t2 = now()
        times["C call"].append(t1 - t0)
        times["score()"].append(t2 - t1)
    scorer._give_back()
    medians = {name: statistics.median(values) / 1e3 for name, values in times.items()}
    for name, value in medians.items():
        print("%-10s %8.2f us" % (name, value))
    print("%-10s %8.2f us" % ("difference", medians["score()"] - medians["C call"]))


main()
