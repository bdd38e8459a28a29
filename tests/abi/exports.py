#!/usr/bin/env python3
"""The header, the symbol map and the shared library name the same functions; the library exports nothing
else, no data either, each under the version node that the map says; and its SONAME is that of the header's
version.

usage: exports.py ROOT LIBRARY COMPILER
"""
import re
import subprocess
import sys

root, library, compiler = sys.argv[1:4]
bad = []


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compare(one, other, what):
    bad.extend(f"{name}: {what}" for name in sorted(one - other))


text = output(compiler, "-E", "-P", f"{root}/include/adfeat.h")
header = set(re.findall(r"\b(ad_[a-z0-9_]+)\s*\(", text))
with open(f"{root}/include/adfeat.h") as file:
    version = [int(n) for n in re.findall(r"^#define AD_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", file.read(), re.M)]

# The map: what each version node adds.
with open(f"{root}/lib/adfeat.map") as file:
    source = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
mapped, nodes = {}, re.findall(r"^(ADFEAT_[\d.]+) \{(.*?)^\}", source, re.M | re.S)
for node, body in nodes:
    body = body.split("local:")[0].replace("global:", "")
    for name in body.replace(";", " ").split():
        if name in mapped:
            bad.append(f"{name}: twice in the map")
        mapped[name] = node
compare(header, set(mapped), "in the header, not in the map")
compare(set(mapped), header, "in the map, not in the header")
newest = max(tuple(map(int, node[7:].split("."))) for node, _ in nodes)
if newest > tuple(version[:2]):
    bad.append(f"the map has node {newest}, and the header is version {version}")

# The library: address, kind and name@@NODE a line. Kind T is a function; the nodes themselves are A.
exported = {}
for line in output("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines():
    kind, name = line.split()[-2:]
    name, _, node = name.partition("@@")
    if kind == "A" and name.split("@")[0] in dict(nodes):
        continue
    exported[name] = node
    if kind != "T":
        bad.append(f"{name}: exported, and no function: nm says {kind}")
    elif name in mapped and node != mapped[name]:
        bad.append(f"{name}: exported as of {node or 'no version'}, the map says {mapped[name]}")
compare(set(mapped), set(exported), "in the map, not exported")
compare(set(exported), set(mapped), "exported, not in the map")

# Before 1.0 every minor version may change the ABI.
wanted = f"libadfeat.so.{version[0]}" if version[0] else f"libadfeat.so.0.{version[1]}"
found = re.search(r"\(SONAME\).*\[(.*)\]", output("readelf", "-d", library))
if not found or found.group(1) != wanted:
    bad.append(f"the SONAME is {found and found.group(1)}, version {version} wants {wanted}")

print("\n".join(bad) or f"{len(exported)} functions, SONAME {wanted}")
sys.exit(bool(bad) or len(header) < 50)
