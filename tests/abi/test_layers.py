#!/usr/bin/env python3
"""layers.py on made-up libraries: what it refuses, and what it lets through."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402

FILES = {f.rpartition("/")[2] + ".o": f for f in (
    "core/alloc.c", "core/file.c", "nn/plan.c", "stats/roc.c", "vision/exif.c", "methods/padim.c",
    "api/fitter.c", "device/device.c", "backends/cpu/cpu.c", "backends/ref/ref.c")}


def listing(**members):
    """nm's lines of an archive: alloc=("defined", "used other")."""
    lines = []
    for stem, (defined, used) in members.items():
        lines.append(f"lib.a[{stem}.c.o]:")
        lines += [f"{name} T 0 10" for name in defined.split()] + [f"{name} U  " for name in used.split()]
    return "\n".join(lines) + "\n"


def check(upward=None, circles=(), **members):
    return layers.check(layers.read_objects(listing(**members)), FILES, upward or {}, circles)


class Layers(unittest.TestCase):
    def test_down_and_out_is_fine(self):
        self.assertEqual(check(alloc=("a", "malloc"), plan=("p", "a"), padim=("m", "p a"),
                               fitter=("f", "m p"), device=("d", "table"), ref=("table", "")), [])

    def test_up_is_refused(self):
        up = dict(padim=("m", "f"), fitter=("f", "m"))
        self.assertEqual(check(**up), ["methods/padim.c uses f of api/fitter.c, which is not below it"])
        self.assertEqual(check({"methods/padim.c": ["f"]}, **up), [])

    def test_siblings_do_not_see_each_other(self):
        self.assertEqual(len(check(roc=("r", "e"), exif=("e", ""))), 1)

    def test_stats_do_not_need_networks(self):
        self.assertEqual(len(check(roc=("r", "p"), plan=("p", ""))), 1)

    def test_backends_stand_aside(self):
        self.assertEqual(len(check(cpu=("c", "a"), alloc=("a", ""))), 1)
        self.assertEqual(len(check(roc=("r", "table"), ref=("table", ""))), 1)
        self.assertEqual(check(cpu=("c", "table"), ref=("table", "")), [])

    def test_an_exception_that_nothing_needs_is_refused(self):
        self.assertEqual(check({"methods/padim.c": ["f"]}, padim=("m", ""), fitter=("f", "m")),
                         ["methods/padim.c does not use f: take it from UPWARD"])

    def test_circles(self):
        pair = ["core/alloc.c", "core/file.c"]
        both = dict(alloc=("a", "b"), file=("b", "a"))
        self.assertEqual(check(**both), ["files call each other: core/alloc.c, core/file.c"])
        self.assertEqual(check(circles=[pair], **both), [])
        self.assertEqual(check(circles=[pair], alloc=("a", ""), file=("b", "a")),
                         ["no circle, take it from CIRCLES: core/alloc.c, core/file.c"])

    def test_unknown_objects_are_refused(self):
        self.assertEqual(check(stray=("s", "")), ["stray.c.o comes from no file of lib or backends"])

    def test_two_members_of_one_name_are_refused(self):
        with self.assertRaises(SystemExit):
            layers.read_objects(listing(alloc=("a", "")) * 2)


unittest.main()
