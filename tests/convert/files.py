"""Files to convert, made by hand: what torch.save(), numpy.savez() and safetensors write, without any of
them; and a test case that runs the converter on them, as a program or in this process."""
import array
import collections
import contextlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
CONVERT = os.path.join(ROOT, "bindings", "python", "adfeat", "convert.py")

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(CONVERT))

from _convert import program  # noqa: E402
from _convert.networks import NORM_PARTS, networks  # noqa: E402
from _convert.tensors import ITEM, Refused  # noqa: E402,F401


# ---- What torch would pickle -----------------------------------------------------------------------

def fake(module, name, value):
    """Make `value` picklable as module.name."""
    parts = module.split(".")
    for n in range(1, len(parts) + 1):
        parent = sys.modules.setdefault(".".join(parts[:n]), types.ModuleType(module))
    value.__module__, value.__name__, value.__qualname__ = module, name, name
    setattr(parent, name, value)
    return value


def fake_function(module, name):
    return fake(module, name, lambda *a: None)


FORMATS = {"FloatStorage": "f", "DoubleStorage": "d", "HalfStorage": "H", "BFloat16Storage": "H",
           "LongStorage": "q", "IntStorage": "i", "ByteStorage": "B", "BoolStorage": "B",
           "ComplexFloatStorage": "d"}
TYPES = {name: fake("torch", name, type(name, (), {})) for name in FORMATS}
REBUILD = fake_function("torch._utils", "_rebuild_tensor_v2")
REBUILD_1 = fake_function("torch._utils", "_rebuild_tensor")
PARAMETER = fake_function("torch._utils", "_rebuild_parameter")


class Storage:
    def __init__(self, key, kind, values, view=None):
        self.key, self.kind, self.values, self.view = key, kind, array.array(FORMATS[kind], values), view


class Tensor:
    def __init__(self, storage, offset, size, stride, rebuild=REBUILD):
        self.arguments, self.rebuild = (storage, offset, size, stride), rebuild

    def __reduce__(self):
        if self.rebuild is REBUILD_1:
            return self.rebuild, self.arguments
        return self.rebuild, self.arguments + (False, collections.OrderedDict())


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return PARAMETER, (self.tensor, True, collections.OrderedDict())


class OldParameter:
    """As before PyTorch 0.4: the class, then a state."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return OLD_PARAMETER, (self.tensor,), (True, False, collections.OrderedDict())


OLD_PARAMETER = fake_function("torch.nn.parameter", "Parameter")


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Pickler(pickle.Pickler):
    """As torch.save() has it, of either format."""

    def __init__(self, file, legacy, found, protocol=2):
        super().__init__(file, protocol=protocol)
        self.legacy, self.found = legacy, found

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        self.found[obj.key] = obj
        pid = ("storage", TYPES[obj.kind], obj.key, "cpu", len(obj.values))
        return pid + (obj.view,) if self.legacy else pid


def legacy_bytes(state, magic=0x1950A86A20F9469CFC6C, protocol=1001, little=True):
    out, found = io.BytesIO(), {}
    for item in (magic, protocol, {"protocol_version": 1001, "little_endian": little, "type_sizes": {}}):
        pickle.dump(item, out, protocol=2)
    Pickler(out, True, found).dump(state)
    pickle.dump(sorted(found), out, protocol=2)
    for key in sorted(found):
        out.write(len(found[key].values).to_bytes(8, "little"))
        out.write(found[key].values.tobytes())
    return out.getvalue()


def zip_bytes(state, root="archive/", extra=(), compression=zipfile.ZIP_STORED, protocol=2):
    pickled, found, out = io.BytesIO(), {}, io.BytesIO()
    Pickler(pickled, False, found, protocol).dump(state)
    with zipfile.ZipFile(out, "w", compression) as z:
        z.writestr(root + "data.pkl", pickled.getvalue())
        for key, storage in found.items():
            z.writestr(root + "data/" + key, storage.values.tobytes())
        for name, content in extra:
            z.writestr(root + name, content)
    return out.getvalue()


def floats(*values):
    return array.array("f", values).tobytes()


def sample_state():
    one = Storage("0", "FloatStorage", range(24))
    return collections.OrderedDict([
        ("plain", Tensor(one, 0, (2, 3), (3, 1))),
        ("shared", Tensor(one, 20, (4,), (1,))),
        ("transposed", Tensor(one, 0, (3, 2), (1, 3))),
        ("every.other", Tensor(one, 1, (2, 2), (10, 2))),
        ("expanded", Tensor(one, 5, (2, 2), (0, 0))),
        ("scalar", Tensor(Storage("1", "LongStorage", [7]), 0, (), ())),
        ("empty", Tensor(Storage("2", "FloatStorage", []), 0, (0, 4), (4, 1))),
        ("half", Tensor(Storage("3", "HalfStorage", [0x3C00, 0xC000]), 0, (2,), (1,))),
        ("brain", Tensor(Storage("4", "BFloat16Storage", [0x3F80]), 0, (1,), (1,))),
        ("double", Tensor(Storage("5", "DoubleStorage", [1.5]), 0, (1,), (1,))),
        ("int", Tensor(Storage("6", "IntStorage", [-2]), 0, (1,), (1,))),
        ("byte", Tensor(Storage("7", "ByteStorage", [1, 2, 3, 4]), 0, (2,), (2,))),
        ("bool", Tensor(Storage("8", "BoolStorage", [1, 0]), 0, (2,), (1,))),
        ("parameter", Parameter(Tensor(one, 2, (1,), (1,)))),
        ("old", OldParameter(Tensor(one, 3, (1,), (1,), REBUILD_1))),
    ])


SAMPLE = {
    "plain": ("F32", [2, 3], floats(0, 1, 2, 3, 4, 5)),
    "shared": ("F32", [4], floats(20, 21, 22, 23)),
    "transposed": ("F32", [3, 2], floats(0, 3, 1, 4, 2, 5)),
    "every.other": ("F32", [2, 2], floats(1, 3, 11, 13)),
    "expanded": ("F32", [2, 2], floats(5, 5, 5, 5)),
    "scalar": ("I64", [], b"\7" + b"\0" * 7),
    "empty": ("F32", [0, 4], b""),
    "half": ("F16", [2], b"\x00\x3c\x00\xc0"),
    "brain": ("BF16", [1], b"\x80\x3f"),
    "double": ("F64", [1], array.array("d", [1.5]).tobytes()),
    "int": ("I32", [1], b"\xfe\xff\xff\xff"),
    "byte": ("U8", [2], b"\1\3"),
    "bool": ("BOOL", [2], b"\1\0"),
    "parameter": ("F32", [1], floats(2)),
    "old": ("F32", [1], floats(3)),
}


# ---- Other kinds of file -----------------------------------------------------------------------------

def safetensors_bytes(tensors, metadata=None, header=None, body=None):
    """tensors: name -> (dtype, shape, bytes). `header` (text) and `body` replace what would be written."""
    entries, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (dtype, shape, content) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = (json.dumps(entries) if header is None else header).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + (data if body is None else body)


def npy_bytes(descr, shape, content, fortran=False, version=1, shape_text=None):
    header = "{'descr': %r, 'fortran_order': %r, 'shape': %s, }" % (descr, fortran, shape_text or repr(tuple(shape)))
    width = 2 if version == 1 else 4
    header += " " * (-(8 + width + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(width, "little") + header.encode() + content


def npz_bytes(members, compression=zipfile.ZIP_STORED):
    """members: list of (name with .npy, bytes)"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as z:
        for name, content in members:
            z.writestr(name, content)
    return out.getvalue()


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    metadata = header.pop("__metadata__")
    said = metadata.pop("adfeat.crc32")
    assert data[8:8 + length].count(b'"adfeat.crc32":"%s"' % said.encode()) == 1
    open_header = data[8:8 + length].replace(b'"adfeat.crc32":"%s"' % said.encode(), b'"adfeat.crc32":"00000000"')
    assert said == "%08x" % zlib.crc32(open_header)
    for name, entry in header.items():
        assert metadata.pop("adfeat.crc32." + name) == "%08x" % zlib.crc32(body[slice(*entry["data_offsets"])])
    place = 0
    for entry in header.values():  # in the order of their data, without gaps, aligned
        assert entry["data_offsets"][0] == place
        place = entry["data_offsets"][1]
    assert place == len(body) and length % 8 == 0
    return metadata, {n: (e["dtype"], e["shape"], body[slice(*e["data_offsets"])])
                      for n, e in header.items()}


