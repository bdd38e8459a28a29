#!/usr/bin/env python3
"""width.py on made-up files."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import width  # noqa: E402


class Width(unittest.TestCase):
    def test_columns_and_tabs(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "lib/core").mkdir(parents=True)
            (root / "lib/core/a.c").write_text("x" * 100 + "\n" + "é" * 100 + "\n", "utf-8")
            (root / "lib/core/b.h").write_text("x" * 101 + "\nint\tx;\n", "utf-8")
            bad, files = width.wide_lines(root)
            self.assertEqual((len(bad), files), (2, 2))
            self.assertTrue(bad[0].startswith("lib/core/b.h:1: ") and bad[1].startswith("lib/core/b.h:2: "))


unittest.main()
