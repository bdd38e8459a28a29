#!/usr/bin/env python3
"""RD4AD's checkpoints: two dictionaries become one file of what its code calls, which says what student it is."""
import collections
import unittest

from files import ConvertTest, Storage, Tensor, floats, read_safetensors, zip_bytes


def shapes():
    """A part of the bottleneck and of the decoder, and what is never called."""
    bottleneck = {"conv1.weight": (8, 4, 3, 3), "bn1.weight": (8,), "bn1.running_var": (8,),
                  "bn1.num_batches_tracked": (), "conv4.weight": (6, 5, 1, 1), "bn4.weight": (6,),
                  "bn_layer.0.conv1.weight": (4, 6, 3, 3), "bn_layer.0.bn4.weight": (4,), "memory.keys": (3, 4)}
    decoder = {"layer1.0.conv1.weight": (6, 4, 2, 2), "layer1.0.upsample.0.weight": (6, 4, 2, 2),
               "layer1.0.bn1.num_batches_tracked": ()}
    return bottleneck, decoder


def state():
    """What torch.save() is given; every tensor is one number, its place, over and over."""
    out, place = {}, 0
    for part, of in zip(("bn", "decoder"), shapes()):
        out[part] = collections.OrderedDict()
        for name, shape in of.items():
            kind = "LongStorage" if name.endswith("tracked") else "FloatStorage"
            out[part][name] = Tensor(Storage(str(place), kind, [place]), 0, shape, (0,) * len(shape))
            place += 1
    return out


class Rd4adTest(ConvertTest):
    def test_two_dictionaries_become_one_file(self):
        result = self.run_convert(zip_bytes(state()))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("bottleneck and decoder as the authors of RD4AD have them", result.stdout)
        self.assertIn("5 of the bottleneck, 2 of the decoder", result.stdout)
        metadata, tensors = read_safetensors(self.output)
        self.assertEqual({key: metadata["adfeat.student." + key] for key in ("kind", "msff_out", "fmm", "sru")},
                         {"kind": "masked_rd", "msff_out": "concat", "fmm": "0", "sru": "0"})
        self.assertEqual(set(tensors), {
            "bn.conv1.weight", "bn.bn1.weight", "bn.bn1.running_var", "bn.bn_layer.0.conv1.weight",
            "bn.bn_layer.0.bn4.weight", "decoder.layer1.0.conv1.weight", "decoder.layer1.0.upsample.0.weight"})
        self.assertEqual(tensors["bn.bn_layer.0.conv1.weight"][2][:4], floats(6))
        self.assertEqual(tensors["decoder.layer1.0.conv1.weight"][2][:4], floats(9))

    def test_a_key_takes_one(self):
        result = self.run_convert(zip_bytes(state()), "--key", "decoder")
        self.assertEqual(result.returncode, 1)
        self.assertIn("holds no known network", result.stderr)


if __name__ == "__main__":
    unittest.main()
