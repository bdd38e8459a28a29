#!/usr/bin/env python3
"""safetensors files and NumPy archives: what is read, and every way in which they can be wrong."""
import array
import bz2
import gzip
import io
import json
import lzma
import tarfile
import unittest
import zipfile

from files import ConvertTest, floats, npy_bytes, npz_bytes, safetensors_bytes

try:
    import numpy
except ImportError:
    numpy = None

SIX = floats(0, 1, 2, 3, 4, 5)
TENSORS = {"a": ("F32", [2, 3], SIX), "b": ("I64", [], b"\7" + b"\0" * 7), "c": ("BF16", [1], b"\x80\x3f"),
           "e": ("F16", [0, 3], b"")}


class SafetensorsTest(ConvertTest):
    def test_copy(self):
        self.assertEqual(self.converted(safetensors_bytes(TENSORS, {"format": "pt"}), "--raw")[1], TENSORS)
        with open(self.output, "rb") as f:
            self.assertEqual(self.converted(f.read(), "--raw")[1], TENSORS)  # its own output

    def test_told_from_a_pickle(self):
        """A header of 128 bytes begins as a pickle of protocol 2 or later does."""
        header = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})
        content = safetensors_bytes({}, header=header + " " * (128 - len(header)), body=b"1234")
        self.assertEqual(content[:1], b"\x80")
        self.assertEqual(self.converted(content, "--raw")[1], {"a": ("U8", [4], b"1234")})

    def test_headers(self):
        one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
        for header, part in (
                ('{"a":%s,"a":%s}' % (one, one), "'a' twice"), ('{"a":%s' % one, "no JSON"),
                ('{"a":%s}}' % one, "no JSON"), ('{"a":%s,"__metadata__":{"x":1}}' % one, "metadata"),
                ('{"a":%s,"__metadata__":[]}' % one, "metadata"), ('{"__metadata__":{}}', "0 bytes, and 4"),
                ('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', "'NaN'"),
                ('{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', "'1.0'"),
                ('{"a":{"dtype":"F32","shape":[1e9999],"data_offsets":[0,4]}}', "'1e9999'"),
                ('{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,4]}}' % ("9" * 100000), "100000 digits"),
                ('{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}', "without a shape"),
                ('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', "without a shape"),
                ('{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}', "without a shape"),
                ('{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}', "'F8_E4M3'"),
                ('{"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}}', "not supported"),
                ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', "data_offsets"),
                ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', "bytes 4 to 0"),
                ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', "bytes 0 to 8 of 4"),
                ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', "4 bytes where its shape takes 8"),
                ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', "not {dtype"),
                ('{"a":[]}', "not {dtype"), ('{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}', "3 bytes, and 4"),
                ('{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}', "begins at byte 1"),
                ('{"a":%s,"b":%s}' % (one, one), "begins at byte 0 of the data, expected 4"),
                ('{"a":%s,"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}' % one, "expected 4"),
                ('{"":%s}' % one, "cannot hold"), ('{"a\\u0000":%s}' % one, "cannot hold"),
                ('{"\\ud800":%s}' % one, "no text"), ('{"' + "n" * 513 + '":%s}' % one, "cannot hold"),
                ('{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}', "9 dimensions"),
                ('{"a":' * 50000 + "1" + "}" * 50000, "no JSON"), ('{"a":' + "[" * 300000, "more than 65536"),
                ('{"a":[' + "1," * 2000000, "more than 65536")):
            self.refused(safetensors_bytes({}, header=header, body=b"1234"), part, "--raw")

    def test_lengths(self):
        good = safetensors_bytes(TENSORS)
        self.refused((1 << 20).to_bytes(8, "little") + good[8:], "header of 1048576 bytes", "--raw")
        self.refused((1 << 40).to_bytes(8, "little") + good[8:], "is no PyTorch checkpoint", "--raw")
        self.refused(good + b"\0", "bytes of data", "--raw")
        self.refused(b"\2\0\0\0\0\0\0\0{}", "no tensors", "--raw")


