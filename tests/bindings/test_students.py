#!/usr/bin/env python3
"""Students and their training from Python: options, callbacks, cancelling, files, checkpoints, leaks."""
import contextlib
import gc
import io
import math
import os
import shutil
import signal
import threading

import helper
import numpy as np
from fitted import Data
from test_leaks import LeakTest, resident

import adfeat

TINY = {"layers": ["layer1", "layer2"], "size": 64, "batch": 5, "lr": 0.1, "epochs": 3}
EPOCHS, BATCHES = 3, 2  # of 12 images 3 are held out, 9 make two batches


def tiny(**options):
    return {**TINY, **options}


class Students(Data):
    def folder_for(self, name):
        """A name that no other test uses."""
        return self.path("%s-%s" % (self.id().split(".")[-1], name))

    def ends_with(self, kind, fitter, images=None, **callbacks):
        """The fit ends with that exception, and nothing is printed."""
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown), self.assertRaises(kind) as caught:
            fitter.fit(self.set if images is None else images, **callbacks)
        self.assertEqual(shown.getvalue(), "")
        return caught.exception


class StudentTest(Students):
    def test_info(self):
        student = adfeat.Student(self.net, layers="layer1,layer2", seed=7)
        info = student.info
        self.assertEqual((info.method, info.architecture, info.layers, info.epochs_trained,
                          info.seed),
                         ("stfpm", "resnet18", ("layer1", "layer2"), 0, 7))
        self.assertRegex(info.teacher_digest, "^[0-9a-f]{16}$")
        # conv1, bn1, four blocks of two convolutions, and layer2's downsampling: torchvision's, with batch norm
        self.assertEqual(info.parameter_count, 683072)
        self.assertIs(student.teacher, self.net)
        self.assertIn("stfpm of resnet18, 0 epochs", repr(student))
        unets = adfeat.Student(self.net, "stfpm_unet", layers=["layer1", "layer2"], unet_head="conv1x1", unet_depth=1)
        self.assertEqual((unets.method, unets.info.layers), ("stfpm_unet", info.layers))
        self.assertGreater(unets.info.parameter_count, info.parameter_count)

    def test_refusals(self):
        refused = lambda error, words, kind, **options: self.refused(error, words, adfeat.Student, self.net, kind,
                                                                     **options)
        refused(adfeat.InvalidArgumentError, "method", "magic")
        refused(adfeat.InvalidArgumentError, "layer9", "stfpm", layers="layer9")
        refused(adfeat.InvalidArgumentError, "unet_head", "stfpm_unet", unet_head="round")
        refused(adfeat.InvalidArgumentError, "unet_depth", "stfpm_unet", unet_depth=3)
        refused(adfeat.InvalidArgumentError, "seed", "stfpm", seed=-1)
        refused(ValueError, "NUL", "stfpm", layers="a\0b")
        self.refused(TypeError, "Backbone", adfeat.Student, self.weights)
        self.refused(TypeError, "Backbone", adfeat.Student.load, self.weights, self.weights)
        self.refused(adfeat.FileError, "absent", adfeat.Student.load, self.path("absent"), self.net)
        self.refused(adfeat.FormatError, "000.png", adfeat.Student.load, self.spot, self.net)
        self.refused(adfeat.MismatchError, "", adfeat.Student.load, self.weights, self.net)  # folded: no batch norm
        self.refused(adfeat.FileError, "absent", adfeat.Student(self.net, layers="layer1").save,
                     self.path("absent") / "x")

    def test_save_and_load(self):
        path = self.folder_for("student")
        student = adfeat.Student(self.net, "stfpm_unet", layers="layer1", seed=3, unet_depth=1)
        student.save(path)
        self.assertEqual(adfeat.Student.load(path, self.net).info, student.info)
        self.assertEqual(adfeat.file_metadata(path)["adfeat.kind"], "student")
        again = self.folder_for("again")
        adfeat.Student.load(path, self.net).save(again)
        self.assertEqual(again.read_bytes(), path.read_bytes())
        other = adfeat.Student(self.net, "stfpm_unet", layers="layer1", seed=4, unet_depth=1)
        other.save(again)
        self.assertNotEqual(again.read_bytes(), path.read_bytes())
        self.refused(adfeat.MismatchError, path.name, adfeat.Student.load, path, self.net, layers="layer1,layer2")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xff
        again.write_bytes(data)
        self.refused(adfeat.FormatError, again.name, adfeat.Student.load, again, self.net)

    def test_closed(self):
        student = adfeat.Student(self.net, layers="layer1")
        fitter = adfeat.Fitter(student, **tiny(layers=None))
        student.close()
        for call in (lambda: student.info, lambda: student.save("x"), student.__enter__,
                     lambda: adfeat.Fitter(student)):
            self.refused(adfeat.ClosedError, "Student is closed", call)
        self.assertIn("closed", repr(student))
        self.assertIsInstance(fitter.fit(self.set), adfeat.Scorer)  # children keep their parents
        fitter.close()
        self.refused(adfeat.ClosedError, "Fitter is closed", fitter.finish)

    def test_it_outlives_the_fitter_that_made_it(self):
        with adfeat.Fitter(self.net, "stfpm", **tiny(seed=5)) as fitter:
            student = fitter.student
            scorer = fitter.fit(self.set)
        self.assertEqual((student.info.seed, student.info.epochs_trained), (5, EPOCHS))
        self.assertIs(student.teacher, self.net)
        with adfeat.Fitter(student, **tiny(layers=None, epochs=0)) as again:
            self.assertEqual((again.method, again.backbone), ("stfpm", self.net))
            self.assertEqual(again.fit(self.set).score(self.spot), scorer.score(self.spot))


