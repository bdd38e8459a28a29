#!/usr/bin/env python3
"""Every public struct with a body, and each of its fields in order, is in test_layout.c.

usage: layout_complete.py ROOT
"""
import re
import sys

root = sys.argv[1]
with open(f"{root}/include/adfeat.h") as file:
    header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
with open(f"{root}/tests/abi/test_layout.c") as file:
    test = file.read()

# What the header asks for: NEXT for every pair of neighbours, LAST for the last field.
wanted, structs = [], re.findall(r"typedef struct (ad_\w+) \{(.*?)\} (ad_\w+);", header, re.S)
for name, body, alias in structs:
    fields = [re.search(r"(\w+)(\[\d+\])?$", line.strip()).group(1) for line in body.split(";") if line.strip()]
    if name != alias or fields[0] != "struct_size" or "," in body:
        sys.exit(f"{name}: is not one struct of one field a line that begins with struct_size")
    wanted += [("NEXT", name, one, other) for one, other in zip(fields, fields[1:])]
    wanted.append(("LAST", name, fields[-1], ""))

found = [(kind, name, one, "" if kind == "LAST" else other)
         for kind, name, one, other in re.findall(r"^ +(NEXT|LAST)\((\w+), (\w+), (\w+)\);", test, re.M)]
bad = [f"{kind}({name}, {one}{', ' + other if other else ', size'}) is missing from test_layout.c"
       for kind, name, one, other in wanted if (kind, name, one, other) not in found]
bad += [f"{kind}({name}, {one}, ...) is in test_layout.c, not in the header"
        for kind, name, one, other in found if (kind, name, one, other) not in wanted]
print("\n".join(bad) or f"{len(structs)} structs, {len(wanted)} fields")
sys.exit(bool(bad) or len(structs) < 16)
