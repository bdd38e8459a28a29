"""What the tests of the Python bindings share: seeded networks, images, subprocesses. Exit code 77 means that NumPy is
not there for this Python."""
import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is not installed for %s" % sys.executable)
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CC = os.environ.get("ADFEAT_CC", "cc")
PROGRAM = os.environ.get("ADFEAT_PROGRAM")

TINY_GRAPH = """network tiny
input_size 8
mean 0.5 0.5 0.5
std 0.25 0.25 0.25
input image : channels=3
conv2d stem <- image : out=4 kernel=1
tap stem <- stem
"""


def scratch():
    """A folder that is gone when the test program ends."""
    folder = tempfile.mkdtemp(prefix="adfeat-python-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_data(folder):
    """w.safetensors (ResNet-18 to layer2, seeded noise), set (a category in MVTec layout), odd, flat."""
    cli = os.path.join(ROOT, "tests", "cli")
    subprocess.run([sys.executable, os.path.join(cli, "make_weights.py"), os.path.join(folder, "w.safetensors"), "1"],
                   check=True)
    subprocess.run([sys.executable, os.path.join(cli, "make_images.py"), folder], check=True)


def tiny_weights(seed=1):
    """The bytes of a weights file for TINY_GRAPH."""
    header = b'{"stem.weight":{"dtype":"F32","shape":[4,3,1,1],"data_offsets":[0,48]}}'
    header += b" " * (-len(header) % 8)
    values = np.random.default_rng(seed).standard_normal(12).astype("<f4")
    return len(header).to_bytes(8, "little") + header + values.tobytes()


def tiny_backbone(**options):
    import adfeat

    return adfeat.Backbone.from_bytes(tiny_weights(), "tiny", graph=TINY_GRAPH, **options)


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def compile_library(folder, name, source):
    """A shared library of a few lines of C."""
    path = os.path.join(folder, name)
    subprocess.run([CC, "-shared", "-fPIC", "-x", "c", "-", "-o", path], input=source.encode(), check=True)
    return path


def run_python(code, cwd, **environment):
    """A fresh Python: (exit code, output, errors)."""
    env = dict(os.environ, **{key: value for key, value in environment.items() if value is not None})
    for key, value in environment.items():
        if value is None:
            env.pop(key, None)
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


class Case(unittest.TestCase):
    def refused(self, kind, words, function, *arguments, **options):
        """Raises exactly that class, with one sentence that has the words in it."""
        with self.assertRaises(kind) as caught:
            function(*arguments, **options)
        self.assertIs(type(caught.exception), kind)
        sentence = str(caught.exception)
        self.assertIn(words, sentence)
        self.assertNotIn("\n", sentence)
        return caught.exception


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may have it ignored
    unittest.main()
