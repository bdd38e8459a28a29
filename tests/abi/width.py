#!/usr/bin/env python3
"""No line of lib, backends and include is wider than 100 columns, and none has a tab.

wide_lines.txt lists the files that still have such lines, and how many. The numbers are exact, so
that they only get smaller: a file with fewer must say so, and --update writes the list anew unless
its sum would grow.
usage: width.py ROOT [--update]
"""
import pathlib
import sys

COLUMNS = 100
HEAD = "# Lines wider than 100 columns or with a tab; only gets shorter (tests/abi/width.py --update)\n"


def is_wide(line):
    return len(line) > COLUMNS or "\t" in line


def count_lines(root):
    """{file: wide lines}, of the files that have any, and the number of all files."""
    paths = [p for glob in ("lib/*/*.[ch]", "backends/*.h", "backends/*/*.[ch]", "include/*.h")
             for p in root.glob(glob)]
    counts = {str(p.relative_to(root)): sum(map(is_wide, p.read_text("utf-8").splitlines())) for p in paths}
    return {name: n for name, n in counts.items() if n}, len(paths)


def read_list(text):
    rows = (line.split() for line in text.splitlines() if line and line[0] != "#")
    return {name: int(n) for n, name in rows}


def write_list(counts):
    return HEAD + "".join(f"{n} {name}\n" for name, n in sorted(counts.items()))


def compare(counts, listed):
    """Sentences on what is wrong."""
    bad = []
    for name in sorted(counts.keys() | listed.keys()):
        n, known = counts.get(name, 0), listed.get(name, 0)
        if n > known:
            bad.append(f"{name}: {n} lines are wider than {COLUMNS} columns or have a tab, {known} may")
        elif n < known:
            bad.append(f"{name}: {n} wide lines are left of {known}: say so with width.py --update")
    return bad


def main():
    root = pathlib.Path(sys.argv[1])
    path = root / "tests/abi/wide_lines.txt"
    counts, files = count_lines(root)
    listed = read_list(path.read_text())
    if sys.argv[2:] == ["--update"]:
        if sum(counts.values()) > sum(listed.values()):
            sys.exit("there are more wide lines than before: break them")
        path.write_text(write_list(counts))
        return
    bad = compare(counts, listed)
    for name in sorted(n for n in counts if counts[n] > listed.get(n, 0)):
        lines = (root / name).read_text("utf-8").splitlines()
        bad += [f"{name}:{i}: {line.strip()}" for i, line in enumerate(lines, 1) if is_wide(line)]
    print("\n".join(bad) or f"{files} files, {sum(counts.values())} wide lines left")
    sys.exit(bool(bad) or files < 300)


if __name__ == "__main__":
    main()