# ---- Networks ----------------------------------------------------------------------------------------

def shapes_of(network, dialect, prefix="", stages=None, folded=False):
    """name -> shape of all that a network uses, from the first `stages` stages, in the file's order."""
    shapes = {}
    for layer in network.layers[dialect]:
        if stages is not None and layer.stage >= stages:
            continue
        shapes[prefix + layer.conv + ".weight"] = layer.shape
        if folded or not layer.norm:
            shapes[prefix + layer.conv + ".bias"] = layer.shape[:1]
        if not folded and layer.norm:
            for part in NORM_PARTS:
                shapes["%s%s.%s" % (prefix, layer.norm, part)] = layer.shape[:1]
            shapes["%s%s.num_batches_tracked" % (prefix, layer.norm)] = ()
    return shapes


def count_of(shape):
    count = 1
    for n in shape:
        count *= n
    return count


def weights_of(shapes):
    """A safetensors input's tensors: zeros, but the first element of each is different."""
    tensors = {}
    for i, (name, shape) in enumerate(shapes.items()):
        dtype = "I64" if not shape else "F16"
        content = bytearray(ITEM[dtype] * count_of(shape))
        content[:2] = struct.pack("<H", i)
        tensors[name] = (dtype, shape, bytes(content))
    return tensors


# ---- Running -----------------------------------------------------------------------------------------

class Result(collections.namedtuple("Result", "returncode stdout stderr")):
    pass


class ConvertTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.input = os.path.join(self.folder.name, "net.pth")
        self.output = os.path.join(self.folder.name, "net.safetensors")

    def store(self, content, name=None):
        if name:
            self.input = os.path.join(self.folder.name, name)
        with open(self.input, "wb") as f:
            f.write(content)

    def run_convert(self, content, *arguments):
        """In this process."""
        if content is not None:
            self.store(content)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = program.main([self.input, "-o", self.output, *arguments])
        return Result(code, out.getvalue(), err.getvalue())

    def run_program(self, *arguments, command=(sys.executable, "-B", CONVERT), **options):
        return subprocess.run([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, cwd=self.folder.name, **options)

    def converted(self, content, *arguments):
        result = self.run_convert(content, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return read_safetensors(self.output)

    def refused(self, content, part, *arguments, code=1):
        """One sentence, that exit code, and no file: not even a temporary one."""
        before = set(os.listdir(self.folder.name))
        result = self.run_convert(content, *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertIn(part, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertLessEqual(set(os.listdir(self.folder.name)) - before, {os.path.basename(self.input)})
