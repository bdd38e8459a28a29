#!/usr/bin/env python3
"""Masked reverse distillation from Python: scorers, options and presets, students, files."""
import copy
import math
import pickle

import helper
import numpy as np
import residual
from residual import MaskedRd, tiny

import adfeat


class ScoringTest(MaskedRd):
    def test_info(self):
        scorer = self.fit()
        info = scorer.info
        self.assertEqual((info.method, info.architecture, info.has_map, info.input_size, info.image_count),
                         ("masked_rd", "residual", True, 64, 8))
        self.assertEqual((scorer.options["layers"], scorer.options["levels"]), ("layer1,layer2,layer3", "123"))
        scorer = self.fit(validation_share=0)  # then normal is what all images are
        seen = [scorer.score_and_map(image) for image in self.images]
        of_all = lambda values: math.sqrt(np.mean(np.square(values)))
        self.assertAlmostEqual(scorer.info.normal_score / of_all([score for score, _ in seen]), 1, 4)
        self.assertAlmostEqual(scorer.info.normal_map / of_all([found.data for _, found in seen]), 1, 4)

    def test_maps(self):
        for options in ({}, {"preset": "rd4ad"}, {"preset": "mrkd_flm"}, {"levels": "23", "combine": "product"}):
            scorer = self.fit(**options)
            for image in (self.good, self.spot):
                score, found = scorer.score_and_map(image)
                self.assertEqual((found.shape, found.data.dtype), ((64, 64), np.float32))
                self.assertTrue(np.isfinite(found.data).all() and score > 0, options)
                self.assertEqual((score, scorer.score(image)), (found.max(), found.max()))
            self.assertEqual(scorer.anomaly_map(self.spot, size=(7, 5)).shape, (7, 5))
            batch = scorer.score_batch([self.good, self.spot] * 3)
            self.assertEqual(batch.tolist(), [scorer.score(self.good), scorer.score(self.spot)] * 3)

    def test_it_learns(self):
        scorer = self.fit(epochs=40, lr=0.02, patience=0)
        good = [scorer.score(residual.picture(100 + i)) for i in range(6)]
        score, found = scorer.score_and_map(self.spot)
        self.assertGreater(score, 3 * max(good))
        row, column = found.hottest()
        self.assertTrue(12 <= row < 44 and 20 <= column < 52, (row, column))
        result = adfeat.evaluate(scorer, [(residual.picture(200 + i, spot=i % 2), i % 2) for i in range(6)])
        self.assertEqual((result.images, result.anomalous, result.image_auroc), (6, 3, 1.0))

    def test_seeds_and_threads(self):
        scores = [self.fit(seed=seed).score(self.spot) for seed in (0, 1, 0, 1, 2)]
        self.assertEqual((scores[0], scores[1], len(set(scores))), (scores[2], scores[3], 3))
        for threads in (2, 3):
            net = residual.backbone(context=adfeat.Context(threads=threads))
            self.assertEqual(adfeat.fit(net, self.images, "masked_rd", **tiny()).score(self.spot), scores[0])

    def test_masks_in_use(self):
        """The seeded ones hide the same of every image, and what is trained has no part in them."""
        plain, seeded = self.fit(epochs=0), self.fit(epochs=0, eval_mask="seeded", mask_rate=0.5)
        self.assertNotEqual(plain.score(self.good), seeded.score(self.good))
        self.assertEqual(plain.score(self.good), self.fit(epochs=0, mask_rate=0.5).score(self.good))
        self.assertEqual({seeded.score(self.good) for _ in range(3)}, {seeded.score(self.good)})
        self.assertEqual(seeded.score_batch([self.spot, self.good]).tolist(),
                         [seeded.score(self.spot), seeded.score(self.good)])

    def test_save_and_load(self):
        masks = {"eval_mask": "seeded", "levels": "13", "gate": "soft", "cru_softmax": "joint"}
        for name, options in (("plain", {}), ("rd4ad", {"preset": "rd4ad"}), ("masks", masks)):
            scorer, path = self.fit(**options), self.path(name)
            scorer.save(path)
            loaded = adfeat.Scorer.load(path, self.net)
            self.assertEqual((loaded.info, loaded.options), (scorer.info, scorer.options))
            for image in (self.good, self.spot):
                self.assertEqual(loaded.score(image), scorer.score(image))
                np.testing.assert_array_equal(loaded.anomaly_map(image).data, scorer.anomaly_map(image).data)
            self.refused(adfeat.InvalidArgumentError, "residual", adfeat.Scorer.load, path)
            self.refused(adfeat.MismatchError, "digest", adfeat.Scorer.load, path, residual.backbone(seed=2))
            data = bytearray(path.read_bytes())
            data[-100] ^= 0xff
            path.write_bytes(data)
            self.refused(adfeat.FormatError, path.name, adfeat.Scorer.load, path, self.net)

    def test_a_built_in_network(self):
        """ResNet-18, whose weights end behind layer3: student, training and an embedded scorer."""
        weights = self.path("resnet18")
        weights.write_bytes(residual.safetensors(residual.weights(residual.resnet18()), architecture="resnet18"))
        net = adfeat.Backbone(weights, context=adfeat.Context(threads=1))
        fitter = adfeat.Fitter(net, "masked_rd", **tiny(epochs=1, levels="3", validation_share=0))
        self.assertEqual(fitter.student.info.parameter_count,
                         residual.parameters((64, 128, 256, 512), (2, 2, 2, 2), levels="3"))
        scorer, path = fitter.fit(self.images[:2]), self.path("scorer")
        scorer.save(path, embed=True)
        self.assertEqual(adfeat.Scorer.load(path).score(self.spot), scorer.score(self.spot))
        stem = {name: values for name, values in residual.weights(residual.resnet18()).items() if "layer3" not in name}
        weights.write_bytes(residual.safetensors(stem, architecture="resnet18"))
        self.refused(adfeat.MismatchError, "layer3", adfeat.Fitter, adfeat.Backbone(weights),
                     "masked_rd")


