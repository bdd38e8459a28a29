#!/usr/bin/env python3
"""Files that mean harm: none runs code, takes long or takes memory, and each is refused in one sentence."""
import io
import os
import pickle
import random
import resource
import struct
import sys
import unittest
import warnings
import zipfile

from files import (SAMPLE, Call, ConvertTest, Refused, Storage, Tensor, legacy_bytes, npy_bytes, npz_bytes, program,
                   safetensors_bytes, sample_state, zip_bytes)

GIGABYTE = 1 << 30


def in_zip(pickled):
    """An archive as torch writes it, with any bytes as the pickle."""
    return npz_bytes([("archive/data.pkl", pickled), ("archive/data/0", b"\0" * 16)])


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


class HostileTest(ConvertTest):
    def refused_everywhere(self, pickled, part):
        """As the pickle of a zip archive, and as the first of a legacy file."""
        self.refused(in_zip(pickled), part, "--raw")
        self.refused(pickled, part, "--raw")

    def test_code_is_refused_and_not_run(self):
        mark = os.path.join(self.folder.name, "mark")
        attacks = [Call(os.system, "touch '%s'" % mark), Call(eval, "open(%r, 'w')" % mark),
                   Call(exec, "open(%r, 'w')" % mark), Call(open, mark, "w"), Call(__import__, "os")]
        for attack in attacks:
            for make in (zip_bytes, legacy_bytes):
                for state in (attack, dict(sample_state(), x=attack), {"state_dict": {"a": attack}}):
                    self.refused(make(state), "which is no part of a state dict", "--raw")
            for protocol in range(1, 6):
                self.refused_everywhere(pickle.dumps(attack, protocol=protocol) if protocol > 1 else
                                        b"\x80\x02" + pickle.dumps(attack, protocol=1), "")
        self.assertFalse(os.path.exists(mark))

    def test_names(self):
        """Every way to name a function, and paths through attributes of what is known."""
        for pickled in (b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R.", b"\x80\x02cbuiltins\neval\n.",
                        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
                        b"\x80\x02ccollections\nOrderedDict.__init__\n.", b"\x80\x02ctorch\nFloatStorage.x\n.",
                        b"\x80\x02c__builtin__\ndict\n.", b"\x80\x02ctorch.hub\nload\n.",
                        b"\x80\x02ctorch._utils\nsys.modules\n.", b"\x80\x02ctorch.storage\n_load_from_bytes\n."):
            self.refused_everywhere(pickled, "which is no part of a state dict")
        for call in (Call(getattr, 1, "real"), Call(bytearray, 10)):  # as objects of scripts may ask for them
            self.refused(zip_bytes(call), "which is no part of a state dict", "--raw")
            self.refused(zip_bytes({"state_dict": {"a": call}}), "holds no tensors", "--raw")
        self.refused_everywhere(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n.", "pickled numpy arrays")
        self.refused_everywhere(b"\x80\x02K\1K\2\x93.", "no name")
        self.refused_everywhere(b"\x80\x02c" + b"a" * 1000, "name that does not end")

    def test_instructions(self):
        """Of all that a pickle can do, only what containers, numbers and text need."""
        for name, pickled in (
                ("INST", b"(iposix\nsystem\n."), ("OBJ", b"(cposix\nsystem\no."), ("EXT1", b"\x82\1."),
                ("EXT2", b"\x83\1\0."), ("EXT4", b"\x84\1\0\0\0."), ("PERSID", b"Pstorage\n."), ("DUP", b"]2."),
                ("LONG", b"L" + b"9" * 100000 + b"L\n."), ("STRING", b"S'x'\n."), ("0xff", b"\xff")):
            if name in ("OBJ",):
                self.refused_everywhere(b"\x80\x02" + pickled, "posix.system")
                pickled = b"(ctorch\nFloatStorage\no."
            self.refused_everywhere(b"\x80\x02" + pickled, "the instruction %s," % name)
        for pickled in (b"\x8b\xff\xff\xff\x7f.", b"\x96" + b"\xff" * 8, b"\x8d" + b"\xff" * 8, b"\x8e" + b"\xff" * 8,
                        b"B\xff\xff\xff\xff"):  # more than there is
            self.refused_everywhere(b"\x80\x02" + pickled, "longer than")

    def test_states_and_calls(self):
        """BUILD sets attributes, REDUCE calls: neither on what was not made for it."""
        state = b"}" + text("__setstate__") + b"cbuiltins\neval\ns"
        self.refused_everywhere(b"\x80\x02ctorch\nFloatStorage\n" + state + b"b.", "no part of a state dict")
        for target in (b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
                       b"ctorch.nn.parameter\nParameter\n", b"ccollections\nOrderedDict\n", b"]", b"K\1"):
            self.refused_everywhere(b"\x80\x02" + target + b"}" + text("item") + b"K\1sb.", "sets a state")
        for function in (b"ctorch\nFloatStorage\n", b"]", b"}", b"K\1", text("eval")):
            for call in (b")R.", b")\x81.", b")}\x92."):
                self.refused_everywhere(b"\x80\x02" + function + call, "calls what is no function")
        self.refused_everywhere(b"\x80\x02ccollections\nOrderedDict\n]R.", "calls what is no function")

    def test_calls_with_wrong_arguments(self):
        tensor, parameter = b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n"
        for function, arguments, part in (
                (tensor, b")", "malformed tensor"), (tensor, b"K\1K\1K\1\x87", "malformed tensor"),
                (tensor, b"(K\1K\1))t", "malformed tensor"), (tensor, b"(NK\1))K\1K\1K\1K\1t", "malformed tensor"),
                (parameter, b")", "malformed parameter"), (parameter, b"K\1\x85", "malformed parameter"),
                (b"ctorch.nn.parameter\nParameter\n", b")", "malformed parameter"),
                (b"ccollections\nOrderedDict\n", b"K\1\x85", "malformed OrderedDict"),
                (b"ccollections\nOrderedDict\n", b"]K\1a\x85", "malformed OrderedDict")):
            self.refused_everywhere(b"\x80\x02" + function + arguments + b"R.", part)

    def test_references(self):
        for pid, part in ((b"K\1", "no storage"), (b"(X\1\0\0\0sK\1K\1K\1K\1t", "no storage"),
                          (b"(" + text("storage") + b"ctorch\nFloatStorage\nK\1K\1K\1t", "no storage"),
                          (b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + b"K\1K\1)t", "view")):
            self.refused_everywhere(b"\x80\x02" + pid + b"Q.", part)

    def test_stack(self):
        for pickled in (b"0", b"a", b"s", b"u", b"e", b"t", b"R", b"b", b"\x85", b"\x93", b"Q", b"q\0", b"h\0",
                        b"j\xff\xff\xff\xff", b"(]a.", b"K\1K\2a.", b"K\1K\2K\3s.", b"K\1)b."):
            self.refused_everywhere(b"\x80\x02" + pickled, "has a pickle that")
        for pickled in (b".", b"K\1K\2.", b"(K\1."):
            self.refused_everywhere(b"\x80\x02" + pickled, "ends in the middle")
        self.refused_everywhere(b"\x80\x02}](K\1u.", "key without a value")
        self.refused(in_zip(b"\x80\x02}]K\1s."), "holds no tensors", "--raw")
        self.refused_everywhere(b"\x80\xff.", "unknown protocol")

    def quickly(self, content, part):
        """Refused before it takes an amount of memory that the file does not account for, or for ever: the test as a
        whole has a time limit, which 2 ** 60 steps do not meet."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.refused(content, part, "--raw")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        self.assertLess(grown, GIGABYTE // 2)

    def test_bombs_of_pickles(self):
        # Each tuple holds the one before it twice: hashing the last would take 2 ** 60 steps.
        doubling = b"\x80\x02})" + b"q\0h\0\x86" * 60 + b"K\1s."
        self.quickly(in_zip(doubling), "holds no tensors")
        # The same as lists, which is harmless data until somebody walks it
        lists = b"\x80\x02]" + b"q\0]h\0ah\0a" * 60 + b"."
        self.quickly(in_zip(lists), "")
        # Copies of a long list, again and again
        pairs = b"](" + b"X\1\0\0\0aK\1\x86" * 100000 + b"eq\0"
        self.quickly(in_zip(b"\x80\x02" + pairs + b"ccollections\nOrderedDict\nh\0\x85R0" * 100 + b"."),
                     "instructions")
        self.quickly(in_zip(b"\x80\x02" + b"]" * 3_000_000 + b"."), "instructions")
        self.quickly(in_zip(b"\x80\x02" + b"(" * 1_500_000 + b"."), "ends in the middle")
        self.quickly(in_zip(b"\x80\x02X\xff\xff\xff\xff"), "longer than")
        # A list that nests 100,000 deep, and one that holds itself
        self.quickly(in_zip(b"\x80\x02" + b"]" * 100000 + b"a" * 99999 + b"."), "holds a list")
        self.quickly(in_zip(b"\x80\x02]q\0h\0a."), "holds a list")
        # A place in the memo far away, which Python's own reader would make room for
        self.quickly(in_zip(b"\x80\x02]r\xff\xff\xff\xff."), "holds a list")

    def test_bombs_of_objects(self):
        """Things that are not made still cost something, and may nest, hold each other and be many."""
        thing, deep = b"cpkg\nThing\n", 100_000
        for nested in (thing + b"q\0" + b"h\0" * deep + b")R" + b"\x85R" * deep,   # a call of a call of a call
                       thing + b"q\0)R" + b"h\0)\x81" * deep + b"b" * deep):       # a state of a state
            self.quickly(in_zip(b"\x80\x02" + nested + b"."), "no part of a state dict")
            self.quickly(in_zip(b"\x80\x02}" + text("a") + nested + b"s."), "holds no tensors: 'a' (pkg.Thing)")
        itself = b"\x80\x02}" + text("a") + thing + b")Rq\0h\0bs."  # its own state
        self.quickly(in_zip(itself), "holds no tensors: 'a' (pkg.Thing)")
        # Each holds the one before twice: 2 ** 60 ways lead to the first
        doubled = thing + b")Rq\0000" + (thing + b"h\0h\0\x86Rq\0000") * 60 + b"h\0"
        self.quickly(in_zip(b"\x80\x02}" + text("a") + doubled + b"s."), "holds no tensors")
        for many in (b"cpkg\nThing\n" * 1_500_000, (b"cpkg\nThing\nq\0" + b"h\0)R" * 1_000_000),
                     b"\x8f" * 1_900_000, b"cpkg\nThing\n)R" + b"}b" * 900_000,
                     b"(" + b"K\1" * 900_000 + b"tq\0cpkg\nThing\nq\1" + b"h\1h\0R" * 300_000):
            self.quickly(in_zip(b"\x80\x02" + many + b"."), "")
        # Names that are assembled from long text
        self.quickly(in_zip(b"\x80\x04" + b"X\0\0\0\x03" + b"a" * (3 << 24) + b"q\0" + b"h\0h\0\x93" * 600_000 + b"."), "a name of")
        # A shape of a million sizes, looked at again and again
        shape = b"(" + b"K\1" * 900_000 + b"tq\1ctorch._utils\n_rebuild_tensor_v2\nq\2"
        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\4tQq\3"
        self.quickly(in_zip(b"\x80\x02" + shape + storage + b"h\2(h\3K\0h\1h\1tR0" * 100_000 + b"."), "malformed tensor")

    def test_objects_run_nothing(self):
        """In a file that is converted: every way to make an object, of classes that would tell."""
        mark = os.path.join(self.folder.name, "mark")
        made = "import sys\nopen(%r, 'w').close()\n" % mark
        with open(os.path.join(self.folder.name, "telltale.py"), "w") as f:
            f.write(made + "class Thing:\n    __init__ = __new__ = __setstate__ = __reduce__ = None\n")
        before = sys.path[:]
        sys.path.insert(0, self.folder.name)
        self.addCleanup(sys.path.__setitem__, slice(None), before)
        name, rest = b"ctelltale\nThing\n", b"}" + text("x") + b"K\1s"
        for thing in (name, name + b")R", name + b")\x81", name + b")}\x92", name + b")R" + rest + b"b",
                      name + b")R(K\1K\2e", name + b")R(" + text("k") + b"K\2u", b"\x8f(" + name + b"\x90",
                      b"(" + name + b"\x91", text("telltale") + text("Thing") + b"\x93)R"):
            state = zip_bytes(dict(sample_state(), there="HERE"))
            archive = zipfile.ZipFile(io.BytesIO(state))
            members = [(n, archive.read(n)) for n in archive.namelist()]
            place = b"X\4\0\0\0HERE"
            pickled = members[0][1]
            self.assertEqual(pickled.count(place), 1)
            self.assertIn(pickled[pickled.index(place) + len(place):][:1], b"q")
            members[0] = (members[0][0], pickled.replace(place, thing))
            self.assertEqual(self.converted(npz_bytes(members), "--raw")[1], SAMPLE)
            self.assertNotIn("telltale", sys.modules)
        self.assertFalse(os.path.exists(mark))

    def test_bombs_of_tensors(self):
        one = Storage("0", "FloatStorage", [1])
        for size in ((1 << 30,), (1 << 15, 1 << 15), (1 << 62,), (1 << 62,) * 8):
            self.quickly(zip_bytes({"a": Tensor(one, 0, size, (0,) * len(size))}), "more than")
        many = {"t%d" % i: Tensor(one, 0, (1 << 20,), (0,)) for i in range(1000)}
        self.quickly(zip_bytes(many), "more than")

    def test_bombs_of_archives(self):
        zeros = b"\0" * (100 << 20)
        self.quickly(npz_bytes([("a.npy", npy_bytes("<f4", (25 << 20,), zeros))], zipfile.ZIP_DEFLATED), "unfolds to")
        content = npz_bytes([("archive/data.pkl", zeros)], zipfile.ZIP_DEFLATED)
        self.quickly(content, "compressed")
        # One that unfolds to more than it says
        small = npz_bytes([("a.npy", npy_bytes("<f4", (1 << 20,), zeros[:4 << 20]))], zipfile.ZIP_DEFLATED)
        size = struct.pack("<I", (4 << 20) + 128)
        self.assertEqual(small.count(size), 2)  # before the member, and in the directory
        self.quickly(small.replace(size, struct.pack("<I", 228)), "damaged (BadZipFile)")

    def test_archives(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twice = npz_bytes([("x/data.pkl", b"\x80\x02}."), ("x/data/0", b"1"), ("x/data/0", b"2")])
        self.refused(twice, "two members 'x/data/0'", "--raw")
        two = npz_bytes([("x/data.pkl", b"\x80\x02}."), ("y/data.pkl", b"\x80\x02}.")])
        self.refused(two, "not one that torch.save() writes", "--raw")
        self.refused(in_zip(zip_bytes(sample_state())), "the instruction PERSID,", "--raw")
        self.refused(npz_bytes([("a.npy", b"")] * 1 + [("b.txt", b"")]), "not one that torch", "--raw")

    def every(self):
        one = {"a": Tensor(Storage("0", "FloatStorage", range(4)), 0, (2, 2), (1, 2))}
        yield zip_bytes(one)
        yield legacy_bytes(one)
        yield safetensors_bytes({"a": ("F32", (2, 2), b"\1" * 16), "b": ("I64", (), b"\2" * 8)}, {"format": "pt"})
        yield npz_bytes([("a.npy", npy_bytes("<f4", (2, 2), b"\1" * 16))])
        yield npz_bytes([("a.npy", npy_bytes("<f4", (2, 2), b"\1" * 16, fortran=True))], zipfile.ZIP_DEFLATED)

    def read(self, content):
        """Everything in a file; Refused may be raised, and nothing else."""
        source = program.read_source(content)
        for tensor in source.tensors.values():
            self.assertEqual(len(tensor.read()), tensor.bytes)

    def test_every_truncation(self):
        for content in self.every():
            self.read(content)
            for n in range(len(content)):
                with self.assertRaises(Refused):
                    self.read(content[:n])

    def test_mutations(self):
        rng = random.Random(1)
        seeds = list(self.every())
        refused = 0
        for i in range(3000):
            content = bytearray(seeds[i % len(seeds)])
            for _ in range(rng.choice((1, 1, 2, 8))):
                place = rng.randrange(len(content))
                kind = rng.randrange(4)
                if kind == 0:
                    content[place] = rng.randrange(256)
                elif kind == 1:
                    content[place] ^= 1 << rng.randrange(8)
                elif kind == 2:
                    content[place:place + rng.randrange(9)] = rng.choice((b"", b"\xff" * 8, b"\0" * 8))
                else:
                    content[place:place] = content[rng.randrange(len(content)):][:rng.randrange(40)]
            try:
                self.read(bytes(content))
            except Refused as e:
                self.assertNotIn("\n", program.printable(str(e)))
                refused += 1
        self.assertGreater(refused, 1000)

    def test_mutations_of_pickles(self):
        """Most of them meet a checksum or an early end before the pickle in an archive: none does here."""
        rng = random.Random(2)
        pickled = io.BytesIO(zip_bytes(sample_state()))
        data = zipfile.ZipFile(pickled).read("archive/data.pkl")
        for _ in range(2000):
            content = bytearray(data)
            for _ in range(rng.choice((1, 2, 4))):
                content[rng.randrange(len(content))] = rng.choice(data) if rng.random() < .5 else rng.randrange(256)
            try:
                self.read(in_zip(bytes(content)))
            except Refused:
                pass

    def test_what_is_no_file(self):
        pipe = os.path.join(self.folder.name, "pipe")
        os.mkfifo(pipe)
        for self.input in (self.folder.name, pipe, "/dev/zero"):
            self.refused(None, "not a regular file", "--raw")

    def test_control_characters_stay_out_of_the_terminal(self):
        state = dict(sample_state())
        state["\x1b[2J\n"] = 1
        result = self.run_convert(zip_bytes(state), "--raw")
        self.assertEqual(result.returncode, 0)
        self.assertNotIn("\x1b", result.stdout)
        outside = Tensor(Storage("0", "FloatStorage", [1]), 9, (1,), (1,))
        self.refused(zip_bytes({"\x1b[2J\n": outside}), "'?[2J?' that reaches beyond its storage", "--raw")


if __name__ == "__main__":
    unittest.main()