class OptionsTest(Students):
    def test_by_name_and_as_keywords(self):
        """What the scorer says is what was given, whatever Python type it had."""
        asked = {"epochs": 1, "batch": np.int64(4), "optimizer": "adam", "lr": 0.001, "momentum": 0.5,
                 "weight_decay": 0, "seed": 11, "loss_half": False, "loss_batch": "sum", "val": "product",
                 "patience": 2, "validation_share": 0.25, "split_seed": 5, "clip_norm": 2.5,
                 "layer_weights": [1, 0.5], "combine": "sum", "combine_at": 32, "size": 64,
                 "layers": ("layer1", "layer2"), "resize": "cv_linear"}
        fitter = adfeat.Fitter(self.net, "stfpm", **asked)
        self.assertEqual(fitter.student.info.seed, 11)
        said = fitter.fit(self.arrays).options
        for key, value in {"epochs": "1", "batch": "4", "optimizer": "adam", "lr": "0.001", "momentum": "0.5",
                           "weight_decay": "0", "seed": "11", "loss_half": "0", "loss_batch": "sum",
                           "val": "product", "patience": "2", "validation_share": "0.25", "split_seed": "5",
                           "clip_norm": "2.5", "layer_weights": "1,0.5", "combine": "sum", "combine_at": "32",
                           "size": "64", "layers": "layer1,layer2", "resize": "cv_linear"}.items():
            self.assertEqual(said.get(key), value, key)

    def test_presets(self):
        said = adfeat.fit(self.net, self.set, "stfpm", preset="stfpm_official", **TINY).options
        self.assertEqual((said["loss_half"], said["val"], said["combine_at"]), ("0", "product", "64"))
        said = adfeat.fit(self.net, self.set, "stfpm", preset="stfpm_accurate", **TINY).options
        self.assertEqual((said["loss_half"], said["loss_batch"], said["val"]), ("0", "mean", "distance"))
        said = adfeat.fit(self.net, self.set, "stfpm", combine_at=0, preset="stfpm_official", **TINY).options
        self.assertEqual((said["loss_half"], said["combine_at"]), ("0", "0"))  # the preset comes first

    def test_refusals(self):
        refused = lambda kind, words, method="stfpm", **options: self.refused(
            kind, words, adfeat.Fitter, self.net, method, **options)
        refused(adfeat.InvalidArgumentError, "no option 'speed'", **tiny(speed=11))
        refused(adfeat.InvalidArgumentError, "batch", **tiny(batch=1))
        refused(adfeat.InvalidArgumentError, "lr", **tiny(lr=0))
        refused(adfeat.InvalidArgumentError, "optimizer", **tiny(optimizer="lbfgs"))
        refused(adfeat.InvalidArgumentError, "layer9", layers="layer9")
        refused(adfeat.InvalidArgumentError, "layer_weights", **tiny(layer_weights="1"))
        refused(adfeat.InvalidArgumentError, "unet_depth", unet_depth=1)  # stfpm has none
        refused(adfeat.InvalidArgumentError, "unet_depth", "stfpm_unet", unet_depth=9)
        refused(adfeat.OutOfMemoryError, "memory_limit", **tiny(memory_limit=1000))
        self.refused(TypeError, "Backbone", adfeat.Fitter, self.weights, "stfpm")
        student = adfeat.Student(self.net, layers="layer1")
        self.refused(ValueError, "of method stfpm, not of stfpm_unet", adfeat.Fitter, student,
                     "stfpm_unet")
        self.refused(adfeat.InvalidArgumentError, "option layers", adfeat.Fitter, student,
                     layers="layer2")
        fitter = adfeat.Fitter(self.net, "stfpm", **TINY)
        self.refused(ValueError, "checkpoint_dir", fitter.fit, self.set, resume=True)
        self.refused(adfeat.UnsupportedError, "", fitter.merge,
                     adfeat.Fitter(self.net, "stfpm", **TINY))
        self.refused(adfeat.StateError, "images", fitter.finish)
        for training in ({"train": print}, {"checkpoint_dir": "x"}, {"resume": True}):
            self.refused(TypeError, "gaussian trains no student", adfeat.fit, self.net, self.set,
                         layers="layer1", **training)