class OptionsTest(MaskedRd):
    def test_by_name_and_as_keywords(self):
        """What scorer and student say is what was given, whatever Python type it had."""
        asked = {"epochs": 1, "batch": np.int64(3), "loss": "flat", "lr": 0.01, "beta1": 0.25, "beta2": 0.75,
                 "weight_decay": 0, "seed": 11, "validation_share": 0.125, "split_seed": 5, "patience": 2,
                 "combine": "product", "blur_sigma": 2.5, "feature_cache": 1 << 20, "memory_limit": 1 << 30, "size": 96,
                 "crop": 64, "aspect": "shorter", "resize": "cv_linear", "mean": (0.5, 0.25, 0.125), "std": [1, 1, 1]}
        of_student = {"msff_out": "concat", "sru": True, "cru": False, "simam": np.int32(0), "gate": "soft",
                      "gn_groups": 3, "cru_softmax": "joint", "fmm": True, "fmm_align": False, "levels": 13,
                      "mask_rate": 0.4, "eval_mask": "seeded"}
        text = lambda value: ",".join(map(str, value)) if isinstance(value, (tuple, list)) else \
            value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(int(value))
        fitter = adfeat.Fitter(self.net, "masked_rd", layers=["layer1", "layer2", "layer3"],
                               **asked, **of_student)
        kept = self.kept(fitter.student)
        self.assertEqual({key: kept[key] for key in of_student}, {key: text(of_student[key]) for key in of_student})
        self.assertEqual((kept["kind"], kept["layers"], kept["seed"]), ("masked_rd", "layer1,layer2,layer3", "11"))
        said = fitter.fit(self.images).options
        self.assertEqual({key: said.get(key) for key in asked}, {key: text(asked[key]) for key in asked})
        self.assertEqual(said["levels"], "13")

    def test_every_option_counts(self):
        """Of how it is trained and scores; the same with what is the default said aloud."""
        score = lambda **options: self.fit(**options).score(self.spot)
        default = score()
        for same in ({"loss": "position", "combine": "sum", "lr": 1e-3, "beta1": 0.5, "beta2": 0.999, "seed": None},
                     {"preset": "masked_rd"}, {"msff_out": "conv", "scsatt": True, "gate": "hard", "levels": "all"},
                     {"levels": "123", "gn_groups": 4, "fmm": True, "fmm_align": 1, "mask_rate": 0.2},
                     {"feature_cache": 0}, {"patience": 0}):
            self.assertEqual(score(**same), default, same)
        others = [{"loss": "flat"}, {"combine": "product"}, {"lr": 2e-3}, {"beta1": 0.9}, {"beta2": 0.9},
                  {"weight_decay": 1}, {"validation_share": 0}, {"split_seed": 1}, {"blur_sigma": 0}, {"batch": 3},
                  {"epochs": 1}, {"size": 96}, {"resize": "cv_linear", "size": 96},
                  {"mean": (0, 0.5, 1), "std": (1, 1, 1)}, {"msff_out": "concat"}, {"sru": False}, {"cru": False},
                  {"simam": False}, {"scsatt": False}, {"gate": "soft"}, {"gn_groups": 2}, {"cru_softmax": "joint"},
                  {"fmm": False}, {"fmm_align": False}, {"levels": "1"}, {"levels": "12"}, {"levels": "3"},
                  {"mask_rate": 0}, {"mask_rate": 0.5}, {"eval_mask": "seeded"}]
        scores = [default] + [score(**options) for options in others]
        self.assertEqual(len(set(scores)), len(scores))

    def test_presets(self):
        """One word for the student and for how it is trained; other options change it."""
        def said(**options):
            fitter = adfeat.Fitter(self.net, "masked_rd",
                                   **{**tiny(validation_share=None, epochs=1, size=64), **options})
            kept, options = self.kept(fitter.student), fitter.fit(self.images).options
            return [kept[key] for key in ("msff_out", "sru", "cru", "simam", "fmm", "fmm_align")] + \
                [options[key] for key in ("loss", "lr", "weight_decay", "validation_share")]

        text = ["conv", "1", "1", "1", "1", "1", "position", "0.001", "1e-05", "0.1"]
        plain = ["concat", "0", "0", "0", "0", "1", "flat", "0.005", "0", "0"]
        for options in ({}, {"preset": "masked_rd"}, {"preset": None}):
            self.assertEqual(said(**options), text)
        self.assertEqual(said(preset="rd4ad"), plain)
        self.assertEqual(said(preset="mrkd_flm"), plain[:4] + ["1", "0"] + plain[6:])
        self.assertEqual(said(lr=0.25, sru=True, fmm=1, preset="rd4ad"),  # the preset comes first, wherever it stands
                         ["concat", "1", "0", "0", "1", "1", "flat", "0.25", "0", "0"])
        self.make(gate="soft", cru=False, simam=False).save(self.path("sru"))
        for order in ({"sru": True, "scsatt": False}, {"scsatt": False, "sru": True}):  # and so does the word for three
            self.assertEqual(said(**order), text[:2] + ["0", "0"] + text[4:])
            loaded = adfeat.Student.load(self.path("sru"), self.net, method="masked_rd",
                                         gate="soft", **order)
            self.assertEqual([self.kept(loaded)[key] for key in ("sru", "cru", "simam")], ["1", "0", "0"])
        student = self.make(preset="rd4ad")
        with adfeat.Fitter(student, preset="masked_rd", size=64) as fitter:  # it stays as it is
            self.assertEqual(self.kept(fitter.student)["msff_out"], "concat")
        words = "masked_rd, rd4ad, mrkd_flm"
        self.refused(adfeat.InvalidArgumentError, words, adfeat.Fitter, self.net, "masked_rd",
                     preset="ast")
        self.refused(adfeat.InvalidArgumentError, words, self.make, preset="wang2022")

    def test_refusals(self):
        refused = lambda kind, words, **options: self.refused(kind, words, adfeat.Fitter, self.net,
                                                              "masked_rd", **tiny(**options))
        invalid = adfeat.InvalidArgumentError
        refused(invalid, "masked_rd has no option 'speed'", speed=11)
        refused(invalid, "no option 'unet_depth'", unet_depth=1)  # another student's
        for rate in (1, -0.1, "much", float("nan")):
            refused(invalid, "mask_rate", mask_rate=rate)
        for name, value in (("batch", 1), ("epochs", -1), ("lr", 0), ("beta1", 1), ("beta2", 1), ("blur_sigma", 65),
                            ("validation_share", 1), ("seed", -1), ("gn_groups", 0), ("sru", 2), ("fmm", -1)):
            refused(invalid, name, **{name: value})
        for name, words in (("loss", "position, flat"), ("combine", "product, sum"), ("msff_out", "conv, concat"),
                            ("gate", "hard, soft"), ("cru_softmax", "two_way, joint"), ("eval_mask", "none, seeded"),
                            ("levels", "all, 1, 2, 12, 3, 13, 23, 123")):
            refused(invalid, words, **{name: "both"})
        refused(invalid, "takes the layers layer1,layer2,layer3", layers="layer1,layer2")
        refused(invalid, "gn_groups", gn_groups=3)
        refused(adfeat.ShapeError, "multiples of 32", size=100)
        refused(adfeat.ShapeError, "multiples of 32", size=64, crop=48)
        refused(adfeat.OutOfMemoryError, "memory_limit", memory_limit=1000)
        self.refused(invalid, "gaussian, padim, stfpm, stfpm_unet, ast, masked_rd", adfeat.fit,
                     self.net,
                     self.images, "magic")
        self.refused(TypeError, "gaussian trains no student: there is no train, checkpoint_dir or "
                     "resume", adfeat.fit, self.net, self.images, layers="layer1",
                     resume=True)
        fitter = adfeat.Fitter(self.net, "masked_rd", **tiny(validation_share=0.1))
        self.refused(ValueError, "checkpoint_dir", fitter.fit, self.images, resume=True)
        self.refused(adfeat.UnsupportedError, "merged", fitter.merge,
                     adfeat.Fitter(self.net, "masked_rd", **tiny()))
        self.refused(adfeat.StateError, "0 images", fitter.finish)
        for count in (1, 2):  # one of two is held out
            fitter.add(self.good)
            self.refused(adfeat.StateError, "%d images" % count, fitter.finish)
        fitter.add(self.good)
        self.assertIsInstance(fitter.finish(), adfeat.Scorer)

    def test_students_of_others(self):
        self.refused(TypeError, "Backbone", adfeat.Fitter, "w.safetensors", "masked_rd")
        stfpm, mine = adfeat.Student(self.net, layers="layer1"), self.make()
        self.refused(ValueError, "of method stfpm, not of masked_rd", adfeat.Fitter, stfpm,
                     "masked_rd")
        self.refused(ValueError, "of method masked_rd, not of stfpm", adfeat.Fitter, mine, "stfpm")
        self.refused(ValueError, "of method masked_rd, not of ast", adfeat.Fitter, mine, "ast")
        for name, value in (("levels", "1"), ("layers", "layer1,layer2,layer3"), ("mask_rate", 0.5), ("scsatt", False)):
            self.refused(adfeat.InvalidArgumentError, "option " + name, adfeat.Fitter, mine,
                         **{name: value})

    def test_teachers(self):
        made = lambda graph, **options: adfeat.Fitter(residual.backbone(graph=graph), "masked_rd",
                                                      **tiny(**options))
        text = residual.graph()
        self.refused(adfeat.UnsupportedError, "tiny is not: it has no layer1.0.conv1",
                     adfeat.Fitter,
                     helper.tiny_backbone(), "masked_rd")
        self.refused(adfeat.UnsupportedError, "residual is not: it has no layer4.0.conv1", made,
                     text[:text.index("conv2d layer4")])
        self.refused(adfeat.UnsupportedError, "layer2", made, text.replace("tap layer2 ", "tap other "))
        self.refused(adfeat.UnsupportedError, "32x32 positions", made, residual.graph(stem=2))
        wide = (4, 6, 12, 10)
        net = residual.backbone(wide)
        self.refused(adfeat.InvalidArgumentError, "12 channels: a multiple of 8", adfeat.Fitter,
                     net, "masked_rd", **tiny())
        student = adfeat.Student(net, "masked_rd", cru=False)
        self.assertEqual(student.info.parameter_count, residual.parameters(wide, cru=False))
        self.refused(adfeat.InvalidArgumentError, "gn_groups is 5", adfeat.Student, net, "masked_rd", cru=False,
                     gn_groups=5)


