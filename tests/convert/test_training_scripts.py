#!/usr/bin/env python3
"""Checkpoints as training scripts leave them: the state dict among things that are no tensors, or several of them. The
converted file is the one that the state dict alone gives, and advice in a sentence works when it is followed."""
import argparse
import collections
import copy
import datetime
import decimal
import enum
import functools
import os
import pathlib
import re
import shlex
import sys
import types
import unittest
import uuid

from files import (Call, ConvertTest, OldParameter, Parameter, Storage, Tensor, count_of, fake, fake_function,
                   legacy_bytes, networks, safetensors_bytes, shapes_of, weights_of, zip_bytes)

try:
    import numpy
except ImportError:
    numpy = None

RESNET18 = networks()["resnet18"]
PARAMETER_WITH_STATE = fake_function("torch._utils", "_rebuild_parameter_with_state")
FROM_TYPE = fake_function("torch._tensor", "_rebuild_from_type_v2")
QUANTISED = fake_function("torch._utils", "_rebuild_qtensor")


def strides_of(shape):
    strides, step = [], 1
    for n in reversed(shape):
        strides.insert(0, step)
        step *= n
    return tuple(strides)


def state_of(shapes, mark=0):
    """A state dict of torch tensors; the first element of each is another."""
    state = collections.OrderedDict()
    for i, (name, shape) in enumerate(shapes.items()):
        values = [0] * count_of(shape)
        if values:
            values[0] = i + mark
        kind = "LongStorage" if not shape else "HalfStorage"
        state[name] = Tensor(Storage("%d_%d" % (mark, i), kind, values), 0, shape, strides_of(shape))
    return state


SHAPES = shapes_of(RESNET18, "torchvision", stages=2)
STATE, AVERAGED = state_of(SHAPES), state_of(SHAPES, 100)
HEAD = state_of({"fc.weight": (2, 3), "fc.bias": (2,)}, 500)


class Thing:
    """Of a package that is not there when the file is converted."""

    def __init__(self, **content):
        self.__dict__.update(content)


class Callback(dict):
    pass


class Mode(enum.Enum):
    FIT = "fit"


class Flags(enum.IntFlag):
    A = 1


class Listed(list):
    pass


fake("lightning.callbacks", "ModelCheckpoint", Thing)
fake("omegaconf.dictconfig", "DictConfig", Callback)
fake("lightning.trainer", "TrainerFn", Mode)
fake("lightning.trainer", "Flags", Flags)
fake("lightning.utilities", "Listed", Listed)
SIZE, DEVICE, DTYPE = fake_function("torch", "Size"), fake_function("torch", "device"), fake_function("torch", "float32")
SGD = fake("torch.optim.sgd", "SGD", type("SGD", (), {}))