class TrainingTest(Students):
    def check_order(self, seen, phases):
        """Every batch of every epoch of every phase, and behind its last batch the epoch."""
        wanted = [(phase, epoch, batch, done) for phase, epochs in phases for epoch in range(1, epochs + 1)
                  for batch, done in [(b + 1, False) for b in range(BATCHES)] + [(BATCHES, True)]]
        self.assertEqual([(p.phase, p.epoch, p.batch, p.epoch_done) for p in seen], wanted)

    def test_callbacks_in_order(self):
        seen, fractions = [], []
        fitter = adfeat.Fitter(self.net, "stfpm", **TINY)
        scorer = fitter.fit(self.set, fractions.append, train=seen.append)
        self.check_order(seen, [("student", EPOCHS)])
        self.assertEqual(fractions, sorted(fractions))
        self.assertEqual((fractions[0], fractions[-1]), (0.0, 1.0))
        self.assertGreater(len(fractions), 12 + len(seen))  # between layers too
        best, lowest = 0, math.inf
        for p in seen:
            self.assertEqual((p.phases, p.phase_index, p.epochs, p.batches, p.resumed), (1, 0, EPOCHS, BATCHES, False))
            self.assertTrue(p.loss > 0 and p.loss_parts == {"similarity": p.loss} and p.seconds > 0)
            if p.epoch_done and p.validation < lowest:
                best, lowest = p.epoch, p.validation
            if p.epoch == 1 and not p.epoch_done:
                self.assertTrue(math.isnan(p.validation) and math.isnan(p.best_validation) and p.best_epoch == 0)
            else:
                self.assertEqual((p.best_epoch, p.best_validation), (best, lowest))
        epochs = [p for p in seen if p.epoch_done]
        batches = [p.loss for p in seen if p.epoch == 1 and not p.epoch_done]
        self.assertAlmostEqual(epochs[0].loss, (5 * batches[0] + 4 * batches[1]) / 9, 6)
        self.assertLess(epochs[-1].loss, epochs[0].loss)
        self.assertEqual(seen[-1].seconds_left, 0.0)
        self.assertGreater(seen[0].seconds_left, 0.0)
        self.assertEqual(fitter.student.info.epochs_trained, EPOCHS)
        self.assertEqual(scorer.info.method, "stfpm")
        self.assertGreater(scorer.score(self.spot), scorer.score(self.set / "test" / "good" / "000.png"))

    def test_phases_of_unets(self):
        seen = []
        options = tiny(epochs=1, pretrain_epochs=2, unet_depth=1)
        fitter = adfeat.Fitter(self.net, "stfpm_unet", **options)
        scorer = fitter.fit(self.arrays, train=seen.append)
        self.check_order(seen, [("autoencoders", 2), ("student", 1)])
        self.assertEqual([p.phase_index for p in seen if p.epoch_done], [0, 0, 1])
        self.assertTrue(all(p.loss_parts["reconstruction"] > 0 for p in seen))
        self.assertEqual([p.loss_parts["similarity"] > 0 for p in seen if p.epoch_done],
                         [False, False, True])
        self.assertEqual((scorer.info.method, fitter.student.method), ("stfpm_unet", "stfpm_unet"))
        again = adfeat.fit(self.net, self.set, "stfpm_unet", **options)
        self.assertEqual(again.score(self.spot), scorer.score(self.spot))

    def test_every_kind_of_images(self):
        """Folder, list of paths, arrays, generator, one at a time: the same bits."""
        score = adfeat.fit(self.net, self.set, "stfpm", **tiny(epochs=1)).score(self.spot)
        for images in (self.good, self.arrays, (array for array in self.arrays)):
            self.assertEqual(adfeat.fit(self.net, images, "stfpm", **tiny(epochs=1)).score(self.spot), score)
        fitter = adfeat.Fitter(self.net, "stfpm", **tiny(epochs=1))
        for array in self.arrays:
            fitter.add(array)
        self.assertEqual((fitter.count, fitter.finish().score(self.spot)), (12, score))

    def test_seeds(self):
        scores = {adfeat.fit(self.net, self.set, "stfpm", **tiny(epochs=1, seed=seed)).score(self.spot)
                  for seed in (0, 1, 0)}
        self.assertEqual(len(scores), 2)

    def test_cancelled_and_continued(self):
        """By either callback; finish() goes on, and ends with the bits of a fit that was left alone."""
        wanted = adfeat.fit(self.net, self.set, "stfpm", **TINY).score(self.spot)
        calls = []

        def between_layers(fraction):
            calls.append(fraction)
            return len(calls) == 30

        for callbacks in ({"progress": between_layers}, {"train": lambda p: p.epoch == 2 and p.batch == 1},
                          {"train": lambda p: p.epoch == 2 and p.epoch_done}):
            for images in (self.set, self.arrays):
                calls.clear()
                fitter = adfeat.Fitter(self.net, "stfpm", **TINY)
                error = self.ends_with(adfeat.Cancelled, fitter, images, **callbacks)
                self.assertIn("cancelled", str(error))
                self.assertEqual(fitter.count, 12)
                seen = []
                self.assertEqual(fitter.finish(train=seen.append).score(self.spot), wanted)
                self.assertEqual((fitter.count, seen[-1].epoch), (12, EPOCHS))

    def test_exceptions_come_out_as_they_are(self):
        class Mine(BaseException):
            pass

        mine = Mine("as it is")

        def train(progress):
            if progress.epoch == 2:
                raise mine

        def progress(fraction):
            if fraction > 0.5:
                raise mine

        for callbacks in ({"train": train}, {"progress": progress}, {"train": train, "progress": progress}):
            for images in (self.set, self.arrays):
                self.assertIs(self.ends_with(Mine, adfeat.Fitter(self.net, "stfpm", **TINY), images,
                                             **callbacks), mine)
                self.assertIsNone(mine.__cause__)

    def test_ctrl_c(self):
        """Ends a long training within a batch, and without a callback too."""
        for callbacks in ({}, {"train": lambda p: None}):
            fitter = adfeat.Fitter(self.net, "stfpm", **tiny(epochs=100000))
            timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            self.ends_with(KeyboardInterrupt, fitter, self.arrays, **callbacks)
            timer.join()
            self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)

    def test_diverging(self):
        fitter = adfeat.Fitter(self.net, "stfpm", **tiny(lr=1e12, epochs=50))
        self.ends_with(adfeat.NumericError, fitter)
        fitter.student.save(self.folder_for("student"))  # without NaN: it can be loaded
        adfeat.Student.load(self.folder_for("student"), self.net)

    def test_student_in_a_callback_and_in_another_thread(self):
        """In the callback it may be saved; another thread waits for the end."""
        path, sizes, names = self.folder_for("student"), [], []

        def train(progress):
            fitter.student.save(path)
            sizes.append(path.stat().st_size)
            if not names:
                other.start()
                names.append("training")

        def ask():
            epochs.append(fitter.student.info.epochs_trained)

        epochs = []
        other = threading.Thread(target=ask)
        fitter = adfeat.Fitter(self.net, "stfpm", **TINY)
        fitter.fit(self.set, train=train)
        other.join()
        self.assertEqual((len(sizes), epochs), (EPOCHS * (BATCHES + 1), [EPOCHS]))


