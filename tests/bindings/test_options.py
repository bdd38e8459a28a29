#!/usr/bin/env python3
"""The table of methods and their options as Python shows it: at run time, in docstrings, and in the
files that make_options.py wrote for editors and type checkers."""
import importlib.util
import os
import subprocess
import sys
import typing
import unittest

import helper

import adfeat
from adfeat import method_options

PYTHON = os.path.join(helper.ROOT, "bindings", "python")
sys.path.insert(0, PYTHON)
import make_options  # noqa: E402

RIGHT = """
from typing import Any, Dict, TYPE_CHECKING
import adfeat
if TYPE_CHECKING:
    from adfeat.method_options import MethodName, PadimOptions

net = adfeat.Backbone("w.safetensors")
adfeat.fit(net, "screws")
adfeat.fit(net, "screws", method="padim", blur_sigma=2, layers=["layer1"], significant_bits=12)
adfeat.fit(net, "screws", "stfpm", epochs=3, resume=True, checkpoint_dir="x", seed=None)
adfeat.fit("w.safetensors", "screws", "masked_rd", preset="rd4ad", fmm=True, mean=(0, 0.5, 1))
adfeat.Fitter(net, "ast", mode="combi", cache_dir="x")
student = adfeat.Student(net, layers="layer1", seed=3)
adfeat.Student(net, "ast", flow_hidden=4)
adfeat.Fitter(student, epochs=3)
adfeat.Fitter(student, "ast", lr=1e-3)
adfeat.Student.load("x", net)
adfeat.Student.load("x", net, "masked_rd", preset="rd4ad")
net.extract_features("x", size=64)

def named(name: "MethodName", some: Dict[str, Any], padim: "PadimOptions") -> float:
    adfeat.fit(net, "screws", name, **some)
    adfeat.Fitter(net, name, size=2)
    return adfeat.fit(net, "screws", "padim", **padim).score("x")
"""
WRONG = """
import adfeat
net = adfeat.Backbone("w.safetensors")
student = adfeat.Student(net)
adfeat.fit(net, "screws", "padim", blur_sgima=2)
adfeat.fit(net, "screws", "padim", blur_sigma="x")
adfeat.fit(net, "screws", "padim", resume=True)
adfeat.fit(net, "screws", "pdim")
adfeat.fit(net, "screws", epochs=3)
adfeat.fit(net, "screws", "masked_rd", gate="tender")
adfeat.Fitter(net, "stfpm", unet_depth=1)
adfeat.Fitter(student, "ast", flow_hidden=4)
adfeat.Fitter(student, flow_hidden=4)
adfeat.Student(net, "ast", epochs=4)
adfeat.Student.load("x", net, "stfpm", mode="rgb")
net.extract_features("x", szie=64)
"""


class TableTest(helper.Case):
    def test_methods(self):
        methods = adfeat.methods()
        self.assertEqual(list(methods),
                         ["gaussian", "padim", "stfpm", "stfpm_unet", "ast", "masked_rd"])
        padim, ast = methods["padim"], methods["ast"]
        self.assertEqual((padim.name, padim.has_maps, padim.takes_depth, padim.merges,
                          padim.trains), ("padim", True, False, True, False))
        self.assertEqual((ast.takes_depth, ast.merges, ast.trains), (True, False, True))
        self.assertIn("arXiv:2011.08785", padim.source)
        self.assertIn("defard2020", padim.presets)
        sigma, mode = padim.options["blur_sigma"], ast.options["mode"]
        self.assertEqual((sigma.kind, sigma.default, sigma.low, sigma.high, sigma.parts),
                         ("real", "4", 0, 64, ("scoring",)))
        self.assertEqual((mode.kind, mode.words, mode.default),
                         ("choice", ("rgb", "depth", "combi"), "rgb"))
        self.assertIn("student", mode.parts)
        self.assertIn("blur_sigma: ", str(padim))
        self.assertLessEqual(max(map(len, str(ast).splitlines())), 96)

    def test_the_library_takes_what_the_table_has(self):
        """Every option at its default, and no other key."""
        net = helper.tiny_backbone()
        for name, method in adfeat.methods().items():
            if name == "masked_rd":
                continue  # of ResNets alone
            said = {key: option.default for key, option in method.options.items() if option.default}
            adfeat.Fitter(net, name, **dict(said, layers="stem")).close()
            with self.assertRaises(adfeat.InvalidArgumentError) as caught:
                adfeat.Fitter(net, name, speed=11, layers="stem")
            for key in method.options:
                self.assertIn(key, str(caught.exception))

    def test_docstrings(self):
        for method in adfeat.methods().values():
            for option in method.options.values():
                self.assertIn("    %s: " % option.key, adfeat.Fitter.__doc__)


class TypesTest(helper.Case):
    def test_files_are_those_of_the_library(self):
        for name, text in make_options.files(adfeat.methods()).items():
            with open(os.path.join(PYTHON, name), encoding="utf-8") as file:
                self.assertTrue(file.read() == text, "%s is not what the library's tables give: "
                                "run %s" % (name, make_options.COMMAND))

    def test_every_option_has_a_type(self):
        for method in adfeat.methods().values():
            kind = getattr(method_options, make_options.name_of(method) + "Options")
            wanted = set(method.options) | {"preset", "orientation", "significant_bits"}
            self.assertEqual(set(typing.get_type_hints(kind)), wanted)
            if method.trains:
                name = make_options.name_of(method) + "StudentOptions"
                hints = typing.get_type_hints(getattr(method_options, name))
                self.assertEqual(set(hints) - {"preset"},
                                 {key for key, option in method.options.items()
                                  if "student" in option.parts})
        hints = typing.get_type_hints(method_options.PadimOptions)
        self.assertEqual(hints["dimensions"], typing.Union[int, typing.Literal["all", "auto"], None])
        self.assertEqual(hints["blur_sigma"], typing.Optional[float])

    @unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy is not installed")
    def test_a_type_checker(self):
        """It takes what is right, and finds what is wrong in every line."""
        folder = helper.scratch()
        for name, text in (("right", RIGHT), ("wrong", WRONG)):
            with open(os.path.join(folder, name + ".py"), "w") as file:
                file.write(text)
        check = lambda name: subprocess.run(
            [sys.executable, "-m", "mypy", "--follow-imports=silent", name + ".py"], cwd=folder,
            env=dict(os.environ, MYPYPATH=PYTHON), stdout=subprocess.PIPE,
            universal_newlines=True).stdout
        self.assertIn("Success", check("right"))
        found = {int(line.split(":")[1]) for line in check("wrong").splitlines()
                 if ": error: " in line}
        self.assertEqual(found, set(range(5, WRONG.count("\n") + 1)))


if __name__ == "__main__":
    helper.main()
