#!/usr/bin/env python3
"""Resident MiB of a process with a backbone and 0 to 4 scorers loaded onto it.

    ADFEAT_LIBRARY=build/dev/lib/libadfeat.so scorers_memory.py SCORER WEIGHTS
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bindings", "python"))
import adfeat  # noqa: E402


def resident():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


scorer, weights = sys.argv[1:]
backbone = adfeat.Backbone(weights)
figures, scorers = [resident()], []
for _ in range(4):
    scorers.append(adfeat.Scorer.load(scorer, backbone))
    figures.append(resident())
print(" ".join(f"{figure:.0f}" for figure in figures))
