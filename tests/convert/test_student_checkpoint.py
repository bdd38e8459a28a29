#!/usr/bin/env python3
"""Students as the authors of STFPM save them: a ResNet in a sequence, which numbers its parts."""
import collections
import os
import subprocess
import unittest

from files import (ConvertTest, Storage, Tensor, floats, legacy_bytes, networks, read_safetensors, shapes_of,
                   zip_bytes)

ADFEAT = os.environ.get("ADFEAT_PROGRAM")
RESNET18 = networks()["resnet18"]


def checkpoint(stages, prefix="model.", **others):
    """What torch.save() is given; every tensor is one number, its place, over and over."""
    state = collections.OrderedDict()
    for i, (name, shape) in enumerate(shapes_of(RESNET18, "stfpm", prefix, stages).items()):
        kind = "FloatStorage" if shape else "LongStorage"
        state[name] = Tensor(Storage(str(i), kind, [i]), 0, shape, (0,) * len(shape))
    return {"category": "screw", "state_dict": state, **others}


class StudentTest(ConvertTest):
    def test_names_are_the_authors(self):
        """torch.nn.Sequential(*list(resnet18().children())[:-2]): conv1, bn1, relu, maxpool, layer1 to layer4"""
        names = set(shapes_of(RESNET18, "stfpm", "model."))
        for name in ("model.0.weight", "model.1.running_var", "model.4.0.conv1.weight", "model.4.1.bn2.bias",
                     "model.5.0.downsample.0.weight", "model.6.1.bn1.weight", "model.7.0.downsample.1.running_mean"):
            self.assertIn(name, names)
        self.assertEqual({name.split(".")[1] for name in names}, set("014567"))

    def test_with_and_without_layer4(self):
        for stages, mapped in ((5, 100), (4, 75)):
            for make, more in ((zip_bytes, {}), (legacy_bytes, {"epoch": 12, "gt": None})):
                state = checkpoint(stages, **more)
                result = self.run_convert(make(state))
                self.assertEqual(result.returncode, 0, result.stderr)
                for line in ("kind             student, as the authors of STFPM have it\n", "architecture     resnet18\n",
                             "names            of a sequence behind 'model.'\n", "tensors          %d mapped" % mapped,
                             "ignored          num_batches_tracked (%d)\n" % (mapped // 5)):
                    self.assertIn(line, result.stdout)
                self.assertEqual("layer4 (25): the file ends before" in result.stdout, stages == 4)
                metadata, tensors = read_safetensors(self.output)
                self.assertEqual((metadata["kind"], metadata["architecture"], metadata["origin_names"]),
                                 ("student", "resnet18", "stfpm"))
                self.assertEqual(set(tensors), {name for name, tensor in state["state_dict"].items()
                                                if tensor.arguments[2]})
                for i, name in enumerate(state["state_dict"]):
                    if name in tensors:
                        self.assertEqual(tensors[name][2][:4], floats(i), name)

    def test_names_before_the_sequence(self):
        """What is put before them when several GPUs trained it does not stay."""
        _, tensors = self.converted(zip_bytes(checkpoint(4, "module.model.")))
        self.assertIn("model.6.1.bn2.bias", tensors)
        self.assertEqual(len(tensors), 75)
        kept = self.converted(None, "--keep-names")
        self.assertIn("module.model.1.num_batches_tracked", kept[1])
        self.assertEqual(kept[0]["kind"], "student")

    def test_damaged_and_strange(self):
        for name in ("model.5.1.bn2.running_var", "model.4.0.conv1.weight", "model.0.weight"):
            state = checkpoint(4)
            del state["state_dict"][name]
            self.refused(zip_bytes(state), "'model.1.weight'" if name == "model.0.weight" else name)
        state = checkpoint(4)
        state["state_dict"]["model.7.0.conv1.weight"] = Tensor(Storage("x", "FloatStorage", [1]), 0, (7,), (0,))
        self.refused(zip_bytes(state), "'model.7.0.conv1.weight' is [7], resnet18 expects [512,256,3,3]")
        state = checkpoint(4)
        state["state_dict"]["model.6.2.conv1.weight"] = Tensor(Storage("x", "FloatStorage", [1]), 0, (7,), (0,))
        self.refused(zip_bytes(state), "'model.6.2.conv1.weight', which resnet18 does not have")
        state = checkpoint(4)
        state["state_dict"]["model.1.bias"] = Tensor(Storage("x", "FloatStorage", [float("nan")]), 0, (64,), (0,))
        self.refused(zip_bytes(state), "'model.1.bias' with NaN or infinity")
        self.refused(zip_bytes(checkpoint(4)), "is resnet18, which leaves padding no choice", "--padding", "symmetric")

    @unittest.skipUnless(ADFEAT, "ADFEAT_PROGRAM names no program")
    def test_info(self):
        """adfeat info says what it is."""
        self.converted(zip_bytes(checkpoint(4)))
        said = subprocess.run([ADFEAT, "info", self.output], check=True, stdout=subprocess.PIPE,
                              universal_newlines=True).stdout
        for line in ("kind             student\n", "architecture     resnet18\n", "origin           net.pth\n"):
            self.assertIn(line, said)


if __name__ == "__main__":
    unittest.main()
