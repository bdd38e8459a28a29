#!/usr/bin/env python3
"""What no tensor tells: padding, eps, mean and std of EfficientNets from options, metadata and names; and
that two possibilities are never decided by a guess."""
import unittest

from files import ConvertTest, networks, safetensors_bytes, shapes_of, weights_of

from _convert import provenance

TF, PLAIN = {"padding": "same_dynamic", "batchnorm_eps": "0.001"}, {"padding": "symmetric", "batchnorm_eps": "1e-05"}
HALF = {"mean": "0.5,0.5,0.5", "std": "0.5,0.5,0.5"}
IMAGENET = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}


class ProvenanceTest(ConvertTest):
    def content(self, name, dialect, metadata=None):
        """The first stages alone: enough where the architecture is given."""
        return safetensors_bytes(weights_of(shapes_of(networks()[name], dialect, stages=3)), metadata)

    def facts(self, name, dialect, *arguments, file="net.safetensors", metadata=None):
        self.store(self.content(name, dialect, metadata), file)
        self.output = self.input + ".out"
        found, _ = self.converted(None, "--architecture", name, *arguments)
        return {key: found[key] for key in provenance.FIELDS if key in found}

    def open_question(self, name, dialect, *parts, arguments=(), file="net.safetensors", metadata=None):
        self.store(self.content(name, dialect, metadata), file)
        self.output = self.input + ".out"
        for part in parts:
            self.refused(None, part, "--architecture", name, *arguments)

    def test_names_of_tensors(self):
        for size in ("b0", "b1", "b2", "b3", "b4", "b5"):
            name = "efficientnet_" + size
            self.assertEqual(self.facts(name, "efficientnet_pytorch"), TF)
            wanted = dict(PLAIN, batchnorm_eps="0.001") if size == "b5" else PLAIN
            self.assertEqual(self.facts(name, "torchvision"), wanted)
            self.open_question(name, "timm", "is %s under timm's names" % name, "'%s' (symmetric padding, eps 1e-5)"
                               % name, "'tf_%s' (same_dynamic, 1e-3)" % name, "--name", "--padding")
        self.assertEqual(self.facts("efficientnet_lite0", "efficientnet_pytorch"), TF)
        self.open_question("efficientnet_lite1", "timm", "'tf_efficientnet_lite1'")
        self.assertEqual(self.facts("resnet50", "torchvision"), {})

    def test_models(self):
        """As timm's default_cfgs have it."""
        for model, wanted in (
                ("tf_efficientnet_b4", TF), ("tf_efficientnet_b4.ns_jft_in1k", TF), ("tf_efficientnet_b4_ns", TF),
                ("tf_efficientnet_b4.ap_in1k", {**TF, **HALF}), ("tf_efficientnet_b4_ap", {**TF, **HALF}),
                ("tf_efficientnet_b5.ra_in1k", TF), ("efficientnet_b4", PLAIN), ("efficientnet_b4.ra2_in1k", PLAIN),
                ("efficientnet_b5.sw_in12k_ft_in1k", PLAIN), ("efficientnet_b1.ft_in1k", PLAIN),
                ("efficientnet_b0.ra4_e3600_r224_in1k", {**PLAIN, **HALF}),
                ("efficientnet_b1.ra4_e3600_r240_in1k", {**PLAIN, **HALF}),
                ("tf_efficientnet_lite0", {**TF, **HALF}), ("tf_efficientnet_lite2.in1k", {**TF, **HALF}),
                ("efficientnet_lite0.ra_in1k", {**PLAIN, **IMAGENET})):
            name = provenance.model_of(model).architecture
            self.assertEqual(self.facts(name, "timm", "--name", model), wanted, model)
            self.store(self.content(name, "timm"))
            self.assertEqual(self.run_convert(None, "--architecture", model).returncode,
                             1 if model == name else 0)  # libadfeat's own name says nothing of the weights
            for ending in (".pth", ".safetensors", "-7eb33cd5.pth"):
                self.assertEqual(self.facts(name, "timm", file=model + ending), wanted, model + ending)
        self.assertEqual(self.facts("resnet34", "torchvision", "--name", "resnet34.ra4_e3600_r224_in1k"), HALF)
        self.assertEqual(self.facts("resnet34", "torchvision", "--name", "resnet34.a1_in1k"), {})

    def test_the_file_name_is_told(self):
        """Even under --quiet: what a file is called may be anybody's choice."""
        self.store(self.content("efficientnet_b4", "timm"), "efficientnet_b4_ra2_320-7eb33cd5.pth")
        arguments = ("--architecture", "efficientnet_b4")
        told = "padding and batchnorm_eps: from the file's name, taken to mean timm's 'efficientnet_b4_ra2_320"
        self.assertIn(told, self.run_convert(None, *arguments).stdout)
        result = self.run_convert(None, "--quiet", *arguments)
        self.assertIn(told, result.stderr)
        self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1))

    def test_file_names_that_say_nothing(self):
        for file in ("my_efficientnet_b4.pth", "efficientnet_b4_mine.pth", "efficientnet_b4.new_in1k.safetensors",
                     "xtf_efficientnet_b4.pth", "tf_efficientnet_b4_zz.pth", "efficientnet-b4-6ed6700e.pth",
                     "tf_efficientnet_b3_ns.pth", "efficientnet_b4", "model.safetensors"):
            if file == "efficientnet_b4":
                self.assertEqual(self.facts("efficientnet_b4", "timm", file=file), PLAIN)
                continue
            self.open_question("efficientnet_b4", "timm", "under timm's names", file=file)
        # timm has given this name to two sets of weights
        self.open_question("efficientnet_b1", "timm", "ft_in1k", "ra4_e3600_r240_in1k", "--mean and --std",
                           file="efficientnet_b1-533bc792.pth")
        # Other libraries' files keep what their tensors' names say
        self.assertEqual(self.facts("efficientnet_b5", "torchvision", file="efficientnet_b5_lukemelas-b6417697.pth"),
                         dict(PLAIN, batchnorm_eps="0.001"))
        self.assertEqual(self.facts("efficientnet_b5", "torchvision", file="efficientnet_b5.pth"),
                         dict(PLAIN, batchnorm_eps="0.001"))
        self.assertEqual(self.facts("efficientnet_b4", "efficientnet_pytorch", file="efficientnet_b4.pth"), TF)
        adversarial = self.facts("efficientnet_b4", "efficientnet_pytorch", file="adv-efficientnet-b4-44fb3a87.pth")
        self.assertEqual(adversarial, {**TF, **HALF})

    def test_options(self):
        b4 = ("efficientnet_b4", "timm")
        every = self.facts(*b4, "--padding", "same_static", "--batchnorm-eps", "0.002", "--mean", "0.1", "--std",
                           "0.2,0.3,0.4")
        self.assertEqual(every, {"padding": "same_static", "batchnorm_eps": "0.002", "mean": "0.1,0.1,0.1",
                                 "std": "0.2,0.3,0.4"})
        self.assertEqual(self.facts(*b4, "--padding", "symmetric"), PLAIN)
        self.assertEqual(self.facts(*b4, "--padding", "same_static_v063"), {**TF, "padding": "same_static_v063"})
        self.open_question(*b4, "under timm's names", arguments=("--batchnorm-eps", "1e-3"))
        self.assertEqual(self.facts("efficientnet_lite0", "timm", "--padding", "symmetric"), {**PLAIN, **IMAGENET})
        self.assertEqual(self.facts("efficientnet_lite0", "timm", "--padding", "same_dynamic"), {**TF, **HALF})
        self.assertEqual(self.facts("resnet18", "torchvision", "--mean", "0.5", "--std", "0.5"), HALF)
        self.open_question("resnet18", "torchvision", "is resnet18, which leaves padding no choice",
                           arguments=("--padding", "symmetric"))
        for option, value in (("--padding", "same"), ("--batchnorm-eps", "0"), ("--batchnorm-eps", "nan"),
                              ("--batchnorm-eps", "1,2"), ("--mean", "a"), ("--mean", "1,2"), ("--std", "0"),
                              ("--std", "inf"), ("--mean", "nan")):
            self.refused(None, "is '%s'" % value, option, value, code=2)

    def test_contradictions(self):
        for model, dialect, part in (
                ("tf_efficientnet_b4", "torchvision", "the name 'tf_efficientnet_b4' says same_dynamic, but the kind "
                                                      "of its names says symmetric; --padding decides"),
                ("efficientnet_b4.ra2_in1k", "efficientnet_pytorch", "says symmetric"),
                ("efficientnet_b4", "efficientnet_pytorch", "says symmetric"),
                ("adv-efficientnet-b4", "torchvision", "says same_dynamic")):
            self.open_question("efficientnet_b4", dialect, part, arguments=("--name", model))
        self.open_question("efficientnet_b4", "torchvision", "the file's name", file="tf_efficientnet_b4_ns.pth")
        self.assertEqual(self.facts("efficientnet_b4", "torchvision", "--name", "tf_efficientnet_b4", "--padding",
                                    "symmetric", "--batchnorm-eps", "1e-3"), dict(PLAIN, batchnorm_eps="0.001"))
        self.assertEqual(self.facts("efficientnet_b4", "torchvision", "--name", "efficientnet_b4"), PLAIN)
        result = self.run_convert(None, "--padding", "same_dynamic", "--architecture", "efficientnet_b4")
        self.assertIn("--padding same_dynamic is taken, though the kind of its names says symmetric", result.stdout)

    def test_metadata(self):
        b4 = ("efficientnet_b4", "timm")
        stored = {"padding": "same_static", "batchnorm_eps": "0.001", **HALF}
        self.assertEqual(self.facts(*b4, metadata=stored), stored)
        self.assertEqual(self.facts(*b4, metadata=stored, file="efficientnet_b4.safetensors"), stored)
        self.assertEqual(self.facts(*b4, "--padding", "symmetric", "--mean", "0.1", metadata=stored),
                         {**stored, "padding": "symmetric", "mean": "0.1,0.1,0.1"})
        self.open_question(*b4, "the file's metadata says same_static", "'tf_efficientnet_b4'", metadata=stored,
                           arguments=("--name", "tf_efficientnet_b4"))
        for key, value in (("padding", "SAME"), ("batchnorm_eps", "x"), ("mean", "1,2"), ("std", "-1")):
            self.open_question(*b4, "wrong metadata: %s" % key, metadata={**stored, key: value})
        self.open_question(*b4, "says that it is 'resnet18', not efficientnet_b4",
                           metadata={"architecture": "resnet18"})

    def test_converting_twice(self):
        """The result, under other names, means what the input meant, whatever it is called."""
        for name, dialect, model in (("efficientnet_b4", "timm", "efficientnet_b4.ra2_in1k"),
                                     ("efficientnet_b4", "timm", "tf_efficientnet_b4.ap_in1k"),
                                     ("efficientnet_lite0", "timm", "efficientnet_lite0.ra_in1k"),
                                     ("efficientnet_b5", "torchvision", "efficientnet_b5")):
            for keep in ((), ("--keep-names",)):
                wanted = self.facts(name, dialect, "--name", model, *keep)
                first, tensors = self.converted(None, "--architecture", name, "--name", model, *keep)
                self.input, self.output = self.output, self.input + ".again"
                again, same = self.converted(None, *keep)
                self.assertEqual(same, tensors)
                self.assertEqual({key: again[key] for key in provenance.FIELDS if key in again}, wanted)
                self.assertEqual(again["architecture"], first["architecture"])

    def test_unknown_names(self):
        for option, name in (("--name", "efficientnet_b9"), ("--name", "tf_efficientnet_b4.zz"),
                             ("--architecture", "vgg16"), ("--name", "adv-efficientnet_b4"),
                             ("--name", "tf_efficientnet-b4"), ("--name", "adv-efficientnet-lite0")):
            self.refused(None, "%s '%s' is not known" % (option, name), option, name, code=2)
        self.refused(None, "is efficientnet_b3, not efficientnet_b4", "--architecture", "efficientnet_b4", "--name",
                     "tf_efficientnet_b3", code=2)
        self.refused(None, "are two models", "--architecture", "tf_efficientnet_b4", "--name", "tf_efficientnet_b4_ap",
                     code=2)


if __name__ == "__main__":
    unittest.main()
