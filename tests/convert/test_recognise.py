#!/usr/bin/env python3
"""Which network a file holds: every network in every dialect, whole and in parts, and what fits none."""
import unittest

from files import ConvertTest, Refused, networks, safetensors_bytes, shapes_of, weights_of

from _convert.recognise import recognise

RESNET18, RESNET50, B0, LITE0 = (networks()[n] for n in ("resnet18", "resnet50", "efficientnet_b0", "efficientnet_lite0"))
EVERY = [(network, dialect) for network in networks().values() for dialect in network.layers]


def fit_of(shapes, architecture=None, prefix=None):
    return recognise(shapes, architecture, prefix)


class RecogniseTest(unittest.TestCase):
    def refused(self, shapes, *parts, **asked):
        with self.assertRaises(Refused) as caught:
            fit_of(shapes, **asked)
        for part in parts:
            self.assertIn(part, str(caught.exception))

    def test_every_network_in_every_dialect(self):
        for network, dialect in EVERY:
            for folded in (False, True):
                shapes = shapes_of(network, dialect, folded=folded)
                fit = fit_of(shapes)
                self.assertEqual((fit.network.name, fit.dialect, fit.prefix, fit.absent),
                                 (network.name, dialect, "", {}))
                counters = {name for name in shapes if name.endswith(".num_batches_tracked")}
                self.assertEqual(set(fit.names), set(shapes) - counters)
                target = shapes_of(network, network.canonical, folded=folded)
                self.assertEqual({new: shapes[old] for old, new in fit.names.items()},
                                 {name: shape for name, shape in target.items() if shape})
                self.assertEqual(fit.folded, folded * sum(bool(layer.norm) for layer in network.layers[dialect]))

    def test_given_architecture(self):
        for network, dialect in EVERY:
            shapes = shapes_of(network, dialect)
            for name, other in networks().items():
                if name == network.name:
                    self.assertIs(fit_of(shapes, name).network, network)
                else:
                    self.refused(shapes, name, architecture=name)

    def test_prefixes(self):
        for prefix in ("module.", "model.", "backbone.", "encoder.", "feature_extractor.", "module.model.backbone.",
                       "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "net.", "module.encoder_q.", "a.b.c.d."):
            fit = fit_of(shapes_of(RESNET18, "torchvision", prefix))
            self.assertEqual((fit.network.name, fit.prefix), ("resnet18", prefix))
            self.assertEqual(fit.names[prefix + "layer1.0.conv1.weight"], "layer1.0.conv1.weight")
        shapes = shapes_of(LITE0, "timm", "teacher.")
        self.assertEqual(fit_of(shapes).prefix, "teacher.")
        self.assertEqual(fit_of(shapes, prefix="teacher.").prefix, "teacher.")
        self.refused(shapes, "behind 'student.'", prefix="student.")
        both = {**shapes_of(RESNET18, "torchvision", "encoder."), **shapes_of(RESNET18, "torchvision", "model.")}
        self.refused(both, "more than one network: resnet18 behind 'encoder.', resnet18 behind 'model.'; one must be chosen: "
                     "--prefix encoder. or --prefix model.")
        part = {n: s for n, s in shapes_of(RESNET18, "torchvision", "ema.").items() if ".layer1." not in n}
        self.assertEqual(fit_of({**part, **shapes_of(RESNET18, "torchvision", "net.")}).prefix, "net.")
        many = {}
        for i in range(17):
            many.update(shapes_of(RESNET18, "torchvision", "n%d." % i, stages=1))
        self.refused(many, "more than 16 networks; --prefix chooses, for example --prefix n0.")
        self.assertEqual(fit_of(many, "resnet18", "n3.").prefix, "n3.")
        self.assertEqual(fit_of(both, prefix="model.").prefix, "model.")

    def test_files_that_end_early(self):
        for network, dialect in EVERY:
            for stages in range(3, len(network.stages)):
                shapes = shapes_of(network, dialect, stages=stages)
                fit = fit_of(shapes, network.name)
                self.assertEqual(list(fit.absent), list(network.stages[stages:]))
                whole = shapes_of(network, dialect)
                self.assertEqual(sum(fit.absent.values()), sum(name not in shapes and bool(shape)
                                                                for name, shape in whole.items()))
        self.assertEqual(fit_of(shapes_of(RESNET18, "torchvision", stages=2)).network, RESNET18)
        self.refused(shapes_of(RESNET18, "torchvision", stages=1), "resnet18 or resnet34", "--architecture decides")
        self.assertEqual(fit_of(shapes_of(RESNET18, "torchvision", stages=1), "resnet34").network.name, "resnet34")

    def test_gaps(self):
        whole = shapes_of(RESNET18, "torchvision")
        for name in whole:
            if name.endswith(".num_batches_tracked"):
                continue
            shapes = {n: s for n, s in whole.items() if n != name}
            parts = ("'%s'" % name,) if name != "conv1.weight" else ("no 'conv1.weight'",)
            self.refused(shapes, *parts)
        gap = {n: s for n, s in whole.items() if not n.startswith("layer3.")}
        self.refused(gap, "holds layer4 but no 'layer3.0.conv1.weight' before it")
        partly = {n: s for n, s in whole.items() if not n.startswith("layer4.1.")}
        self.refused(partly, "holds no 'layer4.1.conv1.weight' [512,512,3,3], which resnet18 needs")

    def test_odd_shapes(self):
        for network, dialect in EVERY:
            shapes = shapes_of(network, dialect)
            for name in list(shapes)[::97]:
                if shapes[name]:
                    odd = dict(shapes, **{name: shapes[name][:-1] + (shapes[name][-1] + 1,)})
                    self.refused(odd, "'%s' is [" % name, "%s expects [" % network.name, architecture=network.name)
                    self.refused(odd, "fits no known network; the nearest is", "tensors fit, but")

    def test_strangers(self):
        """Relatives with all our names and more: they would give other features."""
        shapes = dict(shapes_of(RESNET18, "torchvision"), **{"layer1.0.se.fc1.weight": (4, 64, 1, 1)})
        self.refused(shapes, "holds 'layer1.0.se.fc1.weight', which resnet18 does not have")
        for name, shape in {"layer1.0.se.fc1.weight": (16, 256, 1, 1), "layer1.0.se.conv.weight": (1, 1, 5),
                            "layer3.6.conv1.weight": (256, 1024, 1, 1)}.items():  # SE, ECA, ResNet-101
            self.refused(dict(shapes_of(RESNET50, "torchvision"), **{name: shape}), name, architecture="resnet50")
        group_norm = {name: shape for name, shape in shapes_of(RESNET50, "torchvision").items()
                      if not name.endswith((".running_mean", ".running_var", ".num_batches_tracked"))}
        self.refused(group_norm, "running_mean", architecture="resnet50")
        shapes = dict(shapes_of(B0, "timm"), **{"blocks.0.1.conv_dw.weight": (16, 1, 3, 3)})
        self.refused(shapes, "does not have", architecture="efficientnet_b0")
        heads = {"fc.weight": (10, 512), "classifier.1.weight": (10, 512), "neck.conv.weight": (1, 1, 1, 1)}
        self.assertEqual(fit_of({**shapes_of(RESNET18, "torchvision"), **heads}).network, RESNET18)

    def test_nearest(self):
        mobilenet = {"features.0.0.weight": (32, 3, 3, 3), "features.0.1.weight": (32,), "features.0.1.bias": (32,),
                     "features.0.1.running_mean": (32,), "features.0.1.running_var": (32,),
                     "features.1.conv.0.0.weight": (32, 1, 3, 3)}
        self.refused(mobilenet, "nearest is efficientnet_b0, where 5 of 6 tensors fit", "'features.1.conv.0.0.weight'")
        self.refused({"a": (1,), "b": (2,)}, "holds no known network", "'conv1.weight'", "'a', 'b', ... (2)")
        self.refused(shapes_of(B0, "timm"), "'conv_stem.weight', with which resnet18 does not begin",
                     architecture="resnet18")
        # A normal batch norm and a bias before it, as some exports leave it, is no folding
        shapes = dict(shapes_of(RESNET18, "torchvision"), **{"conv1.bias": (64,)})
        self.assertEqual(fit_of(shapes).names["conv1.bias"], "conv1.bias")


class FileTest(ConvertTest):
    def test_report_and_content(self):
        shapes = shapes_of(RESNET18, "torchvision", "module.", stages=2)
        shapes.update({"module.fc.weight": (2, 3), "module.fc.bias": (2,), "epoch": ()})
        content = safetensors_bytes(weights_of(shapes))
        result = self.run_convert(content)
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in ("input            safetensors, ", "prefix 'module.' removed", "architecture     resnet18\n",
                     "tensors          25 mapped, 157504 parameters\n",
                     "ignored          num_batches_tracked (5), fc (2), epoch (1)\n",
                     "missing          layer2 (25), layer3 (25), layer4 (25): the file ends before\n"):
            self.assertIn(line, result.stdout)
        metadata, tensors = self.converted(None)
        given = weights_of(shapes)
        self.assertEqual(tensors, {name[7:]: (dtype, list(shape), data) for name, (dtype, shape, data) in given.items()
                                   if ".fc." not in name and shape})
        self.assertEqual((metadata["architecture"], metadata["origin_names"]), ("resnet18", "torchvision"))
        self.assertEqual(set(metadata), {"architecture", "origin", "origin_names", "origin_sha256"})
        kept = self.converted(None, "--keep-names")
        self.assertEqual(kept[1], {n: (d, list(s), data) for n, (d, s, data) in given.items()})
        self.assertEqual(kept[0]["architecture"], "resnet18")

    def test_raw_says_nothing(self):
        content = safetensors_bytes(weights_of(shapes_of(RESNET18, "torchvision", stages=1)))
        metadata, _ = self.converted(content, "--raw")
        self.assertEqual(set(metadata), {"origin", "origin_sha256"})

    def test_values_and_types(self):
        weights = weights_of(shapes_of(RESNET18, "torchvision", stages=2))
        for pattern in (b"\x00\x7c", b"\x00\xfc", b"\x01\x7e"):
            wrong = dict(weights, **{"bn1.bias": ("F16", (64,), b"\0" * 126 + pattern)})
            self.refused(safetensors_bytes(wrong), "'bn1.bias' with NaN or infinity")
        for dtype, good, bad in (("F32", b"\xff\xff\x7f\x7f", b"\0\0\x80\x7f"), ("BF16", b"\x7f\x7f", b"\x80\xff"),
                                 ("F64", b"\xff" * 6 + b"\xef\x7f", b"\0" * 6 + b"\xf0\x7f")):
            some = dict(weights, **{"bn1.bias": (dtype, (64,), good * 64)})
            self.assertEqual(self.converted(safetensors_bytes(some))[1]["bn1.bias"][0], dtype)
            some = dict(weights, **{"bn1.bias": (dtype, (64,), good * 63 + bad)})
            self.refused(safetensors_bytes(some), "NaN or infinity")
        some = dict(weights, **{"bn1.bias": ("I8", (64,), b"\0" * 64)})
        self.refused(safetensors_bytes(some), "'bn1.bias' of I8, no type of weights")


if __name__ == "__main__":
    unittest.main()
