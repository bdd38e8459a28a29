#!/usr/bin/env python3
"""The header, the symbol map and the shared library name the same functions."""
import re
import subprocess
import sys

root, library, compiler = sys.argv[1:4]
text = subprocess.run([compiler, "-E", "-P", f"{root}/include/adfeat.h"], check=True, capture_output=True,
                      text=True).stdout
header = set(re.findall(r"\b(ad_[a-z0-9_]+)\s*\(", text))
mapped = set(re.findall(r"^\s+(ad_[a-z0-9_]+);", open(f"{root}/lib/adfeat.map").read(), re.M))
symbols = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
exported = {line.split()[-1].split("@")[0] for line in symbols.splitlines()
            if line.split()[-2] in "TDBRW" and not line.split()[-1].startswith(("__asan", "__odr", "_"))}
exported = {name for name in exported if not name.startswith("ADFEAT_")}
bad = 0
for one, other, what in ((header, mapped, "in the header, not in the map"), (mapped, header, "in the map, not in the header"),
                         (mapped, exported, "in the map, not exported"), (exported, mapped, "exported, not in the map")):
    for name in sorted(one - other):
        print(f"{name}: {what}")
        bad += 1
print(f"{len(header)} functions")
sys.exit(bool(bad) or len(header) < 50)
