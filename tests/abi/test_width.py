#!/usr/bin/env python3
"""width.py on made-up files."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import width  # noqa: E402


class Width(unittest.TestCase):
    def test_columns_and_tabs_are_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "lib/core").mkdir(parents=True)
            (root / "lib/core/a.c").write_text("x" * 100 + "\n" + "é" * 100 + "\n", "utf-8")
            (root / "lib/core/b.h").write_text("x" * 101 + "\nint\tx;\n", "utf-8")
            self.assertEqual(width.count_lines(root), ({"lib/core/b.h": 2}, 2))

    def test_the_list_is_exact(self):
        self.assertEqual(width.compare({"a.c": 2}, {"a.c": 2}), [])
        self.assertEqual(len(width.compare({"a.c": 3}, {"a.c": 2})), 1)
        self.assertEqual(len(width.compare({"a.c": 1}, {"a.c": 2})), 1)
        self.assertEqual(len(width.compare({}, {"a.c": 2})), 1)
        self.assertEqual(len(width.compare({"b.c": 1}, {})), 1)

    def test_the_list_reads_back(self):
        counts = {"lib/b.c": 2, "lib/a.c": 10}
        self.assertEqual(width.read_list(width.write_list(counts)), counts)


unittest.main()
