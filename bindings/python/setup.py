"""Installs the package; writes into the wheel, and nowhere else, where the C library was when it was installed."""
import os
import subprocess
import sys
import tempfile

import setuptools
from setuptools import setup
from setuptools.command.build_py import build_py

HERE = os.path.dirname(os.path.abspath(__file__))


def pkg_config_folders():
    try:
        answer = subprocess.run([os.environ.get("PKG_CONFIG", "pkg-config"), "--variable=libdir", "adfeat"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    except OSError:
        return []
    folder = answer.stdout.strip()
    return [os.path.abspath(folder)] if answer.returncode == 0 and folder else []


def build_folders():
    """By the package's own rule. The package itself cannot be imported here: it would load the library."""
    sys.modules.setdefault("adfeat", type(sys)("adfeat")).__path__ = [os.path.join(HERE, "adfeat")]
    from adfeat._find import build_folders as folders

    return folders(os.path.dirname(os.path.dirname(HERE)))


class BuildWithPlaces(build_py):
    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return  # imported from the checkout, which knows where it is
        with open(os.path.join(self.build_lib, "adfeat", "_installed.py"), "w") as file:
            file.write('"""Where the C library was when this package was installed."""\n')
            file.write("PKG_CONFIG_FOLDERS = %r\n" % pkg_config_folders())
            file.write("BUILD_FOLDERS = %r\n" % build_folders())


if int(setuptools.__version__.split(".")[0]) < 61:  # older ones ignore pyproject.toml and install nothing, in silence
    sys.exit("adfeat needs setuptools 61 or newer to be built, this is %s" % setuptools.__version__)

# Intermediate files go to a temporary folder: a source tree that is installed from stays as it was.
scratch = tempfile.TemporaryDirectory()
setup(cmdclass={"build_py": BuildWithPlaces},
      options={"build": {"build_base": os.path.join(scratch.name, "build")},
               "egg_info": {"egg_base": scratch.name}})
