#!/usr/bin/env python3
"""The tables of names and shapes against the library's own graphs, and against published counts."""
import glob
import os
import re
import unittest

from files import ROOT, count_of, networks, shapes_of

GRAPHS = os.path.join(ROOT, "lib", "backbones", "*.graph")


def read_graph(path):
    """(name, convolutions in order as name -> shape, names of batch norms) of a text graph."""
    name, convolutions, norms, channels = None, {}, set(), {}
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[:1] == ["network"]:
                name = words[1]
            if words[:1] == ["input"]:
                channels[words[1]] = int(re.search(r"channels=(\d+)", line)[1])
            if "<-" not in words or words[0] == "tap":
                continue
            op, node, before = words[0], words[1], words[3]
            attrs = dict(word.split("=") for word in words[3:] if "=" in word)
            channels[node] = int(attrs.get("out", channels[before]))
            if op in ("conv2d", "dwconv2d"):
                kernel = int(attrs["kernel"])
                inner = channels[before] if op == "conv2d" else 1
                convolutions[node] = (channels[node], inner, kernel, kernel)
            elif op == "batchnorm":
                norms.add(node)
    return name, convolutions, norms


class NetworksTest(unittest.TestCase):
    def test_graphs(self):
        """Also those that come later: whatever is there."""
        paths = sorted(glob.glob(GRAPHS))
        self.assertGreaterEqual(len(paths), 5)
        for path in paths:
            name, convolutions, norms = read_graph(path)
            self.assertIn(name, networks(), path)
            network = networks()[name]
            layers = network.layers[network.canonical]
            self.assertEqual({layer.conv: layer.shape for layer in layers}, convolutions, name)
            self.assertEqual({layer.norm for layer in layers if layer.norm}, norms, name)

    def test_published_counts(self):
        """Parameters of the whole network, which has a classifier of 1000 classes, and entries of its
        state dict: what torchvision, timm and EfficientNet-PyTorch say of theirs."""
        for name, parameters, entries in (
                ("resnet18", 11689512, 122), ("resnet34", 21797672, 218), ("resnet50", 25557032, 320),
                ("wide_resnet50_2", 68883240, 320), ("efficientnet_b0", 5288548, 360),
                ("efficientnet_b1", 7794184, 508), ("efficientnet_b2", 9109994, 508),
                ("efficientnet_b3", 12233232, 574), ("efficientnet_b4", 19341616, 706),
                ("efficientnet_b5", 30389784, 854), ("efficientnet_lite0", 4652008, 296),
                ("efficientnet_lite1", 5416680, 386), ("efficientnet_lite2", 6092072, 386)):
            network = networks()[name]
            for dialect in network.layers:
                shapes = shapes_of(network, dialect)
                features = network.layers[dialect][-1].shape[0]
                count = sum(count_of(shape) for key, shape in shapes.items()
                            if shape and not key.endswith(("running_mean", "running_var")))
                self.assertEqual(count + 1000 * features + 1000, parameters, name)
                self.assertEqual(len(shapes) + 2, entries, name)

    def test_dialects_run_parallel(self):
        for network in networks().values():
            first, *others = network.layers.values()
            for other in others:
                self.assertEqual([(layer.stage, layer.shape, bool(layer.norm)) for layer in first],
                                 [(layer.stage, layer.shape, bool(layer.norm)) for layer in other])
            for dialect, layers in network.layers.items():
                names = [layer.conv for layer in layers] + [layer.norm for layer in layers if layer.norm]
                self.assertEqual(len(names), len(set(names)))
                self.assertEqual({name.split(".")[0] for name in names}, set(network.roots[dialect]))

    def test_irregular_names(self):
        """Stage 1 has no expansion, and each library numbers what is left in its own way."""
        b4 = networks()["efficientnet_b4"]
        at = [layer.conv for layer in b4.layers["efficientnet_pytorch"]].index
        for name, torchvision, timm in (
                ("_blocks.1._depthwise_conv", "features.1.1.block.0.0", "blocks.0.1.conv_dw"),
                ("_blocks.1._se_reduce", "features.1.1.block.1.fc1", "blocks.0.1.se.conv_reduce"),
                ("_blocks.1._project_conv", "features.1.1.block.2.0", "blocks.0.1.conv_pw"),
                ("_blocks.29._expand_conv", "features.6.7.block.0.0", "blocks.5.7.conv_pw"),
                ("_blocks.29._project_conv", "features.6.7.block.3.0", "blocks.5.7.conv_pwl"),
                ("_conv_head", "features.8.0", "conv_head")):
            self.assertEqual(b4.layers["torchvision"][at(name)].conv, torchvision)
            self.assertEqual(b4.layers["timm"][at(name)].conv, timm)


if __name__ == "__main__":
    unittest.main()