class StudentTest(MaskedRd):
    def test_info(self):
        student = self.make(seed=7, levels="2")
        info = student.info
        self.assertEqual((info.method, student.method, info.architecture, info.layers,
                          info.epochs_trained, info.seed),
                         ("masked_rd", "masked_rd", "residual", ("layer1", "layer2", "layer3"), 0, 7))
        self.assertRegex(info.teacher_digest, "^[0-9a-f]{16}$")
        self.assertIs(student.teacher, self.net)
        self.assertIn("masked_rd of residual, 0 epochs", repr(student))

    def test_what_each_switch_adds(self):
        """The parameters as the method's text counts them."""
        switches = [{}, {"msff_out": "concat"}, {"sru": False}, {"gate": "soft"}, {"cru": False}, {"simam": False},
                    {"gate": "soft", "cru": False, "msff_out": "concat"}, {"fmm": False}, {"fmm_align": False}]
        switches += [{"levels": levels} for levels in ("1", "2", "12", "3", "13", "23", "123")]
        counts = {}
        for options in switches:
            counts[str(options)] = self.make(**options).info.parameter_count
            self.assertEqual(counts[str(options)], residual.parameters(**options), options)
        self.assertEqual(len(set(counts.values())), len(counts) - 3)  # no sru, no simam, all levels by name
        of_none = {"sru": False, "cru": False, "simam": False}
        for preset, switches in (("masked_rd", {}), ("rd4ad", {"msff_out": "concat", "fmm": False, **of_none}),
                                 ("mrkd_flm", {"msff_out": "concat", "fmm_align": False, **of_none})):
            self.assertEqual(self.make(preset=preset).info.parameter_count, residual.parameters(**switches), preset)
        for options in ({"mask_rate": 0}, {"eval_mask": "seeded"}, {"cru_softmax": "joint"}, {"gn_groups": 1}):
            self.assertEqual(self.make(**options).info.parameter_count, residual.parameters(), options)
        self.assertEqual(self.make(scsatt=False).info.parameter_count, residual.parameters(**of_none))

    def test_save_and_load(self):
        path, again = self.path("student"), self.path("again")
        trained = adfeat.Fitter(self.net, "masked_rd",
                                **tiny(seed=3, gate="soft", levels="12", mask_rate=0.3))
        trained.fit(self.images)
        for student, epochs in ((self.make(seed=4, preset="rd4ad"), 0), (self.make(eval_mask="seeded"), 0),
                                (trained.student, 2)):
            student.save(path)
            loaded = adfeat.Student.load(path, self.net)
            self.assertEqual((loaded.info, loaded.info.epochs_trained), (student.info, epochs))
            loaded.save(again)
            self.assertEqual(again.read_bytes(), path.read_bytes())
            self.assertEqual(adfeat.file_metadata(path)["adfeat.kind"], "student")
        for wrong in ({"method": "masked_rd", "levels": "123"}, {"msff_out": "concat"},
                      {"method": "stfpm"},
                      {"method": "stfpm", "layers": "layer1"}):
            self.refused(adfeat.MismatchError, path.name, lambda: adfeat.Student.load(path, self.net, **wrong))
        self.refused(adfeat.MismatchError, path.name, adfeat.Student.load, path, helper.tiny_backbone())
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xff
        path.write_bytes(data)
        self.refused(adfeat.FormatError, path.name, adfeat.Student.load, path, self.net)

    def test_an_official_checkpoint(self):
        """RD4AD's names; what its code never calls is not looked at."""
        wanted, path, again = self.path("wanted"), self.path("official"), self.path("again")
        student = self.make(preset="rd4ad")
        student.save(wanted)
        official = {"bn.conv4.weight": np.ones((3, 3, 1, 1)), "bn.bn4.weight": np.ones(3),
                    "bn.bn1.num_batches_tracked": [5]}
        for name, values in residual.tensors(wanted.read_bytes()).items():
            name = name[len("student."):]
            official[name if name.startswith("decoder.") else "bn." + name.replace("msff.", "")] = values
        path.write_bytes(residual.safetensors(official))
        loaded = adfeat.Student.load(path, self.net, method="masked_rd", preset="rd4ad")
        self.assertEqual(loaded.info, student.info)
        loaded.save(again)
        self.assertEqual(again.read_bytes(), wanted.read_bytes())
        scorer = adfeat.Fitter(loaded, **tiny(epochs=0, preset="rd4ad")).fit(self.images)
        self.assertEqual(scorer.score(self.spot), self.fit(epochs=0, preset="rd4ad").score(self.spot))
        self.refused(adfeat.MismatchError, path.name,
                     lambda: adfeat.Student.load(path, self.net, method="masked_rd"))

    def test_continue_with_a_saved_student(self):
        """Saved, loaded and trained further is the same as trained further at once."""
        path, scores = self.path("student"), []
        first = adfeat.Fitter(self.net, "masked_rd", **tiny())
        first.fit(self.images)
        first.student.save(path)
        for student in (first.student, adfeat.Student.load(path, self.net)):
            with adfeat.Fitter(student, **tiny(epochs=3)) as fitter:
                self.assertIs(fitter.student, student)
                scores.append(fitter.fit(self.images).score(self.spot))
            self.assertEqual(student.info.epochs_trained, 5)
        self.assertEqual(scores[0], scores[1])

    def test_closed_and_not_copied(self):
        student = self.make()
        fitter = adfeat.Fitter(student, **tiny())
        scorer = fitter.fit(self.images)
        for handle in (student, fitter, scorer):
            for function in (pickle.dumps, copy.copy, copy.deepcopy):
                self.refused(TypeError, "save()", function, handle)
        student.close()
        for call in (lambda: student.info, lambda: student.save("x"), student.__enter__,
                     lambda: adfeat.Fitter(student)):
            self.refused(adfeat.ClosedError, "Student is closed", call)
        self.assertIn("closed", repr(student))
        self.assertEqual(fitter.finish().score(self.good), scorer.score(self.good))  # children keep their parents
        fitter.close()
        for call in (fitter.finish, lambda: fitter.add(self.good), lambda: fitter.count,
                     lambda: fitter.fit(self.images)):
            self.refused(adfeat.ClosedError, "Fitter is closed", call)


if __name__ == "__main__":
    helper.main()
