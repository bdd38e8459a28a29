#!/usr/bin/env python3
"""Scores on cpu beside those on ref: the largest relative difference, and how many verdicts change at ref's best F1.

    verdicts.py ADFEAT SCORER WEIGHTS DATA [EVERY]

DATA is a category in MVTec AD layout; EVERY n-th of its test images is scored (default 1: all, slow).
"""
import glob
import json
import os
import subprocess
import sys


def scores(program, scorer, weights, images, device):
    line = [program, "score", scorer, "--weights", weights, "--device", device, "--json"] + images
    return [entry["score"] for entry in json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)]


program, scorer, weights, data = sys.argv[1:5]
images = sorted(glob.glob(os.path.join(data, "test", "*", "*.png")))[::int(sys.argv[5]) if len(sys.argv) > 5 else 1]
bad = [os.path.basename(os.path.dirname(image)) != "good" for image in images]
cpu, ref = (scores(program, scorer, weights, images, device) for device in ("cpu", "ref"))


def f1(limit):
    return 2 * sum(b for s, b in zip(ref, bad) if s >= limit) / (sum(s >= limit for s in ref) + sum(bad))


best = max(sorted(set(ref)), key=f1)
limit = (best + max((s for s in ref if s < best), default=best - abs(best))) / 2  # with none below: any lower limit
print(f"images {len(images)} relative_difference {max(abs(a - b) / abs(b) for a, b in zip(cpu, ref)):.3g}",
      f"verdict_changes {sum((a >= limit) != (b >= limit) for a, b in zip(cpu, ref))}")
