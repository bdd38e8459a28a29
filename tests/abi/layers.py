#!/usr/bin/env python3
"""Calls only go down: every symbol that an object file uses against the file that defines it.

A prototype may stand in any header, so includes.py does not see a call up to a function that the
lower layer declares itself. This reads the symbol tables of the static library instead. It also
finds circles: files of one folder that call each other.
usage: layers.py ROOT LIBRARY.a NM
"""
import collections
import pathlib
import re
import subprocess
import sys

# A layer may use what those with a smaller number define, and itself; equals do not see each other.
LEVEL = {"core": 0, "device": 1, "ops": 2, "nn": 3, "train": 4, "stats": 4, "vision": 4,
         "model": 5, "student": 6, "methods": 7, "api": 8}

# The exceptions that are left. Both lists only get shorter: an entry that nothing needs is refused.

# A file and the symbols of higher layers that it uses.
UPWARD = {}
# Files of one folder that call each other.
CIRCLES = []


def read_objects(listing):
    """{object: (defined, used)} of what nm -g -P prints of an archive."""
    objects, member = {}, None
    for line in listing.splitlines():
        head = re.match(r".*\[(.+)\]:$", line)
        if head:
            member = head.group(1)
            if member in objects:
                raise SystemExit(f"two objects are named {member}")
            objects[member] = (set(), set())
        elif line.strip():
            name, kind = line.split()[:2]
            objects[member][kind in "Uvw"].add(name)
    return objects


def find_files(root):
    """{object: "folder/file.c"}; includes.py sees to it that names are unique."""
    files = {"builtin_graphs.c.o": "nn/builtin_graphs.c"}  # generated
    files |= {p.name + ".o": f"{p.parent.name}/{p.name}" for p in root.glob("lib/*/*.c")}
    files |= {p.name + ".o": f"backends/{p.parent.name}/{p.name}" for p in root.glob("backends/*/*.c")}
    return files


def folder_of(file):
    return file.rpartition("/")[0]


def may_use(folder, other):
    if folder == other:
        return True
    if folder.startswith("backends/"):
        return (folder, other) == ("backends/cpu", "backends/ref")  # cpu starts from ref's table
    if other.startswith("backends/"):
        return folder == "device"
    if folder in ("stats", "vision") and other in ("nn", "ops"):
        return False
    return LEVEL[other] < LEVEL[folder]


def find_circles(edges):
    """Sets of nodes that reach each other: Tarjan's strongly connected components, of two or more."""
    order, low, stack, circles = {}, {}, [], set()

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            at = stack.index(node)
            if len(stack) > at + 1:
                circles.add(frozenset(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return circles


def check(objects, files, upward, circles):
    """Sentences on what is wrong."""
    bad = [f"{o} comes from no file of lib or backends" for o in objects if o not in files]
    definer = {name: files.get(o) for o, (defined, _) in objects.items() for name in defined}
    calls = sorted((files[o], name, definer[name]) for o, (_, used) in objects.items() if o in files
                   for name in used if definer.get(name))
    edges = {file: set() for file in files.values()}
    listed = {(file, name) for file, names in upward.items() for name in names}
    for user, name, other in calls:
        if folder_of(user) == folder_of(other):
            edges[user].add(other)
        elif may_use(folder_of(user), folder_of(other)):
            continue
        elif (user, name) in listed:
            listed.remove((user, name))
        else:
            bad.append(f"{user} uses {name} of {other}, which is not below it")
    bad += [f"{user} does not use {name}: take it from UPWARD" for user, name in sorted(listed)]
    found, known = find_circles(edges), {frozenset(c) for c in circles}
    bad += ["files call each other: " + ", ".join(sorted(c)) for c in found - known]
    bad += ["no circle, take it from CIRCLES: " + ", ".join(sorted(c)) for c in known - found]
    return bad


def main():
    root, library, nm = sys.argv[1:]
    listing = subprocess.run([nm, "-g", "-P", library], check=True, capture_output=True, text=True)
    objects = read_objects(listing.stdout)
    bad = check(objects, find_files(pathlib.Path(root)), UPWARD, CIRCLES)
    print("\n".join(bad) or f"{len(objects)} objects use what is below them only")
    sys.exit(bool(bad) or len(objects) < 100)


if __name__ == "__main__":
    main()