class NumpyTest(ConvertTest):
    def read(self, members, **options):
        return self.converted(npz_bytes(members, **options), "--raw")[1]

    def test_arrays(self):
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for version in (1, 2):
                members = [("a.npy", npy_bytes("<f4", (2, 3), SIX, version=version)),
                           ("x.b.npy", npy_bytes("<i8", (), b"\7" + b"\0" * 7)),
                           ("c.npy", npy_bytes("<f2", (0, 3), b""))]
                self.assertEqual(self.read(members, compression=compression),
                                 {"a": ("F32", [2, 3], SIX), "x.b": ("I64", [], b"\7" + b"\0" * 7),
                                  "c": ("F16", [0, 3], b"")})

    def test_column_order(self):
        tensors = self.read([("a.npy", npy_bytes("<f4", (2, 3), floats(0, 3, 1, 4, 2, 5), fortran=True))])
        self.assertEqual(tensors["a"], ("F32", [2, 3], SIX))
        self.assertEqual(self.read([("a.npy", npy_bytes("|u1", (2,), b"12", shape_text="(2L,)"))])["a"][1], [2])

    def test_wrong_arrays(self):
        for member, part in (
                (npy_bytes("|O", (1,), b"\x80\x02K\1."), "Python objects in a pickle"),
                (npy_bytes(">f4", (1,), b"1234"), "not supported"), (npy_bytes("<c8", (1,), b"12345678"), "<c8"),
                (npy_bytes("|V4", (1,), b"1234"), "not supported"),
                (npy_bytes([("x", "<f4")], (1,), b"1234"), "not of numbers"),
                (npy_bytes("<f4", (2,), b"1234"), "4 bytes where its shape takes 8"),
                (npy_bytes("<f4", (1,), b"12345"), "5 bytes"),
                (npy_bytes("<f4", (1,), b"1234", shape_text="(1 2,)"), "malformed shape"),
                (npy_bytes("<f4", (1,), b"1234", shape_text="(%s,)" % ("9" * 99)), "malformed shape"),
                (npy_bytes("<f4", (1,), b"1234", shape_text="(-1,)"), "not of numbers"),
                (npy_bytes("<f4", (1,), b"1234", shape_text="(%s)" % ("(" * 5000)), "not of numbers"),
                (npy_bytes("<f4", (1,), b"1234", shape_text="(%s)" % ("1," * 9)), "9 dimensions"),
                (npy_bytes("<f4", (1,), b"1234", shape_text="(1,)" + " " * 20000), "header of"),
                (b"\x93NUMPY\4\0", "no array"), (b"", "no array"), (b"\x80\x02K\1.", "no array")):
            self.refused(npz_bytes([("a.npy", member)]), part, "--raw")
        self.refused(npy_bytes("<f4", (1,), b"1234"), "single array", "--raw")
        self.refused(npz_bytes([(".npy", npy_bytes("<f4", (1,), b"1234"))]), "cannot hold", "--raw")

    @unittest.skipUnless(numpy, "numpy is not installed")
    def test_as_numpy_writes_it(self):
        values = {"f": numpy.arange(24, dtype="f4").reshape(2, 3, 4), "d": numpy.array(1.5), "b": numpy.array([True]),
                  "t": numpy.arange(6, dtype="f2").reshape(2, 3).T, "i": numpy.array([[-1]], "i4")}
        for save in (numpy.savez, numpy.savez_compressed):
            save(self.input + ".npz", **values)
            with open(self.input + ".npz", "rb") as f:
                tensors = self.converted(f.read(), "--raw")[1]
            self.assertEqual(set(tensors), set(values))
            for name, value in values.items():
                self.assertEqual((tensors[name][1], tensors[name][2]), (list(value.shape), value.tobytes()), name)
        numpy.savez(self.input + ".npz", a=numpy.array([{}], object))
        with open(self.input + ".npz", "rb") as f:
            self.refused(f.read(), "Python objects", "--raw")

    @unittest.skipUnless(numpy, "numpy is not installed")
    def test_pickled_arrays(self):
        import pickle
        for protocol in (2, 4):
            self.refused(pickle.dumps({"a": numpy.zeros(3)}, protocol=protocol), "pickled numpy arrays", "--raw")


class StrangerTest(ConvertTest):
    """What people take for weights: told by name, with a way out."""

    def test_kinds(self):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as t:
            t.addfile(tarfile.TarInfo("net.pth"), io.BytesIO())
        for content, part in (
                (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 4\n", "Git LFS pointer"),
                (b"\n<!DOCTYPE html><html>", "is a web page"), (b"<html>", "is a web page"),
                (gzip.compress(b"x"), "gunzip unpacks it"), (lzma.compress(b"x"), "unxz unpacks it"),
                (bz2.compress(b"x"), "bunzip2 unpacks it"), (tar.getvalue(), "is a tar archive"),
                (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:" + b"\0" * 100, "is an ONNX model"), (b"\x89HDF\r\n", "HDF5"),
                (json.dumps({"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}).encode(),
                 "the weights are in 'one.safetensors' beside it"),
                (json.dumps({"weight_map": {"a": "1.bin", "b": "2.bin"}}).encode(), "index of weights in 2 files"),
                (b"{}", "is no PyTorch checkpoint"), (b"[" * 100000, "is no PyTorch checkpoint"),
                (b'{"weight_map": 3}', "is no PyTorch checkpoint")):
            self.refused(content, part)


class HalfTest(ConvertTest):
    @unittest.skipUnless(numpy, "numpy is not installed")
    def test_half(self):
        values = array.array("f", [1.0, -2.0005, 3.14159, 65504.0, 1e-6, 1e-9, 0.0])
        content = safetensors_bytes({"a": ("F32", (7,), values.tobytes()), "n": ("I64", (), b"\0" * 8),
                                     "b": ("BF16", (2,), b"\x80\x3f\x49\x40"), "d": ("F64", (1,), b"\0" * 7 + b"\x40")})
        result = self.run_convert(content, "--raw", "--half")
        self.assertEqual(result.returncode, 0, result.stderr)
        tensors = self.converted(None, "--raw", "--half")[1]
        half = numpy.array(values).astype("f2")
        self.assertEqual(tensors["a"], ("F16", [7], half.tobytes()))
        self.assertEqual(tensors["b"], ("F16", [2], numpy.array([1.0, 3.140625], "f2").tobytes()))
        self.assertEqual(tensors["d"], ("F16", [1], numpy.array([2.0], "f2").tobytes()))
        self.assertEqual(tensors["n"][0], "I64")
        error = max(abs(float(h) - v) / abs(v) for h, v in list(zip(half, values))[:4])
        self.assertIn("largest relative error %.3g, 2 values below 6.1e-05" % error, result.stdout)

    @unittest.skipUnless(numpy, "numpy is not installed")
    def test_overflow(self):
        content = safetensors_bytes({"w": ("F32", (1,), floats(65520))})
        self.refused(content, "'w' that F16 cannot hold: its largest value is 65520", "--raw", "--half")

    @unittest.skipIf(numpy, "numpy is installed")
    def test_without_numpy(self):
        self.refused(safetensors_bytes({"w": ("F32", (1,), floats(1))}), "without numpy", "--raw", "--half")


if __name__ == "__main__":
    unittest.main()
