#!/usr/bin/env python3
"""examples/adfeat/convert.py: checkpoints made by hand, without PyTorch, good and bad.

usage: test_convert.py [-v]   (the script is found beside the source tree, or named by ADFEAT_CONVERT)
"""
import array
import collections
import io
import json
import os
import pickle
import stat
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
CONVERT = os.environ.get("ADFEAT_CONVERT",
                         os.path.join(HERE, "..", "..", "examples", "adfeat", "convert.py"))


# ---- What torch would pickle -----------------------------------------------------------------------

def fake(module, name, value):
    """Make `value` picklable as module.name."""
    parent = sys.modules.setdefault(module, types.ModuleType(module))
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
    def __init__(self, file, legacy, found):
        super().__init__(file, protocol=2)
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


def zip_bytes(state, root="archive/", extra=(), compression=zipfile.ZIP_STORED):
    pickled, found, out = io.BytesIO(), {}, io.BytesIO()
    Pickler(pickled, False, found).dump(state)
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


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    metadata = header.pop("__metadata__")
    place = 0
    for entry in header.values():  # in the order of their data, without gaps, aligned
        assert entry["data_offsets"][0] == place
        place = entry["data_offsets"][1]
    assert place == len(body) and length % 8 == 0
    return metadata, {n: (e["dtype"], e["shape"], body[slice(*e["data_offsets"])])
                      for n, e in header.items()}


class ConvertTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.input = os.path.join(self.folder.name, "net.pth")
        self.output = os.path.join(self.folder.name, "net.safetensors")

    def run_convert(self, content, *arguments):
        if content is not None:
            with open(self.input, "wb") as f:
                f.write(content)
        return subprocess.run([sys.executable, CONVERT, self.input, "-o", self.output, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                              cwd=self.folder.name)

    def converted(self, content, *arguments):
        result = self.run_convert(content, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return read_safetensors(self.output)

    def refused(self, content, part):
        """One sentence, exit code 1, and no file: not even a temporary one."""
        result = self.run_convert(content)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(part, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(os.listdir(self.folder.name), ["net.pth"] if content is not None else [])

    def test_zip(self):
        metadata, tensors = self.converted(zip_bytes(sample_state()), "--architecture", "resnet18")
        self.assertEqual(tensors, SAMPLE)
        self.assertEqual(metadata, {"architecture": "resnet18", "origin": "net.pth"})

    def test_legacy(self):
        metadata, tensors = self.converted(legacy_bytes(sample_state()))
        self.assertEqual(tensors, SAMPLE)
        self.assertEqual(metadata, {"origin": "net.pth"})

    def test_legacy_storage_view(self):
        storage = Storage("0", "FloatStorage", range(6), view=("v", 2, 4))
        _, tensors = self.converted(legacy_bytes({"a": Tensor(storage, 1, (2,), (1,))}))
        self.assertEqual(tensors["a"][2], floats(3, 4))

    def test_nested(self):
        state = {"epoch": 3, "state_dict": sample_state(), "optimizer": [1, 2.5, None]}
        self.assertEqual(self.converted(zip_bytes(state))[1], SAMPLE)
        self.assertEqual(self.converted(legacy_bytes({"model": dict(sample_state())}))[1], SAMPLE)
        state = dict(sample_state(), epoch=3)  # among the tensors
        self.assertEqual(self.converted(zip_bytes(state))[1], SAMPLE)

    def test_attributes_of_the_dict(self):
        """state_dict() leaves a _metadata attribute on its OrderedDict."""
        state = sample_state()
        state._metadata = collections.OrderedDict([("", {"version": 1})])
        self.assertEqual(self.converted(zip_bytes(state))[1], SAMPLE)

    def test_code_is_refused_and_not_run(self):
        mark = os.path.join(self.folder.name, "mark")
        attacks = [Call(os.system, "touch '%s'" % mark), Call(eval, "open(%r, 'w')" % mark),
                   Call(exec, "open(%r, 'w')" % mark), Call(open, mark, "w"),
                   Call(getattr, 1, "real"), Call(__import__, "os"), Call(bytearray, 10)]
        for attack in attacks:
            for make in (zip_bytes, legacy_bytes):
                for state in (attack, dict(sample_state(), x=attack), {"state_dict": {"a": attack}}):
                    self.refused(make(state), "which is no part of a state dict")
        self.assertFalse(os.path.exists(mark))
        # before the first check: the magic number itself
        self.refused(pickle.dumps(Call(os.system, "touch '%s'" % mark), protocol=2), "no part")
        self.assertFalse(os.path.exists(mark))

    def test_dotted_names_lead_nowhere(self):
        """Protocol 4 may ask for a path through attributes."""
        for module, name in ((b"collections", b"OrderedDict.__init__"), (b"torch", b"FloatStorage.x"),
                             (b"builtins", b"dict.fromkeys"), (b"torch._utils", b"sys.modules")):
            content = b"\x80\x04\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(name)]) + name
            self.refused(content + b"\x93.", "no part of a state dict")

    def test_stand_ins_cannot_be_changed(self):
        """BUILD sets attributes: of a storage type, of a rebuild function, of a tensor."""
        for target in (b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
                       b"ctorch._utils\n_rebuild_tensor_v2\n(I1\nI0\n))tR"):
            self.refused(b"\x80\x02" + target + b"N}X\x04\x00\x00\x00itemI9\ns\x86b.", "damaged")

    def test_malformed_tensors(self):
        one = Storage("0", "FloatStorage", range(4))
        for tensor, part in (
                (Tensor(one, 1, (4,), (1,)), "beyond its storage"),
                (Tensor(one, 0, (2, 2), (3, 1)), "beyond its storage"),
                (Tensor(one, -1, (1,), (1,)), "malformed"),
                (Tensor(one, 0, (-1,), (1,)), "malformed"),
                (Tensor(one, 0, (2,), (-1,)), "malformed"),
                (Tensor(one, 0, (2,), (1, 1)), "malformed"),
                (Tensor(one, 0, (2.0,), (1,)), "malformed"),
                (Tensor(one, 0, [2], [1]), "malformed"),
                (Tensor("0", 0, (2,), (1,)), "malformed"),
                (Tensor(one, 0, (1,) * 9, (1,) * 9), "cannot hold"),
                (Tensor(one, 0, (1 << 40,), (0,)), "more than"),
                (Tensor(one, 0, (1 << 40, 1 << 40), (0, 0)), "more than")):
            for make in (zip_bytes, legacy_bytes):
                self.refused(make({"a": tensor}), part)
        good = Tensor(one, 0, (1,), (1,))
        self.refused(zip_bytes({"": good}), "cannot hold")
        self.refused(zip_bytes({"n" * 513: good}), "cannot hold")
        self.refused(zip_bytes({"__metadata__": good}), "cannot hold")

    def test_other_files(self):
        one = Storage("0", "FloatStorage", range(4))
        good = {"a": Tensor(one, 0, (4,), (1,))}
        self.refused(b"", "is not a PyTorch checkpoint")
        self.refused(b"\x89PNG\r\n\x1a\n", "is not a PyTorch checkpoint")
        self.refused(b"\x80\x02rubbish", "damaged or not a PyTorch checkpoint")
        self.refused(zip_bytes({"epoch": 3}), "no tensors")
        self.refused(zip_bytes([1, 2]), "holds a list")
        self.refused(zip_bytes(good, extra=[("constants.pkl", b"")]), "TorchScript")
        self.refused(zip_bytes(good, extra=[("byteorder", b"big")]), "big-endian")
        self.refused(zip_bytes(good, compression=zipfile.ZIP_DEFLATED), "compressed")
        self.refused(zip_bytes(good, root="x/").replace(b"x/data.pkl", b"x/data.pkm"), "not one that torch")
        self.refused(zip_bytes(good).replace(b"data/0", b"data/1"), "no member")
        self.refused(zip_bytes({"a": Tensor(Storage("0", "ComplexFloatStorage", [1]), 0, (1,), (1,))}),
                     "ComplexFloatStorage")
        self.refused(legacy_bytes(good, magic=1), "not a PyTorch checkpoint")
        self.refused(legacy_bytes(good, protocol=1002), "unknown legacy protocol")
        self.refused(legacy_bytes(good, little=False), "big-endian")
        os.unlink(self.input)
        self.refused(None, "No such file")

    def load_module(self):
        """The script as a module, for what the program is too slow or too large for."""
        module = types.ModuleType("convert")
        sys.modules["convert"] = module
        with open(CONVERT) as f:
            exec(compile(f.read(), CONVERT, "exec"), module.__dict__)
        return module

    def test_sum_of_sizes(self):
        convert = self.load_module()
        convert.MAX_BYTES = 100
        one = Storage("0", "FloatStorage", range(4))
        for count, fits in ((25, True), (26, False)):
            state = {"a": Tensor(one, 0, (10,), (0,)), "b": Tensor(one, 0, (count - 10,), (0,))}
            with open(self.input, "wb") as f:
                f.write(zip_bytes(state))
            if fits:
                self.assertEqual(len(convert.read_checkpoint(self.input)), 2)
            else:
                self.assertRaises(convert.Refused, convert.read_checkpoint, self.input)

    def test_every_truncation(self):
        convert = self.load_module()
        one = Storage("0", "FloatStorage", range(4))
        for content in (zip_bytes({"a": Tensor(one, 0, (4,), (1,))}),
                        legacy_bytes({"a": Tensor(one, 0, (4,), (1,))})):
            for n in range(len(content)):
                with open(self.input, "wb") as f:
                    f.write(content[:n])
                with self.assertRaises(convert.Refused):
                    convert.read_checkpoint(self.input)

    def test_output(self):
        with open(self.output, "w") as f:
            f.write("old")
        self.assertEqual(self.run_convert(b"rubbish").returncode, 1)
        with open(self.output) as f:
            self.assertEqual(f.read(), "old")
        before = os.umask(0o027)
        self.addCleanup(os.umask, before)
        self.assertEqual(self.converted(zip_bytes(sample_state()))[1], SAMPLE)
        self.assertEqual(stat.S_IMODE(os.stat(self.output).st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["net.pth", "net.safetensors"])
        with open(self.output, "rb") as f:
            first = f.read()
        self.converted(legacy_bytes(sample_state()))
        with open(self.output, "rb") as f:
            self.assertEqual(f.read(), first)  # the same content, the same bytes
        self.output = os.path.join(self.folder.name, "absent", "x")
        result = self.run_convert(None)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No such file", result.stderr)
        self.output = self.folder.name
        self.assertEqual(self.run_convert(None).returncode, 1)

    def test_control_characters_stay_out_of_the_terminal(self):
        state = dict(sample_state())
        state["\x1b[2J\n"] = 1
        result = self.run_convert(zip_bytes(state))
        self.assertEqual(result.returncode, 0)
        self.assertNotIn("\x1b", result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_help(self):
        result = subprocess.run([sys.executable, CONVERT, "--help"], stdout=subprocess.PIPE,
                                universal_newlines=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("--architecture", result.stdout)
        self.assertEqual(subprocess.run([sys.executable, CONVERT], stderr=subprocess.PIPE).returncode, 2)


if __name__ == "__main__":
    unittest.main()