class ContinueTest(Students):
    def test_continue_with_a_saved_student(self):
        """Saved, loaded and trained further is the same as trained further at once."""
        path = self.folder_for("student")
        first = adfeat.Fitter(self.net, "stfpm", **TINY)
        first.fit(self.set)
        first.student.save(path)
        scores = []
        for student in (first.student, adfeat.Student.load(path, self.net)):
            self.assertEqual(student.info.epochs_trained, EPOCHS)
            with adfeat.Fitter(student, **tiny(layers=None, epochs=2)) as fitter:
                self.assertIs(fitter.student, student)
                scores.append(fitter.fit(self.arrays).score(self.spot))
            self.assertEqual(student.info.epochs_trained, EPOCHS + 2)
        self.assertEqual(scores[0], scores[1])

    def test_checkpoint_and_resume(self):
        """Cancelled in every possible place, another fitter goes on: the same bits."""
        wanted_fit = adfeat.Fitter(self.net, "stfpm", **TINY)
        wanted = wanted_fit.fit(self.set).score(self.spot)
        wanted_fit.student.save(self.folder_for("wanted"))
        for place in range(EPOCHS * (BATCHES + 1)):
            folder, seen = self.folder_for("checkpoint%d" % place), []

            def stop(progress):
                seen.append(progress)
                return len(seen) == place + 1

            self.ends_with(adfeat.Cancelled, adfeat.Fitter(self.net, "stfpm", **TINY), train=stop,
                           checkpoint_dir=folder)
            self.assertEqual([file.name for file in folder.iterdir()], ["checkpoint.safetensors"])
            fitter = adfeat.Fitter(self.net, "stfpm", **TINY)
            scorer = fitter.fit(self.arrays, train=seen.append, checkpoint_dir=str(folder), resume=True)
            self.assertEqual(scorer.score(self.spot), wanted, place)
            fitter.student.save(self.folder_for("student"))
            self.assertEqual(self.folder_for("student").read_bytes(), self.folder_for("wanted").read_bytes())
            self.assertEqual([p.resumed for p in seen], [i > place for i in range(EPOCHS * (BATCHES + 1))])

    def test_resume_where_nothing_is_and_where_all_is_done(self):
        folder, seen = self.folder_for("new") / "deep", []
        scores = [adfeat.fit(self.net, self.set, "stfpm", train=seen.append, checkpoint_dir=folder, resume=True,
                             **TINY).score(self.spot) for _ in range(2)]
        self.assertEqual(scores[0], scores[1])
        self.assertEqual([p.resumed for p in seen], [False] * EPOCHS * (BATCHES + 1))

    def test_strange_checkpoints(self):
        folder = self.folder_for("checkpoint")
        go_on = lambda **more: adfeat.fit(self.net, self.set, "stfpm", checkpoint_dir=folder, resume=True,
                                          **tiny(**more))
        adfeat.fit(self.net, self.set, "stfpm", checkpoint_dir=folder, **TINY)
        file = folder / "checkpoint.safetensors"
        self.refused(adfeat.MismatchError, "checkpoint.safetensors", go_on, lr=0.2)
        self.refused(adfeat.MismatchError, "checkpoint.safetensors", go_on, layers="layer1")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xff
        file.write_bytes(data)
        self.refused(adfeat.FormatError, "checkpoint.safetensors", go_on)
        shutil.copy(self.weights, file)
        self.refused(adfeat.FormatError, "checkpoint.safetensors", go_on)
        file.unlink()
        file.mkdir()
        self.refused(adfeat.FileError, "checkpoint.safetensors", go_on)
        self.refused(FileExistsError, "", adfeat.Fitter(self.net, "stfpm", **TINY).fit, self.set,
                     checkpoint_dir=self.weights)


