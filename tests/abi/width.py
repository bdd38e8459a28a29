#!/usr/bin/env python3
"""No line of C in lib, backends, include and examples is wider than 100 columns, and none has a tab.

usage: width.py ROOT
"""
import pathlib
import sys

COLUMNS = 100


def is_wide(line):
    return len(line) > COLUMNS or "\t" in line


def wide_lines(root):
    """Sentences on lines that are too wide, and the number of files."""
    paths = sorted(p for glob in ("lib/*/*.[ch]", "backends/*.h", "backends/*/*.[ch]", "backends/*/*.cu",
                                     "include/*.h", "examples/*.[ch]", "examples/*.cpp",
                                     "examples/*/*.[ch]")
                   for p in root.glob(glob))
    return [f"{path.relative_to(root)}:{i}: wider than {COLUMNS} columns, or with a tab: {line.strip()}"
            for path in paths
            for i, line in enumerate(path.read_text("utf-8").splitlines(), 1) if is_wide(line)], len(paths)


def main():
    bad, files = wide_lines(pathlib.Path(sys.argv[1]))
    print("\n".join(bad) or f"{files} files, no wide line")
    sys.exit(bool(bad) or files < 300)


if __name__ == "__main__":
    main()