def bystanders():
    things = {
        "namespace": argparse.Namespace(lr=0.1, names=["a"], nested=argparse.Namespace(x=1)),
        "path": pathlib.PurePosixPath("/data/set"), "date": datetime.datetime(2024, 5, 6, 7, 8, 9),
        "duration": datetime.timedelta(seconds=3), "set": {1, "two"}, "frozen": frozenset([3]),
        "ordered": collections.OrderedDict(a=1), "counter": collections.Counter("abca"),
        "default": collections.defaultdict(list, a=[1]), "deque": collections.deque([1, 2]),
        "callback": Thing(best=0.5, mode=Mode.FIT), "config": Callback(model={"depth": 18}), "enum": Mode.FIT,
        "flags": Flags.A, "listed": Listed([1, 2]), "partial": functools.partial(SGD, lr=0.1), "class": SGD, "size": Call(SIZE, (2, 3)),
        "device": Call(DEVICE, "cuda", 0), "dtype": DTYPE, "complex": 1j, "bytes": b"\0\1", "array": bytearray(b"ab"),
        "decimal": decimal.Decimal("0.1"), "uuid": uuid.UUID(int=5), "large": 1 << 500, "slice": slice(1, 2),
        "keys": {(1, "a"): 2, Mode.FIT: 3, b"k": 4, None: 5, 1.5: 6}, "name": types.SimpleNamespace(a=1),
        "optimizer": {"state": {0: {"step": 5, "exp_avg": AVERAGED["bn1.weight"]}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "rng": AVERAGED["bn1.bias"], "scheduler": {"last": Thing(step=3)}, "error": ValueError("no"),
        "warning": Thing(holds=AVERAGED["bn1.bias"]),
    }
    if numpy:
        things.update(scalar=numpy.float64(0.5), values=numpy.arange(6.0).reshape(2, 3), kind=numpy.dtype("f4"),
                      text=numpy.str_("x"), generator=numpy.random.RandomState(1).get_state())
    return things


class TrainingTest(ConvertTest):
    def alone(self):
        metadata, tensors = self.converted(zip_bytes(STATE))
        return {k: v for k, v in metadata.items() if k != "origin_sha256"}, tensors

    def same(self, content, *arguments):
        metadata, tensors = self.converted(content, *arguments)
        metadata.pop("origin_sha256")
        self.assertEqual((metadata, tensors), self.expected)

    def setUp(self):
        super().setUp()
        self.expected = self.alone()

    def test_each_bystander(self):
        """Beside the state dict, and among its tensors; with the protocols that torch.save() may be given."""
        for name, thing in bystanders().items():
            with self.subTest(name):
                for make in (zip_bytes, legacy_bytes):
                    self.same(make({"epoch": 3, "state_dict": STATE, name: thing}))
                if name not in ("rng", "warning"):  # tensors
                    self.same(zip_bytes(collections.OrderedDict(STATE, **{name: thing})))
                for protocol in (3, 4, 5):
                    self.same(zip_bytes({name: thing, "state_dict": STATE}, protocol=protocol))
        self.same(zip_bytes(dict(bystanders(), state_dict=STATE)))
        for module in ("lightning.callbacks", "omegaconf.dictconfig"):
            self.assertNotIn("imported", vars(sys.modules[module]))

    def test_they_are_listed(self):
        state = {"epoch": 3, "state_dict": dict(STATE, extra=Mode.FIT), "args": argparse.Namespace(lr=0.1),
                 "hyper_parameters": {"callbacks": [Thing(a=1)]}}
        result = self.run_convert(zip_bytes(state))
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in ("the state dict is the one under 'state_dict'; ignored beside it: 'epoch', 'args', 'hyper_parameters'\n",
                     "'args' (argparse.Namespace), 'hyper_parameters.callbacks.0' (lightning.callbacks.ModelCheckpoint)\n",
                     "1 entries are no tensors: extra (lightning.trainer.TrainerFn)\n"):
            self.assertIn(line, result.stdout)

    def test_tensors_with_attributes(self):
        for wrap in (Parameter, OldParameter, lambda t: Call(PARAMETER_WITH_STATE, t, True, collections.OrderedDict(), {"a": 1}),
                     lambda t: Call(FROM_TYPE, t.rebuild, SGD, t.arguments + (False, collections.OrderedDict()), {"a": 1})):
            self.same(zip_bytes({"state_dict": collections.OrderedDict((n, wrap(t)) for n, t in STATE.items())}))

    # ---- What stays refused ----

    def test_whole_modules(self):
        """With the line that saves what can be converted."""
        class Net:
            pass
        module = fake("torchvision.models.resnet", "ResNet", Net)()
        module._parameters, module._modules = {}, {"conv1": {"weight": STATE["conv1.weight"]}}
        for make in (zip_bytes, legacy_bytes):
            self.refused(make(module), "holds an object of 'torchvision.models.resnet.ResNet' with its tensors, which is no "
                         "part of a state dict: where it can be loaded, torch.save(model.state_dict(), 'weights.pth')")
            self.refused(make({"epoch": 1, "model": module}), "under 'model' with its tensors, which is no part of a state "
                         "dict: where it can be loaded, torch.save(checkpoint['model'].state_dict(), 'weights.pth')")
            self.same(make({"model": module, "state_dict": STATE}))

    def test_calls_that_a_tensor_depends_on(self):
        t = STATE["layer1.0.conv1.weight"]
        for value in (Call(QUANTISED, t, (1.0, 0)), Call(fake_function("mypkg", "decrypt"), [t]),
                      Tensor(Storage("c", "ComplexFloatStorage", [1]), 0, (1,), (1,))):
            for make in (zip_bytes, legacy_bytes):
                self.refused(make({"state_dict": dict(STATE, **{"layer1.0.conv1.weight": value})}),
                             "under 'state_dict.layer1.0.conv1.weight'")

    @unittest.skipUnless(numpy, "numpy is not installed")
    def test_arrays(self):
        self.refused(zip_bytes({"state_dict": {"conv1.weight": numpy.zeros((64, 3, 7, 7), "f4")}}), "pickled numpy arrays")

    # ---- Several ----

    def follow(self, result):
        """Each way out that a sentence names, run: what it converted."""
        self.assertEqual(result.returncode, 1)
        ways = result.stderr.strip().rpartition(": ")[2].split(" or ")
        self.assertGreater(len(ways), 1, result.stderr)
        return [self.converted(None, *shlex.split(way))[1] for way in ways]

    def test_several_state_dicts(self):
        first = {k: v for k, v in self.expected[1].items()}
        second = self.converted(zip_bytes(AVERAGED))[1]
        for names in (("state_dict", "ema_state_dict"), ("teacher", "student"), ("model", "model ema")):
            content = zip_bytes({"epoch": 1, names[0]: STATE, names[1]: AVERAGED, "head": HEAD})
            result = self.run_convert(content)
            self.assertIn("holds more than one state dict: resnet18 under '%s', resnet18 under '%s'" % names, result.stderr)
            self.assertEqual(self.follow(result), [first, second])
        # Equal ones, and the only whole one
        self.same(zip_bytes({"model": STATE, "ema": state_of(SHAPES)}))
        self.same(zip_bytes({"head": HEAD, "net": {"ema": AVERAGED["bn1.bias"], "weights": STATE}}))
        self.same(zip_bytes({"model": STATE, "ema": {k: v for k, v in AVERAGED.items() if k != "bn1.bias"}}))
        # None whole: what is wrong with the largest, and the others
        part = {k: v for k, v in STATE.items() if k != "bn1.bias"}
        self.refused(zip_bytes({"model": part, "head": HEAD}), "'bn1.bias' [64], which resnet18 needs (this is of the state "
                     "dict under 'model'; another can be taken with --key head)")

    def test_several_prefixes(self):
        both = {"module.encoder_q." + k: v for k, v in STATE.items()}
        both.update({"module.encoder_k." + k: v for k, v in AVERAGED.items()})
        result = self.run_convert(zip_bytes({"state_dict": both, "arch": "resnet18"}))
        self.assertIn("resnet18 behind 'module.encoder_q.', resnet18 behind 'module.encoder_k.'", result.stderr)
        self.assertEqual(self.follow(result)[0], self.expected[1])

    def test_prefixes(self):
        for prefix in ("_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "net.", "module.encoder_q."):
            self.same(zip_bytes({"state_dict": {prefix + k: v for k, v in STATE.items()}}))


class FitTest(ConvertTest):
    """The program that fits says of weights what the converter says."""
    ADFEAT = os.environ.get("ADFEAT_PROGRAM")

    def info(self, path, *arguments):
        return self.run_program("info", path, *arguments, command=[self.ADFEAT])

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_prefixes(self):
        shapes = shapes_of(RESNET18, "torchvision", stages=3)
        digests = set()
        for prefix in ("", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "net.", "module.encoder_q."):
            self.store(safetensors_bytes(weights_of({prefix + n: s for n, s in shapes.items()})))
            result = self.info(self.input)
            self.assertEqual(result.returncode, 0, result.stderr)
            digests.add(re.search("digest +(.*)", result.stdout)[1])
        self.assertEqual(len(digests), 1)

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_strangers(self):
        """Relatives of a network: the nearest and the first tensor that differs, in the same words."""
        resnet34 = shapes_of(networks()["resnet34"], "torchvision")
        cases = [dict(resnet34, **{"layer3.%d.conv1.weight" % i: (256, 256, 3, 3) for i in range(6, 9)}),
                 dict(resnet34, **{"layer1.0.se.fc1.weight": (4, 64, 1, 1), "layer1.0.se.fc2.weight": (64, 4, 1, 1)}),
                 dict(resnet34, **{"layer2.1.conv2.weight": (128, 64, 3, 3)})]
        for shapes in cases:
            content = safetensors_bytes({n: ("U8", s, bytes(count_of(s))) for n, s in shapes.items()})
            self.store(content)
            said = self.run_convert(None).stderr
            result = self.info(self.input)
            self.assertEqual(result.returncode, 1)
            start = said[said.index("fits no known network; the nearest is"):].strip()
            start = start.replace("fits no", "the weights fit no").replace("it holds", "the weights hold")
            if ", resnet34 expects" in start:
                start = start[:start.index(" but ")]
            self.assertIn(start, result.stderr)

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_two_networks(self):
        shapes = shapes_of(RESNET18, "torchvision", stages=3)
        both = {**{"q." + n: s for n, s in shapes.items()}, **{"k." + n: s for n, s in shapes.items()}}
        self.store(safetensors_bytes(weights_of(both)))
        result = self.info(self.input)
        self.assertIn("the weights hold resnet18 twice: the option --prefix must say which, 'k.' or 'q.'",
                      result.stderr)
        for prefix in ("k.", "q."):
            self.assertEqual(self.info(self.input, "--prefix", prefix).returncode, 0)

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_checksums_are_read(self):
        """What the converter writes: intact it is read, and a flipped bit is told."""
        shapes = shapes_of(RESNET18, "torchvision", stages=3)
        weights = weights_of(shapes)
        for name, (dtype, shape, data) in list(weights.items()):
            if name.endswith("running_var"):
                weights[name] = (dtype, shape, b"\x00\x3c" * count_of(shape))
        self.store(safetensors_bytes(weights))
        self.assertEqual(self.run_convert(None).returncode, 0)
        result = self.info(self.output)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.output, "rb") as f:
            good = f.read()
        key = good.index(b"adfeat.crc32")
        for place in (key + 3, key + 9, key + 16, good.index(b"architecture"), len(good) - 3):
            self.store(good[:place] + bytes([good[place] ^ 4]) + good[place + 1:], "bad.safetensors")
            result = self.info(self.input)
            self.assertEqual(result.returncode, 1, place)
            self.assertIn("damaged", result.stderr)
            self.assertIn("is damaged", self.run_convert(None).stderr)


if __name__ == "__main__":
    unittest.main()
