#!/usr/bin/env python3
"""PyTorch checkpoints of both formats: what is read, and what is refused though nobody means harm."""
import collections
import unittest
import zipfile

from files import (SAMPLE, ConvertTest, Storage, Tensor, floats, legacy_bytes, program, sample_state,
                   zip_bytes)


class CheckpointTest(ConvertTest):
    def raw(self, content, *arguments):
        return self.converted(content, "--raw", *arguments)[1]

    def test_both_formats(self):
        self.assertEqual(self.raw(zip_bytes(sample_state())), SAMPLE)
        self.assertEqual(self.raw(legacy_bytes(sample_state())), SAMPLE)

    def test_legacy_storage_view(self):
        storage = Storage("0", "FloatStorage", range(6), view=("v", 2, 4))
        tensors = self.raw(legacy_bytes({"a": Tensor(storage, 1, (2,), (1,))}))
        self.assertEqual(tensors["a"][2], floats(3, 4))

    def test_strides(self):
        """Every order of three dimensions, with gaps, against plain loops."""
        values = list(range(400))
        for strides in ((100, 20, 4), (4, 100, 20), (20, 4, 100), (1, 0, 7), (0, 0, 0), (3, 3, 3)):
            for size in ((2, 3, 4), (4, 3, 2), (1, 4, 1), (3, 1, 3)):
                wanted = [values[5 + sum(i * s for i, s in zip((a, b, c), strides))]
                          for a in range(size[0]) for b in range(size[1]) for c in range(size[2])]
                storage = Storage("0", "FloatStorage", values)
                tensors = self.raw(zip_bytes({"a": Tensor(storage, 5, size, strides)}))
                self.assertEqual(tensors["a"], ("F32", list(size), floats(*wanted)), (strides, size))

    def test_nested(self):
        for key in ("state_dict", "model", "model_state_dict", "ema"):
            state = {"epoch": 3, key: sample_state(), "optimizer": [1, 2.5, None]}
            self.assertEqual(self.raw(zip_bytes(state)), SAMPLE)
            self.assertEqual(self.raw(legacy_bytes({"model": {key: dict(sample_state())}})), SAMPLE)
        state = dict(sample_state(), epoch=3)  # among the tensors
        self.assertEqual(self.raw(zip_bytes(state)), SAMPLE)

    def test_key(self):
        one = Storage("0", "FloatStorage", [1, 2])
        state = {"state_dict": {"a": Tensor(one, 0, (1,), (1,))}, "ema": {"a": Tensor(one, 1, (1,), (1,))},
                 "student": {"a": Tensor(one, 0, (2,), (1,))}}
        self.refused(zip_bytes(state), "holds more than one state dict: 1 tensors under 'state_dict', 1 tensors under "
                     "'ema', 1 tensors under 'student'; one must be chosen: --key state_dict or --key ema or --key "
                     "student", "--raw")
        self.assertEqual(self.raw(None, "--key", "state_dict")["a"][2], floats(1))
        self.assertEqual(self.raw(None, "--key", "ema")["a"][2], floats(2))
        self.assertEqual(self.raw(None, "--key", "student")["a"][2], floats(1, 2))
        self.refused(None, "no dict of tensors under 'teacher'; it has them under 'state_dict', 'ema', 'student'",
                     "--raw", "--key", "teacher")
        deep = {"a": {"net": state["ema"]}, "b": {"net": state["student"]}}
        self.assertEqual(self.raw(zip_bytes(deep), "--key", "b.net")["a"][2], floats(1, 2))
        self.refused(None, "several dicts of tensors under 'net'; it has them under 'a.net', 'b.net'", "--raw", "--key",
                     "net")
        # Equal ones are no choice; the outermost has an empty key
        same = {"model": state["ema"], "ema": {"a": Tensor(Storage("9", "FloatStorage", [2]), 0, (1,), (1,))}}
        self.assertEqual(self.raw(zip_bytes(same))["a"][2], floats(2))
        outer = dict(state["ema"], ema=state["state_dict"])
        self.assertEqual(self.raw(zip_bytes(outer), "--key", "")["a"][2], floats(2))

    def test_attributes_of_the_dict(self):
        """state_dict() leaves a _metadata attribute on its OrderedDict."""
        state = sample_state()
        state._metadata = collections.OrderedDict([("", {"version": 1})])
        self.assertEqual(self.raw(zip_bytes(state)), SAMPLE)

    def test_python_2(self):
        """Its OrderedDict came as a list of pairs, its strings as bytes."""
        head = legacy_bytes({"a": Tensor(Storage("0", "FloatStorage", [7]), 0, (1,), (1,))})
        start = head.index(b"ctorch._utils")
        tensor = head[start:head.index(b"s.", start)]
        old = (b"\x80\x02ccollections\nOrderedDict\n]]U\x01aa" + tensor.replace(b"q\x00", b"") + b"aa\x85R.")
        begin = head.rindex(b"\x80\x02}", 0, start)
        self.assertEqual(self.raw(head[:begin] + old + head[head.index(b"s.", start) + 2:]),
                         {"a": ("F32", [1], floats(7))})

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
                (Tensor(one, 0, (True,), (1,)), "malformed"),
                (Tensor(one, 0, [2], [1]), "malformed"),
                (Tensor("0", 0, (2,), (1,)), "malformed"),
                (Tensor(one, 0, (1,) * 9, (1,) * 9), "cannot hold"),
                (Tensor(one, 0, (1 << 40,), (0,)), "more than"),
                (Tensor(one, 0, (1 << 40, 1 << 40), (0, 0)), "more than")):
            for make in (zip_bytes, legacy_bytes):
                self.refused(make({"a": tensor}), part, "--raw")
        good = Tensor(one, 0, (1,), (1,))
        for name in ("", "n" * 513, "__metadata__", "a\0b"):
            self.refused(zip_bytes({name: good}), "cannot hold", "--raw")

    def test_other_files(self):
        one = Storage("0", "FloatStorage", range(4))
        good = {"a": Tensor(one, 0, (4,), (1,))}
        for content in (b"", b"PK", b"\x89PNG\r\n\x1a\n", b"torch"):
            self.refused(content, "is no PyTorch checkpoint, safetensors file or NumPy archive", "--raw")
        self.refused(b"\x80\x02Irubbish", "with the instruction INT", "--raw")
        self.refused(zip_bytes({"epoch": 3}), "no tensors", "--raw")
        self.refused(zip_bytes([1, 2]), "holds a list", "--raw")
        self.refused(zip_bytes(good["a"]), "holds a tensor", "--raw")
        self.refused(zip_bytes(good, extra=[("constants.pkl", b"")]), "TorchScript", "--raw")
        self.refused(zip_bytes(good, extra=[("byteorder", b"big")]), "big-endian", "--raw")
        self.refused(zip_bytes(good, compression=zipfile.ZIP_DEFLATED), "compressed", "--raw")
        self.refused(zip_bytes(good, root="x/").replace(b"x/data.pkl", b"x/data.pkm"), "not one that torch", "--raw")
        self.refused(zip_bytes(good).replace(b"data/0", b"data/1"), "no member", "--raw")
        self.refused(zip_bytes({"a": Tensor(Storage("0", "ComplexFloatStorage", [1]), 0, (1,), (1,))}),
                     "ComplexFloatStorage", "--raw")
        self.refused(legacy_bytes(good, magic=1), "not one that torch.save() writes", "--raw")
        self.refused(legacy_bytes(good, protocol=1002), "unknown legacy protocol", "--raw")
        self.refused(legacy_bytes(good, little=False), "big-endian", "--raw")

    def test_one_storage_has_one_type(self):
        state = {"a": Tensor(Storage("0", "FloatStorage", [1]), 0, (1,), (1,)),
                 "b": Tensor(Storage("0", "HalfStorage", [1]), 0, (1,), (1,))}
        self.refused(legacy_bytes(state), "of two types", "--raw")

    def test_kinds(self):
        self.assertEqual(program.read_source(zip_bytes(sample_state())).kind, "PyTorch, zip format")
        self.assertEqual(program.read_source(legacy_bytes(sample_state())).kind, "PyTorch, legacy format")


if __name__ == "__main__":
    unittest.main()
