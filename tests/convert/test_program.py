#!/usr/bin/env python3
"""The converter from outside: ways to start it, its output file, exit codes, one sentence for every failure.

usage: test_program.py [-v]   (the adfeat program is the one that ADFEAT_PROGRAM names; without, its part is skipped)
"""
import hashlib
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import unittest

from files import (CONVERT, SAMPLE, ConvertTest, legacy_bytes, networks, read_safetensors, safetensors_bytes,
                   sample_state, shapes_of, weights_of, zip_bytes)

ADFEAT = os.environ.get("ADFEAT_PROGRAM")
PARTS = os.path.join(os.path.dirname(CONVERT), "_convert")


class StartTest(ConvertTest):
    def starts(self, *command, **options):
        self.store(zip_bytes(sample_state()))
        result = self.run_program(self.input, "-o", self.output, "--raw", command=command, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(read_safetensors(self.output)[1], SAMPLE)
        os.unlink(self.output)
        return result

    def test_by_path(self):
        self.starts(sys.executable, "-B", CONVERT)
        self.starts(sys.executable, "-B", os.path.relpath(CONVERT, self.folder.name))
        self.starts(sys.executable, "-B", CONVERT, env=dict(os.environ, PYTHONSAFEPATH="1"))
        self.starts(sys.executable, "-B", "-I", CONVERT)

    def test_through_a_link(self):
        link = os.path.join(self.folder.name, "share")
        os.symlink(os.path.dirname(CONVERT), link)
        self.starts(sys.executable, "-B", os.path.join(link, "convert.py"))

    def test_as_part_of_a_package(self):
        package = os.path.join(self.folder.name, "lib", "adfeat")
        shutil.copytree(PARTS, os.path.join(package, "_convert"))
        shutil.copy(CONVERT, package)
        with open(os.path.join(package, "__init__.py"), "w"):
            pass
        env = dict(os.environ, PYTHONPATH=os.path.dirname(package))
        self.starts(sys.executable, "-B", "-m", "adfeat.convert", env=env)
        os.mkdir(os.path.join(self.folder.name, "_convert"))  # nothing of the caller's folder is taken
        self.starts(sys.executable, "-B", CONVERT)

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_adfeat(self):
        """And what it says is said in its name."""
        result = self.starts(ADFEAT, "convert")
        self.assertIn("PyTorch, zip format", result.stdout)
        result = self.run_program("convert", "--help", command=[ADFEAT])
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.startswith("usage: adfeat convert"))
        self.assertIn("\n  adfeat convert ", result.stdout)
        missing = "adfeat: the following arguments are required: IN, -o/--output; see 'adfeat convert --help'"
        for arguments, code, part in ((("convert",), 2, missing),
                                      (("convert", "absent", "-o", "x"), 1, "adfeat: 'absent': No such file")):
            result = self.run_program(*arguments, command=[ADFEAT])
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (code, "", 1))
            self.assertIn(part, result.stderr)

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_adfeat_without_its_parts(self):
        result = self.run_program("convert", command=[ADFEAT], env={"PATH": self.folder.name})
        self.assertEqual(result.returncode, 1)
        self.assertIn("adfeat: convert needs Python 3.9 or newer, and python3 cannot be run: No such file",
                      result.stderr)
        copy = os.path.join(self.folder.name, "adfeat")
        shutil.copy(ADFEAT, copy)
        result = self.run_program("convert", command=[copy])
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        self.assertIn("adfeat: the converter is not installed: no '%s/" % os.path.realpath(self.folder.name),
                      result.stderr)


