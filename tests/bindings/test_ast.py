#!/usr/bin/env python3
"""AST from Python: modes, options and presets, the teacher's score, training, students, files, leaks."""
import math
import os
import pathlib
import shutil

import helper
import numpy as np
import parts
from test_leaks import LeakTest

import adfeat

MODES = ("rgb", "depth", "combi")
EPOCHS, BATCHES = 3, 2  # of 8 images two batches of 4


def tiny(**options):
    return {**parts.TINY, **options}


class Ast(helper.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(helper.scratch())
        cls.net = parts.backbone()
        cls.images = [parts.image(i) for i in range(8)]
        cls.good = parts.image(100)
        cls.spot, cls.dent = parts.image(100, spot=True), parts.image(100, dent=True)

    def path(self, name):
        """A name that no other test uses."""
        return self.folder / ("%s-%s" % (self.id().split(".")[-1], name))

    def fit(self, mode, **options):
        return adfeat.fit(self.net, self.images, "ast", mode=mode, **tiny(**options))


class ModesTest(Ast):
    def test_what_each_mode_sees(self):
        """A spot is in the pixels, a dent in the depth; what a mode does not look at changes no bit."""
        for score in ("student", "teacher"):
            for mode in MODES:
                scorer = self.fit(mode, score=score)
                good, spot, dent = scorer.score(self.good), scorer.score(self.spot), scorer.score(self.dent)
                others = [scorer.score(parts.image(101 + i)) for i in range(4)]
                for value, seen in ((spot, mode != "depth" and (mode, score) != ("combi", "teacher")),
                                    (dent, mode != "rgb")):
                    if seen:
                        self.assertGreater(value, 1.2 * max(others + [good]), (mode, score))
                if mode == "depth":
                    self.assertEqual(spot, good)
                if mode == "rgb":
                    self.assertEqual(scorer.score(self.good.pixels), good)
                    self.assertEqual(scorer.score(adfeat.DepthImage(self.good.pixels, self.dent.depth)), good)
                info = scorer.info
                self.assertEqual((info.method, info.architecture, info.has_map, info.input_size, info.image_count),
                                 ("ast", "tiny", True, 6, 8))
                seen = [scorer.score(image) for image in self.images]
                self.assertAlmostEqual(info.normal_score / math.sqrt(np.mean(np.square(seen))), 1, 4)
                self.assertEqual((scorer.options["mode"], scorer.options["score"], scorer.options["layers"]),
                                 (mode, score, "stem"))
                self.assertEqual("depth_fill" in scorer.options, mode != "rgb")

    def test_maps(self):
        spot, dent = (self.spot, (9, 15), (13, 19)), (self.dent, (10, 15), (14, 19))
        for mode, (broken, row, column) in (("rgb", spot), ("depth", dent), ("combi", dent)):
            scorer = self.fit(mode)
            score, found = scorer.score_and_map(broken)
            self.assertEqual((found.shape, found.data.dtype, score), ((24, 32), np.float32, scorer.score(broken)))
            at = found.hottest()
            self.assertTrue(row[0] - 4 <= at[0] < row[1] + 4 and column[0] - 6 <= at[1] < column[1] + 6, (mode, at))
            self.assertGreater(found.max(), 3 * scorer.info.normal_map)
            self.assertEqual(found.overlay().shape, (24, 32, 3))
            self.assertEqual(scorer.anomaly_map(broken, size=(7, 5)).shape, (7, 5))
            batch = scorer.score_batch([self.good, broken] * 3)
            self.assertEqual(batch.tolist(), [scorer.score(self.good), score] * 3)
            if mode != "rgb":  # off the foreground there is nothing
                self.assertLess(max(abs(found[0, 0]), abs(found[-1, -1])), 0.02 * found.max())

    def test_an_untrained_flow_by_hand(self):
        """Its gains are 0: it permutes, and the teacher's score is half the mean squared norm of the features."""
        fitter = adfeat.Fitter(self.net, "ast", **tiny(epochs=0, score="teacher"))
        scorer = fitter.fit(self.images)
        self.assertEqual(fitter.student.info.epochs_trained, 0)
        for image in (self.good, self.spot):
            features = self.net.extract_features(image, size=6)["stem"].astype(np.float64)
            self.assertAlmostEqual(scorer.score(image) / (0.5 * np.square(features).sum(2).mean()), 1, 5)

    def test_teacher_and_student_of_one_training(self):
        """The score is no part of the training: both from one student, and from one checkpoint."""
        folder = self.path("checkpoint")
        fitter = adfeat.Fitter(self.net, "ast", **tiny(mode="combi"))
        scorer = fitter.fit(self.images, checkpoint_dir=folder)
        wanted = self.fit("combi", score="teacher")
        self.assertNotEqual(wanted.score(self.dent), scorer.score(self.dent))
        with adfeat.Fitter(fitter.student, size=6, batch=4, epochs=0, score="teacher") as other:
            again = other.fit(self.images)
        resumed = adfeat.fit(self.net, self.images, "ast", mode="combi", checkpoint_dir=folder, resume=True,
                             **tiny(score="teacher"))
        for image in (self.good, self.spot, self.dent):
            self.assertEqual(again.score(image), wanted.score(image))
            self.assertEqual(resumed.score(image), wanted.score(image))

    def test_save_and_load(self):
        for mode in MODES:
            scorer = self.fit(mode, epochs=2)
            path = self.path(mode)
            scorer.save(path)
            self.assertEqual(adfeat.file_metadata(path)["adfeat.option.mode"], mode)
            loaded = adfeat.Scorer.load(path, self.net)
            self.assertEqual((loaded.info, loaded.options), (scorer.info, scorer.options))
            for image in (self.good, self.spot, self.dent):
                self.assertEqual(loaded.score(image), scorer.score(image))
                np.testing.assert_array_equal(loaded.anomaly_map(image).data, scorer.anomaly_map(image).data)
            self.refused(adfeat.InvalidArgumentError, "tiny", adfeat.Scorer.load, path)
            if mode != "rgb":
                self.refused(adfeat.InvalidArgumentError, "no depth plane", loaded.score, self.good.pixels)
            data = bytearray(path.read_bytes())
            data[-100] ^= 0xff
            path.write_bytes(data)
            self.refused(adfeat.FormatError, path.name, adfeat.Scorer.load, path, self.net)

    def test_evaluate(self):
        pairs = [(parts.image(300 + i, dent=i % 2), i % 2) for i in range(6)]
        result = adfeat.evaluate(self.fit("combi"), pairs)
        self.assertEqual((result.images, result.anomalous, result.image_auroc), (6, 3, 1.0))
        mask = np.zeros((24, 32), bool)
        mask[10:15, 14:19] = True
        alone = [(adfeat.DepthImage(None, image.depth), label, mask if label else None) for image, label in pairs]
        result = adfeat.evaluate(self.fit("depth"), alone)
        self.assertEqual((result.images, result.image_auroc), (6, 1.0))
        self.assertGreater(result.pixel_auroc, 0.9)


class OptionsTest(Ast):
    def test_by_name_and_as_keywords(self):
        """What the scorer says is what was given, whatever Python type it had."""
        asked = {"mode": "combi", "teacher_epochs": 2, "student_epochs": np.int64(1), "batch": 3, "lr": 0.001,
                 "weight_decay": 0, "clip_norm": 2.5, "seed": 11, "mask": "soft", "mask_norm": "all",
                 "score": "student", "aggregate": "mean", "max_after_upsample": True, "mask_twice": True,
                 "validation_share": 0.25, "split_seed": 5, "feature_cache": 1 << 20, "memory_limit": 1 << 30,
                 "depth_threshold": 0.02, "depth_fill": 2, "depth_fill_border": True, "depth_corners": "nearest",
                 "depth_dilation": 5, "size": 6, "resize": "cv_linear", "mean": (0.5, 0.25, 0.125), "std": [1, 1, 1]}
        of_student = {"layers": ["stem"], "flow_blocks": 3, "flow_hidden": 5, "student_blocks": 2, "student_hidden": 7,
                      "positions": 8, "alpha": 1.5, "leaky": 0.125}
        fitter = adfeat.Fitter(self.net, "ast", **asked, **of_student)
        path = self.path("student")
        fitter.student.save(path)
        kept = adfeat.file_metadata(path)
        self.assertEqual({key: kept["adfeat.student." + key] for key in of_student},
                         {"layers": "stem", "flow_blocks": "3", "flow_hidden": "5", "student_blocks": "2",
                          "student_hidden": "7", "positions": "8", "alpha": "1.5", "leaky": "0.125"})
        self.assertEqual((kept["adfeat.student.kind"], kept["adfeat.student.mode"], fitter.student.info.seed),
                         ("ast", "combi", 11))
        said = fitter.fit(self.images).options
        for key, value in asked.items():
            wanted = ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(int(value)) \
                if isinstance(value, (bool, np.int64)) else str(value)
            self.assertEqual(said.get(key), wanted, key)

    def kept(self, student):
        path = self.path("kept")
        student.save(path)
        return adfeat.file_metadata(path)["adfeat.student.leaky"]

    def test_presets(self):
        """One word for the student and for how it is trained and scores; other options change it."""
        said = lambda **options: (lambda fitter: (self.kept(fitter.student), fitter.fit(self.images).options))(
            adfeat.Fitter(self.net, "ast", **tiny(mode="combi", epochs=1, **options)))
        names = ("mask", "mask_norm", "mask_twice")
        for options in ({}, {"preset": "ast"}, {"preset": None}):
            leaky, others = said(**options)
            self.assertEqual((leaky,) + tuple(others[name] for name in names), ("0.2", "binary", "foreground", "0"))
        leaky, others = said(preset="ast_official")
        self.assertEqual((leaky,) + tuple(others[name] for name in names), ("0.01", "soft", "all", "1"))
        leaky, others = said(leaky=0.5, mask_twice=False, preset="ast_official")  # the preset comes first
        self.assertEqual((leaky,) + tuple(others[name] for name in names), ("0.5", "soft", "all", "0"))
        student = adfeat.Student(self.net, "ast", layers="stem", preset="ast_official", flow_hidden=4, student_hidden=8)
        self.assertEqual(self.kept(student), "0.01")
        # A student that is there stays as it is.
        with adfeat.Fitter(student, preset="ast", size=6) as fitter:
            self.assertEqual(self.kept(fitter.student), "0.01")
        self.refused(adfeat.InvalidArgumentError, "ast_official", adfeat.Fitter, self.net, "ast",
                     **tiny(preset="stfpm"))
        self.refused(adfeat.InvalidArgumentError, "preset", adfeat.Student, self.net, "ast", preset="wang2022")

    def test_refusals(self):
        refused = lambda kind, words, **options: self.refused(kind, words, adfeat.Fitter, self.net,
                                                              "ast", **tiny(**options))
        invalid = adfeat.InvalidArgumentError
        refused(invalid, "no option 'speed'", speed=11)
        refused(invalid, "batch", batch=0)
        refused(invalid, "lr", lr=0)
        refused(invalid, "mask is binary, which needs depth", mask="binary")
        refused(invalid, "auto, none, binary", mask="round")
        refused(invalid, "student, teacher", score="both")
        refused(invalid, "aggregate", aggregate="min")
        refused(invalid, "rgb, depth, combi", mode="xyz")
        refused(invalid, "layer9", layers="layer9")
        refused(invalid, "layer3", layers=None)  # the choice for networks that say nothing
        refused(invalid, "positions", positions=6)
        refused(invalid, "flow_blocks", flow_blocks=17)
        refused(invalid, "alpha", alpha=-1)
        refused(invalid, "leaky", leaky=0)
        refused(invalid, "crop", mode="depth", size=8, crop=6)
        refused(invalid, "depth_threshold", mode="depth", depth_threshold=0)
        refused(invalid, "depth_corners", depth_corners="round")
        refused(invalid, "'unet_depth'", unet_depth=1)  # another student's
        refused(invalid, "cache_dir", cache_file=1 << 20)
        refused(adfeat.OutOfMemoryError, "memory_limit", memory_limit=1000)
        self.refused(TypeError, "Backbone", adfeat.Fitter, "w.safetensors", "ast")
        stfpm = adfeat.Student(self.net, layers="stem")
        ast = adfeat.Student(self.net, "ast", layers="stem", flow_hidden=4, student_hidden=8)
        self.refused(ValueError, "of method stfpm, not of ast", adfeat.Fitter, stfpm, "ast")
        self.refused(ValueError, "of method ast, not of stfpm", adfeat.Fitter, ast, "stfpm")
        for name in ("mode", "layers", "leaky"):
            self.refused(invalid, "option " + name, adfeat.Fitter, ast, **{name: "rgb"})
        fitter = adfeat.Fitter(self.net, "ast", **tiny())
        self.refused(ValueError, "checkpoint_dir", fitter.fit, self.images, resume=True)
        self.refused(adfeat.UnsupportedError, "merged", fitter.merge,
                     adfeat.Fitter(self.net, "ast", **tiny()))
        self.refused(adfeat.StateError, "0 images", fitter.finish)
        fitter.add(self.good)
        self.refused(adfeat.StateError, "1 images", fitter.finish)
        self.refused(invalid, "gaussian, padim, stfpm, stfpm_unet, ast", adfeat.fit, self.net,
                     self.images, "magic")

    def test_images_without_depth(self):
        """They leave the fitter as it was, and it goes on with the others."""
        for mode in ("depth", "combi"):
            fitter = adfeat.Fitter(self.net, "ast", **tiny(mode=mode, epochs=2))
            for image in self.images:
                fitter.add(image)
                self.refused(adfeat.InvalidArgumentError, "no depth plane", fitter.add, image.pixels)
                self.refused(adfeat.ShapeError, "depth plane", fitter.add,
                             adfeat.DepthImage(image.pixels, image.depth[1:]))
                self.refused(adfeat.NumericError, "no foreground", fitter.add,
                             adfeat.DepthImage(image.pixels, np.ones_like(image.depth)))
            self.assertEqual(fitter.count, 8)
            self.assertEqual(fitter.finish().score(self.dent), self.fit(mode, epochs=2).score(self.dent))
            self.refused(adfeat.InvalidArgumentError, "no depth plane", adfeat.fit, self.net,
                         [image.pixels for image in self.images], "ast", mode=mode, **tiny())

    def test_corners(self):
        holes = [adfeat.DepthImage(image.pixels, image.depth.copy()) for image in self.images + [self.dent]]
        for image in holes:
            image.depth[:6, :6] = np.nan
        self.refused(adfeat.NumericError, "upper left corner", adfeat.fit, self.net, holes[:8], "ast", mode="depth",
                     **tiny())
        scorer = adfeat.fit(self.net, holes[:8], "ast", mode="depth", depth_corners="nearest", **tiny())
        self.assertGreater(scorer.score(holes[8]), 2 * scorer.info.normal_score)

    def test_features_in_a_file(self):
        """cache_dir is a path of any kind; the result has the same bits, and nothing stays in the folder."""
        wanted = self.fit("combi", epochs=2).score(self.dent)
        folder = self.path("cache \xe4")
        folder.mkdir()
        for kind in (str, pathlib.Path):
            scorer = self.fit("combi", epochs=2, feature_cache=0, cache_file=1 << 20, cache_dir=kind(folder))
            self.assertEqual(scorer.score(self.dent), wanted)
            self.assertEqual(list(folder.iterdir()), [])
        absent = self.path("absent")
        self.refused(adfeat.FileError, absent.name, self.fit, "combi", cache_file=1 << 20, cache_dir=absent)
        self.refused(adfeat.InvalidArgumentError, "cache_file", self.fit, "combi", cache_dir=folder)
        self.refused(ValueError, "NUL", self.fit, "combi", cache_file=1 << 20, cache_dir="a\0b")
        self.refused(adfeat.OutOfMemoryError, "cache_file", self.fit, "combi", feature_cache=0)
        self.refused(adfeat.OutOfMemoryError, "cache_file", self.fit, "combi", feature_cache=0, cache_file=30000,
                     cache_dir=folder)


class TrainingTest(Ast):
    def trained(self, seen):
        """Without the calls before the first batch, which know how long it will take and have no loss yet."""
        return [p for p in seen if p.loss != 0]

    def check_order(self, seen, phases):
        self.assertEqual([p.loss != 0 for p in seen], [False] + [True] * (len(seen) - 1))
        first = seen.pop(0)
        self.assertEqual((first.phase, first.epoch, first.batch, first.epoch_done), (phases[0][0], 1, 0, False))
        self.assertGreater(first.seconds_left, 0)
        wanted = [(phase, epoch, batch, done) for phase, epochs in phases for epoch in range(1, epochs + 1)
                  for batch, done in [(b + 1, False) for b in range(BATCHES)] + [(BATCHES, True)]]
        self.assertEqual([(p.phase, p.epoch, p.batch, p.epoch_done) for p in seen], wanted)

    def test_callbacks_in_order(self):
        seen, fractions = [], []
        fitter = adfeat.Fitter(self.net, "ast", **tiny(mode="combi", epochs=EPOCHS))
        fitter.fit(self.images, fractions.append, train=seen.append)
        self.check_order(seen, [("teacher", EPOCHS), ("student", EPOCHS)])
        self.assertEqual((fractions, fractions[-1]), (sorted(fractions), 1.0))
        for p in seen:
            self.assertEqual((p.phases, p.phase_index, p.epochs, p.batches, p.resumed),
                             (2, 0 if p.phase == "teacher" else 1, EPOCHS, BATCHES, False))
            self.assertTrue(math.isfinite(p.loss))
            self.assertEqual(p.loss_parts, {})
            self.assertTrue(math.isnan(p.validation))  # nothing is held out
        ends = {phase: [p.loss for p in seen if p.phase == phase and p.epoch_done] for phase in ("teacher", "student")}
        for losses in ends.values():
            self.assertLess(losses[-1], losses[0])
        self.assertEqual(seen[-1].seconds_left, 0.0)
        self.assertEqual(fitter.student.info.epochs_trained, EPOCHS)

    def test_epochs_and_validation(self):
        seen = []
        self.fit("rgb", epochs=None, teacher_epochs=1, student_epochs=2)
        for phases, options in (([("teacher", 1), ("student", 2)], {"teacher_epochs": 1, "student_epochs": 2}),
                                ([("student", 2)], {"teacher_epochs": 0, "student_epochs": 2}),
                                ([("teacher", 2)], {"teacher_epochs": 2, "student_epochs": 0})):
            seen.clear()
            adfeat.fit(self.net, self.images, "ast", train=seen.append, **tiny(epochs=None, **options))
            self.check_order(seen, phases)
        seen.clear()
        adfeat.fit(self.net, self.images, "ast", train=seen.append, **tiny(epochs=4, validation_share=0.25, batch=3))
        self.check_order(seen, [("teacher", 4), ("student", 4)])  # 2 held out, 6 in two batches
        best, phase = math.inf, 0
        for p in seen:
            if p.phase_index != phase:
                best, phase = math.inf, p.phase_index
            if p.epoch_done:
                best = min(best, p.validation)
                self.assertEqual(p.best_validation, best)

    def test_what_is_left_of_an_epoch_is_dropped(self):
        seen = []
        adfeat.fit(self.net, self.images, "ast", train=seen.append, **tiny(epochs=1, batch=3))
        self.check_order(seen, [("teacher", 1), ("student", 1)])  # 2 of 8 are dropped
        seen.clear()
        adfeat.fit(self.net, self.images[:3], "ast", train=seen.append, **tiny(epochs=1, batch=100))
        self.assertEqual([p.batches for p in self.trained(seen)], [1] * 4)

    def test_every_kind_of_images(self):
        score = self.fit("combi", epochs=2).score(self.dent)
        fit = lambda images: adfeat.fit(self.net, images, "ast", mode="combi", **tiny(epochs=2)).score(self.dent)
        self.assertEqual(fit(image for image in self.images), score)
        self.assertEqual(fit(tuple(self.images)), score)
        self.assertEqual(fit([adfeat.image_view(image) for image in self.images]), score)
        clouds = [adfeat.DepthImage(image.pixels, parts.cloud(image.depth)) for image in self.images]
        self.assertEqual(fit(clouds), score)
        scores = {self.fit("combi", epochs=2, seed=seed).score(self.dent) for seed in (0, 1, 0)}
        self.assertEqual(len(scores), 2)

    def test_cancelled_and_continued(self):
        wanted = self.fit("combi", epochs=EPOCHS).score(self.dent)
        for stop in (lambda p: p.phase == "teacher" and p.epoch == 2, lambda p: p.phase == "student" and p.batch == 2,
                     lambda p: p.phase == "teacher" and p.epoch == EPOCHS and p.epoch_done):
            fitter = adfeat.Fitter(self.net, "ast", **tiny(mode="combi", epochs=EPOCHS))
            self.refused(adfeat.Cancelled, "cancelled", fitter.fit, self.images, train=stop)
            self.assertEqual(fitter.finish().score(self.dent), wanted)

        def broken(progress):
            raise ZeroDivisionError

        self.refused(ZeroDivisionError, "", adfeat.Fitter(self.net, "ast", **tiny()).fit,
                     self.images, train=broken)

    def test_checkpoint_and_resume(self):
        """Cancelled in every possible place, another fitter goes on: the same bits."""
        options = tiny(mode="combi", epochs=2)
        whole = adfeat.Fitter(self.net, "ast", **options)
        wanted = whole.fit(self.images).score(self.dent)
        whole.student.save(self.path("wanted"))
        total = 2 * 2 * (BATCHES + 1)
        for place in range(total + 1):
            folder, seen = self.path("checkpoint%d" % place), []

            def stop(progress):
                seen.append(progress)
                return len(seen) == place + 1

            self.refused(adfeat.Cancelled, "cancelled",
                         adfeat.Fitter(self.net, "ast", **options).fit, self.images, train=stop,
                         checkpoint_dir=folder)
            fitter = adfeat.Fitter(self.net, "ast", **options)
            scorer = fitter.fit(self.images, train=seen.append, checkpoint_dir=folder, resume=True)
            self.assertEqual(scorer.score(self.dent), wanted, place)
            fitter.student.save(self.path("student"))
            self.assertEqual(self.path("student").read_bytes(), self.path("wanted").read_bytes())
            self.assertEqual([p.resumed for p in self.trained(seen)], [i >= place for i in range(total)])
        go_on = lambda **more: adfeat.fit(self.net, self.images, "ast", checkpoint_dir=folder, resume=True,
                                          **{**options, **more})
        for more in ({"lr": 0.1}, {"mode": "depth"}, {"flow_hidden": 5}, {"mask": "soft"}, {"depth_fill": 1}):
            self.refused(adfeat.MismatchError, "checkpoint.safetensors", go_on, **more)
        shutil.copy(self.path("wanted"), folder / "checkpoint.safetensors")
        self.refused(adfeat.FormatError, "checkpoint.safetensors", go_on)


class StudentTest(Ast):
    def make(self, **options):
        return adfeat.Student(self.net, "ast", **{"layers": "stem", "flow_blocks": 2, "flow_hidden": 4,
                                                  "student_blocks": 1, "student_hidden": 8, "positions": 4, **options})

    def test_info(self):
        student = self.make(seed=7, mode="depth")
        info = student.info
        self.assertEqual((info.method, student.method, info.architecture, info.layers,
                          info.epochs_trained, info.seed),
                         ("ast", "ast", "tiny", ("stem",), 0, 7))
        # Of 64 channels: four networks of 32 + 4 by 3x3 to 4, by 3x3 to 64, and a gain; a student of 64 + 4 by 3x3 to
        # 8, two of 8 by 3x3 with batch norm, and 8 by 3x3 to 64.
        flow = 4 * (9 * 36 * 4 + 4 + 9 * 4 * 64 + 64 + 1)
        plain = 9 * 68 * 8 + 8 + 2 * (9 * 8 * 8 + 8 + 16) + 9 * 8 * 64 + 64
        self.assertEqual(info.parameter_count, flow + plain)
        self.assertIn("ast of tiny, 0 epochs", repr(student))
        counts = [self.make(mode=mode).info.parameter_count for mode in MODES]
        self.assertEqual(counts, [counts[0], flow + plain, counts[2]])
        self.assertTrue(counts[0] < counts[1] < counts[2])
        self.assertNotEqual(self.make(leaky=0.01, alpha=1, positions=8).info.parameter_count, counts[0])

    def test_save_and_load(self):
        """Of every mode, trained or not; the file says what it is."""
        for mode in MODES:
            path, again = self.path(mode), self.path("again")
            fitter = adfeat.Fitter(self.net, "ast",
                                   **tiny(mode=mode, epochs=2, seed=3, leaky=0.125, alpha=1.25))
            fitter.fit(self.images)
            for student, epochs in ((self.make(mode=mode, seed=4), 0), (fitter.student, 2)):
                student.save(path)
                loaded = adfeat.Student.load(path, self.net)
                self.assertEqual(loaded.info, student.info)
                self.assertEqual((loaded.info.method, loaded.info.epochs_trained), ("ast", epochs))
                loaded.save(again)
                self.assertEqual(again.read_bytes(), path.read_bytes())
            said = adfeat.file_metadata(path)
            self.assertEqual((said["adfeat.kind"], said["adfeat.student.mode"], said["adfeat.student.leaky"]),
                             ("student", mode, "0.125"))
        path = self.path("rgb")
        for wrong in ({"method": "ast", "layers": "stem", "mode": "depth"},
                      {"method": "stfpm", "layers": "stem"}, {"method": "stfpm"},
                      {"mode": "depth"}):
            self.refused(adfeat.MismatchError, path.name, lambda: adfeat.Student.load(path, self.net, **wrong))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xff
        path.write_bytes(data)
        self.refused(adfeat.FormatError, path.name, adfeat.Student.load, path, self.net)

    def test_continue_with_a_saved_student(self):
        """Saved, loaded and trained further is the same as trained further at once."""
        path = self.path("student")
        first = adfeat.Fitter(self.net, "ast", **tiny(mode="combi", epochs=2))
        first.fit(self.images)
        first.student.save(path)
        scores = []
        for student in (first.student, adfeat.Student.load(path, self.net)):
            with adfeat.Fitter(student, size=6, batch=4, epochs=3) as fitter:
                self.assertIs(fitter.student, student)
                scores.append(fitter.fit(self.images).score(self.dent))
            self.assertEqual(student.info.epochs_trained, 5)
        self.assertEqual(scores[0], scores[1])

    def test_refusals(self):
        refused = lambda words, **options: self.refused(adfeat.InvalidArgumentError, words, self.make, **options)
        refused("twice", layers="stem,stem")
        refused("mode", mode="xyz")
        refused("positions", positions=10)
        refused("flow_hidden", flow_hidden=8193)
        refused("student_blocks", student_blocks=0)
        refused("alpha", alpha=65)
        refused("leaky", leaky=1.5)
        self.refused(adfeat.FileError, "absent", self.make().save, self.path("absent") / "x")


class LeaksTest(Ast):
    bounded = LeakTest.bounded

    def test_made_trained_and_broken_off(self):
        path = self.path("student")
        options = tiny(mode="combi", epochs=1)
        cache = self.path("cache")
        cache.mkdir()
        adfeat.Fitter(self.net, "ast", **options).student.save(path)

        def stop(progress):
            raise ZeroDivisionError

        def work():
            student = adfeat.Student.load(path, self.net)
            fitter = adfeat.Fitter(student, batch=4, epochs=1, size=6, feature_cache=0,
                                   cache_file=1 << 20,
                                cache_dir=cache)
            scorer = fitter.fit(self.images, train=lambda p: None)
            scorer.score(self.dent)
            scorer.anomaly_map(self.dent).overlay()
            scorer.save(self.path("scorer"))
            adfeat.Scorer.load(self.path("scorer"), self.net).score(self.good)
            student.save(path)
            make = lambda **more: adfeat.Fitter(self.net, "ast", **options, **more)
            for call in (lambda: make().fit(self.images, train=stop),
                         lambda: make().fit(self.images, train=lambda p: True,
                                            checkpoint_dir=self.path("cp")),
                         lambda: make(speed=1),
                         lambda: make().add(self.good.pixels),
                         lambda: scorer.score(self.good.pixels)):
                with self.assertRaises((adfeat.Error, ZeroDivisionError)):
                    call()

        open_files = len(os.listdir("/proc/self/fd"))
        self.bounded(work, 30)
        self.assertGreater(path.stat().st_size * 30, 2 << 20)  # what a student that stayed would have cost
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), open_files + 1)


del LeakTest  # its own program runs it

if __name__ == "__main__":
    if not os.path.exists("/proc/self/statm"):
        del LeaksTest
    helper.main()
