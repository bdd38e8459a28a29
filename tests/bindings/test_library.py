#!/usr/bin/env python3
"""Finding the C library: in which order, and with which sentence where it is not there or not the right one."""
import os
import re
import shutil

import helper

import adfeat
from adfeat import _c, _find

LIBRARY = os.path.realpath(os.environ["ADFEAT_LIBRARY"])
PACKAGE = os.path.dirname(os.path.abspath(adfeat.__file__))
SAY_PATH = "import adfeat; print(adfeat.library_path())"


class LibraryTest(helper.Case):
    def setUp(self):
        self.folder = helper.scratch()

    def package(self, *parts):
        """A copy of the package, alone or inside what looks like a checkout; returns the folder for PYTHONPATH."""
        path = os.path.join(self.folder, *parts)
        shutil.copytree(PACKAGE, os.path.join(path, "adfeat"), ignore=shutil.ignore_patterns("__pycache__"))
        return path

    def sentence(self, words, library, code="import adfeat", path=None):
        """`import adfeat` fails as an ImportError with one sentence, and does not crash."""
        path = path or os.path.dirname(PACKAGE)
        status, _, errors = helper.run_python(code, self.folder, ADFEAT_LIBRARY=library, PYTHONPATH=path)
        self.assertEqual(status, 1, errors)
        last = errors.strip().splitlines()[-1]
        self.assertTrue(last.startswith("adfeat.errors.LibraryError: "), errors)
        self.assertIn(words, last)
        guarded = "try:\n    import adfeat\nexcept ImportError as error:\n    print('caught')"
        self.assertEqual(helper.run_python(guarded, self.folder, ADFEAT_LIBRARY=library, PYTHONPATH=path)[:2],
                         (0, "caught\n"))
        return last

    def found(self, path, wanted, **environment):
        environment.setdefault("ADFEAT_LIBRARY", None)
        status, said, errors = helper.run_python(SAY_PATH, self.folder, PYTHONPATH=path, **environment)
        self.assertEqual((status, said.strip()), (0, wanted), errors)

    def test_another_abi_version(self):
        other = helper.compile_library(self.folder, "other.so", "unsigned ad_abi_version(void) { return 7042; }")
        last = self.sentence("7.42", other)
        self.assertIn(other, last)
        self.assertIn("%d.%d" % divmod(_c.ABI_VERSION, 1000), last)

    def test_a_function_is_missing(self):
        names = list(_c.FUNCTIONS)
        lines = ["unsigned ad_abi_version(void) { return %d; }" % _c.ABI_VERSION]
        lines += ["void %s(void) {}" % name for name in names[:20] if name != "ad_abi_version"]
        old = helper.compile_library(self.folder, "old.so", "\n".join(lines))
        self.sentence("'%s' has no %s()" % (old, names[20]), old)

    def test_no_libadfeat(self):
        self.sentence("is not libadfeat", helper.compile_library(self.folder, "any.so", "int any;"))
        text = os.path.join(self.folder, "text.so")
        with open(text, "w") as file:
            file.write("this is no library\n")
        self.sentence("cannot load '%s'" % text, text)
        with open(LIBRARY, "rb") as whole, open(text, "wb") as file:
            file.write(whole.read(3000))
        self.sentence("cannot load '%s'" % text, text)
        self.sentence("cannot load", self.folder)
        self.sentence("absent.so", os.path.join(self.folder, "absent.so"))

    def test_nowhere(self):
        """A version that cannot be installed: the sentence lists every place."""
        path = self.package("alone")
        with open(os.path.join(path, "adfeat", "_version.py"), "w") as file:
            file.write('VERSION = "99.5.0"\n')
        last = self.sentence("libadfeat.so.99.5 was not found", None, path=path)
        self.assertIn("the system's loader (libadfeat.so.99.5)", last)
        self.assertIn(os.path.join("lib", "libadfeat.so.99.5"), last)
        self.assertIn("ADFEAT_LIBRARY", last)

    def place(self, *parts):
        folder = os.path.join(self.folder, *parts)
        os.makedirs(folder)
        os.symlink(LIBRARY, os.path.join(folder, _find.SONAME))
        return os.path.join(folder, _find.SONAME)

    def test_order(self):
        """From the last place to the first, each found before those already there."""
        path = self.package("checkout", "bindings", "python")
        plain = helper.run_python(SAY_PATH, self.folder, PYTHONPATH=path, ADFEAT_LIBRARY=None)
        if plain[0] == 0:
            self.skipTest("a libadfeat is installed on this machine: %s" % plain[1].strip())
        os.makedirs(os.path.join(self.folder, "checkout", "include"))
        shutil.copy(os.path.join(helper.ROOT, "include", "adfeat.h"), os.path.join(self.folder, "checkout", "include"))
        dev = self.place("checkout", "build", "dev", "lib")
        self.found(path, dev)
        release = self.place("checkout", "build", "release", "lib")
        self.found(path, release)
        mine = self.place("mine", "lib")
        self.found(path, mine, ADFEAT_BUILD_DIR=os.path.join(self.folder, "mine"))
        self.found(path, mine, ADFEAT_BUILD_DIR="mine")
        recorded, configured = self.place("recorded"), self.place("configured")
        with open(os.path.join(path, "adfeat", "_installed.py"), "w") as file:
            file.write("FOLDERS = [%r]\n" % os.path.dirname(recorded))
        self.found(path, recorded)
        pc = os.path.join(os.path.dirname(configured), "pkgconfig")
        os.mkdir(pc)
        self.found(path, recorded, PKG_CONFIG_PATH=pc)
        with open(os.path.join(pc, "adfeat.pc"), "w") as file:
            file.write("no matter what\n")
        self.found(path, configured, PKG_CONFIG_PATH=os.pathsep.join(("", self.folder, pc)))
        system = self.place("system")
        self.found(path, _find.SONAME, LD_LIBRARY_PATH=os.path.dirname(system))
        self.found(path, LIBRARY, LD_LIBRARY_PATH=os.path.dirname(system), ADFEAT_LIBRARY=LIBRARY)
        # What is found and does not fit is not passed over.
        os.remove(release)
        os.remove(os.path.join(path, "adfeat", "_installed.py"))
        other = helper.compile_library(self.folder, "other.so", "unsigned ad_abi_version(void) { return 7042; }")
        os.symlink(other, release)
        self.sentence("7.42", None, path=path)

    def test_where_pip_installed_from(self):
        """pip notes it beside the package: a copy without any other hint finds the checkout's build."""
        path = self.package("site packages")
        if helper.run_python(SAY_PATH, self.folder, PYTHONPATH=path, ADFEAT_LIBRARY=None)[0] == 0:
            self.skipTest("a libadfeat is installed on this machine")
        os.makedirs(os.path.join(self.folder, "a b \u00fc", "include"))
        shutil.copy(os.path.join(helper.ROOT, "include", "adfeat.h"), os.path.join(self.folder, "a b \u00fc", "include"))
        release = self.place("a b \u00fc", "build", "release", "lib")
        note = os.path.join(path, "adfeat-%s.dist-info" % adfeat.__version__)
        os.mkdir(note)
        with open(os.path.join(note, "METADATA"), "w") as file:
            file.write("Metadata-Version: 2.1\nName: adfeat\nVersion: %s\n" % adfeat.__version__)

        def noted(text):
            with open(os.path.join(note, "direct_url.json"), "w") as file:
                file.write(text)
            return path

        url = "file://%s/a%%20b%%20%%C3%%BC/bindings/python" % self.folder
        self.found(noted('{"dir_info": {}, "url": "%s"}' % url), release)
        self.found(noted('{"dir_info": {}, "url": "%s/"}' % url), release)
        for text in ('{"archive_info": {}, "url": "%s"}' % url, "", "no JSON", "[]", '{"dir_info": {}}', '{"dir_info": {}, '
                     '"url": "https://a.b/c/d"}', '{"dir_info": {}, "url": 3}', '{"dir_info": {}, "url": "file:"}'):
            self.sentence("was not found", None, path=noted(text))

    def test_face(self):
        self.assertEqual(os.path.realpath(adfeat.library_path()), LIBRARY)
        self.assertRegex(adfeat.library_version(), r"^\d+\.\d+\.\d+$")
        self.assertIn("compiler", adfeat.build_info())
        self.assertTrue(issubclass(adfeat.LibraryError, (adfeat.Error, ImportError)))
        for name in adfeat.__all__:
            self.assertTrue(getattr(adfeat, name).__doc__, name)
        self.assertEqual(adfeat.__all__, sorted(adfeat.__all__))
        self.assertTrue(os.path.exists(os.path.join(PACKAGE, "py.typed")))
        self.assertTrue(re.match(r"\d", adfeat.__version__))

    def test_public_names_have_docstrings(self):
        for name in adfeat.__all__:
            kind = getattr(adfeat, name)
            if isinstance(kind, type):
                for member, value in vars(kind).items():
                    if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                        with self.subTest("%s.%s" % (name, member)):
                            self.assertTrue(value.__doc__)


class DevicesTest(helper.Case):
    """A machine with a GPU has a list, any other one says why not."""

    def test_devices(self):
        try:
            found = adfeat.devices()
        except adfeat.BackendError as error:
            self.assertTrue(str(error).startswith("cuda: "))
        else:
            self.assertTrue(all(name == "cuda:%d" % i for i, (name, _, _) in enumerate(found)))
        with self.assertRaisesRegex(ValueError, "'exact' and 'fast'"):
            adfeat.Context(precision="half")
        adfeat.Context(precision="fast").close()


if __name__ == "__main__":
    helper.main()
