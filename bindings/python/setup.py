"""Installs the package; writes into the wheel, and nowhere else, where the C library is, where it is told to."""
import os
import sys
import tempfile

import setuptools
from setuptools import setup
from setuptools.command.build_py import build_py


def told_folders():
    """Where the library is, when whoever installs says so. A wheel names no other path of the machine where it is built:
    pip notes where it installed from, and the package reads that."""
    said = os.environ.get
    files = [os.path.dirname(os.path.abspath(said("ADFEAT_LIBRARY")))] if said("ADFEAT_LIBRARY") else []
    builds = [os.path.abspath(os.path.join(said("ADFEAT_BUILD_DIR"), "lib"))] if said("ADFEAT_BUILD_DIR") else []
    return files + builds


class BuildWithPlaces(build_py):
    def run(self):
        super().run()
        folders = told_folders()
        if folders and not getattr(self, "editable_mode", False):  # that is imported from the checkout
            with open(os.path.join(self.build_lib, "adfeat", "_installed.py"), "w") as file:
                file.write('"""Where the C library is, as was said when this package was installed."""\n')
                file.write("FOLDERS = %r\n" % folders)


if int(setuptools.__version__.split(".")[0]) < 61:  # older ones ignore pyproject.toml and install nothing, in silence
    sys.exit("adfeat needs setuptools 61 or newer to be built, this is %s" % setuptools.__version__)

# Intermediate files go to a temporary folder: a source tree that is installed from stays as it was.
scratch = tempfile.TemporaryDirectory()
setup(cmdclass={"build_py": BuildWithPlaces},
      options={"build": {"build_base": os.path.join(scratch.name, "build")},
               "egg_info": {"egg_base": scratch.name}})
