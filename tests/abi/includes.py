#!/usr/bin/env python3
"""Layers only look down: every #include "..." of lib/ and backends/ against the order of the layers."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
# A layer may include those with a smaller number, and itself; siblings have equal numbers.
LEVEL = {"core": 0, "device": 1, "ops": 2, "nn": 3, "train": 4, "stats": 4, "vision": 4,
         "model": 5, "student": 6, "methods": 7, "api": 8}
NOT_NN = {"stats", "vision"}  # their numbers would allow it; they do not need it
SHARED = {"adfeat.h", "backend.h", "mix64.h", "plugin.h"}  # headers of both sides
# Stems that still stand in two folders; an entry that nothing needs is refused.
TWICE = {}
bad, seen = [], 0

for path in sorted(root.glob("lib/*/*.[ch]")):
    layer = path.parent.name
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M):
        seen += 1
        if name in SHARED:
            continue
        other = name.split("/")[0]
        allowed = other in LEVEL and (other == layer or LEVEL[other] < LEVEL[layer])
        if not allowed or (layer in NOT_NN and other in ("nn", "ops")):
            bad.append(f"{path.relative_to(root)} includes {name}")

# The emulated device of the tests, in the place of CUDA's own header.
EMULATED = {("device_cuda.h", "emulated_cuda.h")}
backends = [p for kind in ("*.[ch]", "*.cu") for p in root.glob(f"backends/*/{kind}")]
for path in sorted(backends):
    folder = path.parent.name
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M):
        seen += 1
        # cpu starts from ref's table, so it may see ref.h
        if name not in SHARED and not (path.parent / name).exists() and name != "ref/ref.h" \
                and (path.name, name) not in EMULATED:
            bad.append(f"{path.relative_to(root)} includes {name}")

# One stem, one folder: the header of X.c is the X.h beside it.
folders = {}
for path in list(root.glob("lib/*/*.[ch]")) + backends:
    folders.setdefault(path.stem, set()).add(str(path.parent.relative_to(root)))
twice = {stem: where for stem, where in folders.items() if len(where) > 1}
bad += [f"files named {stem} stand in {' and '.join(sorted(where))}"
        for stem, where in twice.items() if where != TWICE.get(stem)]
bad += [f"{stem} stands in one folder: take it from TWICE" for stem in TWICE.keys() - twice.keys()]

print("\n".join(bad) or f"{seen} includes look down only")
sys.exit(bool(bad) or seen < 100)