class LeaksTest(Students):
    bounded = LeakTest.bounded

    def test_made_trained_and_broken_off(self):
        net = adfeat.Backbone(self.weights, context=adfeat.Context(threads=1))
        path = self.folder_for("student")
        frames = [helper.noise(i, 32, 32, 3) for i in range(5)]
        options = {"layers": "layer1", "size": 32, "batch": 2, "epochs": 1}
        adfeat.Student(net, layers="layer1").save(path)
        size = path.stat().st_size

        def stop(progress):
            raise ZeroDivisionError

        def work():
            student = adfeat.Student.load(path, net)
            fitter = adfeat.Fitter(student, batch=2, epochs=1, size=32)
            scorer = fitter.fit(frames, train=lambda p: None)
            scorer.score(frames[0])
            student.save(path)
            make = lambda **more: adfeat.Fitter(net, "stfpm", **options, **more)
            for call in (lambda: make().fit(frames, train=stop),
                         lambda: make().fit(frames, train=lambda p: True,
                                            checkpoint_dir=self.folder_for("cp")),
                         lambda: make(speed=1), lambda: adfeat.Student(net, "magic"),
                         lambda: adfeat.Student.load(self.weights, net)):
                with self.assertRaises((adfeat.Error, ZeroDivisionError)):
                    call()

        self.bounded(work, 40)
        self.assertGreater(size * 40, 20 << 20)  # what a student that stayed would have cost


del LeakTest  # its own program runs it

if __name__ == "__main__":
    if not os.path.exists("/proc/self/statm"):
        del LeaksTest
    helper.main()