class OutputTest(ConvertTest):
    def test_replaced_or_left(self):
        with open(self.output, "w") as f:
            f.write("old")
        self.assertEqual(self.run_convert(b"rubbish", "--raw").returncode, 1)
        with open(self.output) as f:
            self.assertEqual(f.read(), "old")
        before = os.umask(0o027)
        self.addCleanup(os.umask, before)
        self.assertEqual(self.converted(zip_bytes(sample_state()), "--raw")[1], SAMPLE)
        self.assertEqual(stat.S_IMODE(os.stat(self.output).st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["net.pth", "net.safetensors"])

    def test_not_over_its_input(self):
        content = zip_bytes(sample_state())
        self.store(content)
        link = os.path.join(self.folder.name, "link")
        os.symlink(self.input, link)
        for output in (self.input, link):
            result = self.run_program(self.input, "-o", output, "--raw")
            self.assertEqual(result.returncode, 1)
            self.assertIn("is also the file to write", result.stderr)
            with open(self.input, "rb") as f:
                self.assertEqual(f.read(), content)

    def test_same_content_same_bytes(self):
        content = zip_bytes(sample_state())
        metadata, _ = self.converted(content, "--raw")
        self.assertEqual(metadata, {"origin": "net.pth", "origin_sha256": hashlib.sha256(content).hexdigest()})
        with open(self.output, "rb") as f:
            first = f.read()
        self.converted(content, "--raw")
        with open(self.output, "rb") as f:
            self.assertEqual(f.read(), first)
        self.converted(legacy_bytes(sample_state()), "--raw")
        with open(self.output, "rb") as f:
            self.assertEqual(f.read()[-200:], first[-200:])  # the tensors

    def test_where_nothing_can_be_written(self):
        self.store(zip_bytes(sample_state()))
        for self.output in (os.path.join(self.folder.name, "absent", "x"), self.folder.name):
            result = self.run_convert(None, "--raw")
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
            self.assertIn("'%s': " % self.output, result.stderr)
        self.assertEqual(os.listdir(self.folder.name), ["net.pth"])
        os.unlink(self.input)
        self.refused(None, "'%s': No such file or directory" % self.input)

    def test_full_disk(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        self.store(zip_bytes(sample_state()))
        result = self.run_program(self.input, "-o", self.output, "--raw", preexec_fn=limit)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        self.assertIn("File too large", result.stderr)
        self.assertEqual(os.listdir(self.folder.name), ["net.pth"])
        for arguments in ((self.input, "-o", self.output, "--raw"), ("--help",)):
            with open("/dev/full", "w") as full:
                result = subprocess.run([sys.executable, "-B", CONVERT, *arguments], stdout=full,
                                        stderr=subprocess.PIPE, universal_newlines=True)
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), result.stderr)
            self.assertIn("cannot write to the standard output", result.stderr)

    def test_strange_names(self):
        """Paths are bytes, and locales may know few of them."""
        content = safetensors_bytes(weights_of(shapes_of(networks()["resnet18"], "torchvision", "\u00e9.", stages=2)))
        self.input = os.fsdecode(os.fsencode(self.folder.name) + b"/\xffnet\n.bin")
        self.store(content)
        result = self.run_program(self.input, "-o", self.output, "--prefix", "\u00e9.",
                                  env=dict(os.environ, PYTHONIOENCODING="ascii", PYTHONUTF8="1"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("prefix '\\xe9.' removed", result.stdout)
        self.assertEqual(read_safetensors(self.output)[0]["origin"], "\ufffdnet\n.bin")
        self.store(safetensors_bytes(weights_of({"\u00e9": (1,)})))
        result = self.run_program(self.input, "-o", self.output)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        self.assertIn("?net?.bin' holds no known network", result.stderr)

    def test_quiet(self):
        result = self.run_convert(zip_bytes(sample_state()), "--raw", "--quiet")
        self.assertEqual(result[:2], (0, ""))
        self.assertEqual(result.stderr, "")


class UsageTest(ConvertTest):
    def test_usage(self):
        for arguments, part in (((), "required: IN, -o/--output"), (("x",), "required: -o/--output"),
                                (("x", "-o", "y", "--colour"), "--colour"), (("x", "-o", "y", "--arch", "a"), "--arch"),
                                (("x", "-o", "y", "--raw", "--padding", "symmetric"), "--raw copies"),
                                (("x", "-o", "y", "--raw", "--architecture", "resnet18"), "--raw copies")):
            result = self.run_program(*arguments)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), result.stderr)
            self.assertIn(part, result.stderr)
            self.assertTrue(result.stderr.startswith("convert.py: "))
            self.assertIn("see 'convert.py --help'", result.stderr)
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_help(self):
        result = self.run_program("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for word in ("usage: convert.py", "--architecture", "wide_resnet50_2", "same_static_v063", "examples:"):
            self.assertIn(word, result.stdout)


if __name__ == "__main__":
    unittest.main()
