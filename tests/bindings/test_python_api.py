#!/usr/bin/env python3
"""Fit, score, map, save and load from Python: equal to the C program on the same files."""
import collections
import contextlib
import copy
import io
import logging
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import threading

import helper
import numpy as np
from fitted import OPTIONS, Data

import adfeat
from adfeat import _c
from adfeat._options import joined


class BackboneTest(Data):
    def test_info(self):
        self.assertEqual(self.net.architecture, "resnet18")
        info = self.net.info
        self.assertEqual((info.architecture, info.input_size, info.digest), ("resnet18", 224, self.net.digest))
        self.assertRegex(info.digest, "^[0-9a-f]{16}$")
        layers = {layer.name: layer for layer in self.net.layers}
        self.assertEqual((layers["layer2"].height, layers["layer2"].width, layers["layer2"].channels), (28, 28, 128))
        self.assertTrue(layers["layer2"].available)
        self.assertFalse(layers["layer3"].available)
        self.assertIn("resnet18", adfeat.architectures())
        again = adfeat.Backbone.from_bytes(self.weights.read_bytes())
        self.assertEqual(again.digest, info.digest)

    def test_features(self):
        """What the layers say, and what a 1x1 convolution by hand says."""
        features = self.net.extract_features(self.spot, size=64)
        self.assertEqual({name: array.shape for name, array in features.items()},
                         {layer.name: (layer.height, layer.width, layer.channels)
                          for layer in self.net.layers_at(64, 64) if layer.available})
        self.assertEqual((features["layer1"].shape, features["layer2"].shape), ((16, 16, 64), (8, 8, 128)))
        self.assertNotIn("layer3", features)
        one = self.net.extract_features(self.spot, "layer2,layer2", size=64)["layer2"]
        np.testing.assert_array_equal(one, features["layer2"])
        cropped = self.net.extract_features(self.spot, ["layer1"], size=80, crop=64, resize="cv_linear",
                                            aspect="shorter", mean=(0, 0, 0), std=np.ones(3))
        self.assertEqual(cropped["layer1"].shape, (16, 16, 64))
        image = helper.noise(1, 8, 8, 3)
        net = helper.tiny_backbone()
        weights = np.frombuffer(helper.tiny_weights()[-48:], "<f4").reshape(4, 3)
        wanted = ((image / 255.0 - 0.5) / 0.25) @ weights.T.astype(np.float64)
        np.testing.assert_allclose(net.extract_features(image)["stem"], wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(net.extract_features(image[:, :, ::-1], format="bgr")["stem"],
                                      net.extract_features(image)["stem"])

    def test_profile(self):
        steps = self.net.profile("layer1", size=64, runs=2)
        self.assertEqual([step.name for step in steps][:2], ["conv1", "maxpool"])
        self.assertEqual((steps[0].op, steps[0].activation, steps[0].multiply_adds, steps[0].residual),
                         ("conv2d", "relu", 32 * 32 * 64 * 147, False))
        self.assertTrue(steps[-1].residual)
        self.assertTrue(all(step.ms > 0 for step in steps))
        self.assertEqual(steps, sorted(steps, key=steps.index))
        self.assertEqual(self.net.profile(runs=1)[-1].name, self.net.profile(["layer2"], runs=1)[-1].name)
        self.refused(adfeat.InvalidArgumentError, "runs is 0", self.net.profile, runs=0)

    def test_convolutions(self):
        """Whatever computes them, the features agree and the network is the same."""
        wanted = self.net.extract_features(self.spot, "layer2", size=64)["layer2"]
        for way in ("blas", "panels", "winograd", "winograd2"):
            net = adfeat.Backbone(self.weights, convolution=way)
            self.assertEqual(net.digest, self.net.digest)
            got = net.extract_features(self.spot, "layer2", size=64)["layer2"]
            np.testing.assert_allclose(got, wanted, atol=2e-5 * np.abs(wanted).max())
        self.refused(adfeat.InvalidArgumentError, "none of auto, blas", adfeat.Backbone, self.weights,
                     convolution="best")

    def test_refusals(self):
        self.refused(adfeat.InvalidArgumentError, "layer9", self.net.extract_features, self.spot, "layer9")
        self.refused(adfeat.InvalidArgumentError, "there are size", self.net.extract_features, self.spot, colour=1)
        self.refused(adfeat.InvalidArgumentError, "size", self.net.extract_features, self.spot, size=-3)
        self.refused(adfeat.InvalidArgumentError, "there are", adfeat.Backbone, self.weights, "resnet1")
        self.refused(adfeat.MismatchError, "w.safetensors", adfeat.Backbone, self.weights, "resnet50")
        self.refused(adfeat.FileError, "absent", adfeat.Backbone, self.path("absent"))
        self.refused(adfeat.FormatError, "safetensors", adfeat.Backbone, self.spot)
        self.refused(adfeat.InvalidArgumentError, "padding", adfeat.Backbone, self.weights, padding="plenty")
        short = self.path("short.safetensors")
        short.write_bytes(self.weights.read_bytes()[:100000])
        self.refused(adfeat.FormatError, "short", adfeat.Backbone, short)
        self.refused(adfeat.BackendError, "abacus", adfeat.Context, device="abacus")
        little = adfeat.Context(memory_limit=1 << 20)
        self.refused(adfeat.OutOfMemoryError, "memory_limit of 1048576", adfeat.Backbone, str(self.weights), context=little)
        self.refused(ValueError, "memory_limit is -1", adfeat.Context, memory_limit=-1)
        self.assertEqual(adfeat.Backbone(self.weights, context=adfeat.Context(memory_limit=1 << 30)).digest, self.net.digest)
        self.refused(adfeat.InvalidArgumentError, "256", adfeat.Context, threads=1000)
        self.refused(ValueError, "32-bit", adfeat.Context, threads=2**32 + 1)


class FitTest(Data):
    def same(self, scorer):
        self.assertEqual(scorer.score(self.spot), self.scorer.score(self.spot))
        self.assertEqual(scorer.info.image_count, len(self.good))

    def test_every_kind_of_images(self):
        """Folder, flat folder, Dataset, list of paths, arrays, generator: the same bits."""
        same = lambda images, **more: self.same(adfeat.fit(self.net, images, **OPTIONS, **more))
        same(str(self.set))
        same(self.set / "train" / "good")
        same(adfeat.Dataset(self.set))
        same(adfeat.Dataset.from_files(self.good))
        same([str(path) for path in self.good])
        same(tuple(self.good))
        same(self.arrays)
        same(np.stack(self.arrays))
        same(array for array in self.arrays)
        same(path if i % 2 else self.arrays[i] for i, path in enumerate(self.good))
        same(collections.deque(self.arrays))
        same([np.dstack([array] * 3) for array in self.arrays], format="bgr")
        self.same(adfeat.fit(self.weights, self.arrays, method="gaussian", layers="layer1,layer2", size="64"))

    def test_fitter(self):
        with adfeat.Fitter(self.net, "gaussian", **OPTIONS) as fitter:
            self.assertEqual((fitter.method, fitter.student), ("gaussian", None))
            self.assertIs(fitter.backbone, self.net)
            self.refused(adfeat.StateError, "images", fitter.finish)
            before = fitter.memory
            for array in self.arrays:
                fitter.add(array)
            self.assertEqual(fitter.count, len(self.good))
            self.assertGreater(before, 10000)
            self.same(fitter.finish())
            self.same(fitter.finish())
        parts = [adfeat.Fitter(self.net, "gaussian", **OPTIONS) for _ in range(2)]
        for i, array in enumerate(self.arrays):
            parts[i % 2].add(array)
        parts[0].merge(parts[1])
        self.assertEqual((parts[0].count, parts[1].count), (12, 6))
        self.assertAlmostEqual(parts[0].finish().score(self.spot) / self.scorer.score(self.spot), 1, 6)
        self.refused(adfeat.InvalidArgumentError, "itself", parts[0].merge, parts[0])
        other = adfeat.Fitter(self.net, "gaussian", layers="layer1", size=64)
        self.refused(adfeat.MismatchError, "merge", parts[0].merge, other)

    def test_fit_file(self):
        path = self.path("part.fit")
        parts = [adfeat.Fitter(self.net, "gaussian", orientation="raw", **OPTIONS) for _ in range(2)]
        for i, array in enumerate(self.arrays):
            parts[i % 2].add(array)
        parts[1].save(path)
        with adfeat.Fitter.load(path, adfeat.Backbone(self.weights)) as loaded:
            self.assertEqual((loaded.method, loaded.count, loaded.student), ("gaussian", 6, None))
            with self.assertRaisesRegex(adfeat.MismatchError, "merge"):
                adfeat.Fitter(self.net, "padim", **OPTIONS).merge(loaded)
            parts[0].merge(loaded)
        whole = adfeat.Fitter(self.net, "gaussian", orientation="raw", **OPTIONS)
        for array in self.arrays[0::2] + self.arrays[1::2]:
            whole.add(array)
        self.assertAlmostEqual(parts[0].finish().score(self.spot) / whole.finish().score(self.spot),
                               1, 6)
        student = adfeat.Fitter(self.net, "stfpm", **OPTIONS)
        self.refused(adfeat.UnsupportedError, "checkpoint_dir", student.save, path)
        self.refused(adfeat.FormatError, "part.fit", adfeat.Scorer.load, path, self.net)
        self.refused(TypeError, "Backbone", adfeat.Fitter.load, path, None)
        self.refused(adfeat.FileError, "gone.fit", adfeat.Fitter.load, "gone.fit", self.net)

    def test_options(self):
        texts = adfeat.fit(self.net, self.arrays, layers=("layer1",), size=np.int64(64), crop=32, resize="pil_lanczos",
                           aspect="shorter", mean=(0.5, 0.25, 0.125), std=[1, 1, 1], reduce="pca:0.9", pixel="gap",
                           ddof=1, squared=True, samples=300, blur_sigma=np.float32(1.5)).options
        for key, value in {"layers": "layer1", "size": "64", "crop": "32", "resize": "pil_lanczos",
                           "aspect": "shorter", "mean": "0.5,0.25,0.125", "std": "1,1,1", "reduce": "pca:0.9",
                           "pixel": "gap", "ddof": "1", "squared": "1", "samples": "300",
                           "blur_sigma": "1.5"}.items():
            self.assertEqual(texts[key], value)
        refused = lambda words, **options: self.refused(adfeat.InvalidArgumentError, words,
                                                        adfeat.Fitter, self.net, "gaussian",
                                                        **options)
        refused("no option 'speed'", speed=11)
        refused("most", reduce="most")
        refused("layer9", layers="layer9")
        refused("size", size=2.5)
        self.refused(ValueError, "NUL", adfeat.Fitter, self.net, "gaussian", layers="a\0b")
        self.refused(TypeError, "bytes", adfeat.Fitter, self.net, "gaussian", layers=b"layer1")
        self.refused(TypeError, "Backbone", adfeat.Fitter, self.weights, "gaussian")
        self.refused(TypeError, "a name", adfeat.Fitter, self.net, self.weights)
        self.refused(adfeat.InvalidArgumentError, "there are gaussian, padim", adfeat.fit, self.net,
                     self.arrays, "magic")
        refused("no option 'Size'", Size=64)
        refused("size: ''", size="")
        refused("size: '64, crop=32'", size="64, crop=32")  # one value, not two options
        self.refused(adfeat.InvalidArgumentError, "padim", adfeat.Fitter, self.net, "padim",
                     speed=11)
        self.refused(TypeError, "Scorer.load()", adfeat.Scorer)

    def test_options_as_text(self):
        """What C reads again as the same values; quoted where a comma or a blank may mislead."""
        for options, text in (({}, None), ({"size": None}, None), ({"size": 64}, b"size=64"),
                              ({"lr": 0.1 + 0.2, "mean": (0.5, 1e-300, -1)},
                               b"lr=0.30000000000000004, mean=0.5,1e-300,-1"),
                              ({"fmm": True, "sru": np.bool_(False), "batch": np.int64(4)},
                               b"fmm=1, sru=0, batch=4"),
                              ({"layers": ["layer1", "layer2"], "preset": "x", "scsatt": 0},
                               b"layers=layer1,layer2, preset=x, scsatt=0"),
                              ({"blur_sigma": np.float32(0.1)}, b"blur_sigma=0.10000000149011612"),
                              ({"cache_dir": pathlib.Path("/a b,c=d")}, b'cache_dir="/a b,c=d"'),
                              ({"cache_dir": 'say "so"', "n": ""}, b'cache_dir="say ""so""", n=""'),
                              ({"a": "1,", "b": " 2"}, b'a="1,", b=" 2"'),
                              ({"a": "\xe4"}, b'a="\xc3\xa4"')):
            self.assertEqual(joined(options), text)

    def test_padim(self):
        options = {"layers": ["layer1", "layer2"], "size": 64, "crop": 64, "dimensions": 20}
        scorer = adfeat.fit(self.net, self.set, "padim", **options)
        self.assertEqual((scorer.info.method, scorer.info.has_map, scorer.options["dimensions"]), ("padim", True, "20"))
        good = scorer.score(self.set / "test" / "good" / "000.png")
        score, found = scorer.score_and_map(self.spot)
        self.assertGreater(score, good)
        self.assertEqual(found.overlay().shape, (36, 48, 3))
        path = self.path("padim.safetensors")
        scorer.save(path)
        self.assertEqual(adfeat.Scorer.load(path, self.weights).score(self.spot), score)
        with adfeat.Fitter(self.net, "padim", seed=7, covariance="ledoit_wolf", blur_sigma=0,
                           ridge=0.1, **options) as fitter:
            other = fitter.fit(self.arrays)
            self.assertEqual(other.options["seed"], "7")
            self.assertNotEqual(other.score(self.spot), score)
        self.refused(adfeat.OutOfMemoryError, "", adfeat.Fitter, self.net, "padim",
                     memory_limit=1000, **options)

    def test_bad_images(self):
        fit = lambda images: adfeat.fit(self.net, images, **OPTIONS)
        self.refused(adfeat.FormatError, "half.png", fit, self.path("odd"))
        self.refused(adfeat.FileError, "absent", fit, self.path("absent"))
        self.refused(adfeat.FileError, "absent.png", fit, [self.good[0], self.path("absent.png")])
        self.refused(ValueError, "one image", fit, self.arrays[0])
        self.refused(ValueError, "one image", fit, np.zeros((8, 8, 3), np.uint8))
        self.refused(TypeError, "uint8", fit, [self.arrays[0].astype(np.float32)])
        self.refused(adfeat.StateError, "images", fit, [])
        self.refused(adfeat.NumericError, "", fit, [np.zeros((8, 8), np.uint8)] * 5)
        labelled = adfeat.Dataset(self.set, "test")
        self.refused(adfeat.InvalidArgumentError, "anomalous", fit, labelled)

    def test_progress(self):
        for images in (self.set, self.arrays):
            seen = []
            adfeat.fit(self.net, images, progress=seen.append, **OPTIONS)
            np.testing.assert_allclose(seen, np.arange(13) / 12)
        seen = []
        adfeat.fit(self.net, iter(self.arrays), progress=seen.append, **OPTIONS)
        self.assertEqual(seen, [0.0] * 12 + [1.0])
        for images in (self.set, self.arrays):
            fitter = adfeat.Fitter(self.net, "gaussian", **OPTIONS)
            self.refused(adfeat.Cancelled, "cancelled after 6 of 12", fitter.fit, images, lambda done: done >= 0.5)
            self.assertEqual(fitter.count, 6)
            self.refused(adfeat.Cancelled, "cancelled", fitter.fit, images, lambda done: done == 1.0)

    def test_exceptions_come_out_as_they_are(self):
        class Mine(BaseException):
            pass

        mine = Mine("as it is")

        def progress(done):
            if done > 0.3:
                raise mine

        def broken():
            yield self.arrays[0]
            raise mine

        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            for call in (lambda: adfeat.fit(self.net, self.set, progress=progress, **OPTIONS),
                         lambda: adfeat.fit(self.net, self.arrays, progress=progress, **OPTIONS),
                         lambda: adfeat.fit(self.net, broken(), **OPTIONS),
                         lambda: adfeat.evaluate(self.scorer, self.set, progress=progress),
                         lambda: adfeat.evaluate(self.scorer, ((a, 0) for a in broken())),
                         lambda: adfeat.evaluate(self.scorer, [(a, 0) for a in self.arrays], progress=progress)):
                with self.assertRaises(Mine) as caught:
                    call()
                self.assertIs(caught.exception, mine)
                self.assertIsNone(mine.__cause__)
        self.assertEqual(shown.getvalue(), "")

    def test_ctrl_c(self):
        """Ends a long C call between images, however long the list is."""
        many = adfeat.Dataset.from_files(self.good * 20000)
        for call in (lambda: adfeat.fit(self.net, many, **OPTIONS), lambda: adfeat.evaluate(self.scorer, many),
                     lambda: adfeat.fit(self.net, many, progress=lambda done: None, **OPTIONS)):
            timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                call()
            timer.join()
            self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)


class ScorerTest(Data):
    def test_batch(self):
        images = [self.spot, helper.noise(1, 40, 70, 3), helper.noise(2, 64, 30)] * 3
        scores = self.scorer.score_batch(images)
        self.assertEqual(scores.dtype, np.float32)
        self.assertEqual([float(score) for score in scores], [self.scorer.score(image) for image in images])
        self.assertEqual(self.scorer.score_batch([]).shape, (0,))
        self.refused(TypeError, "", self.scorer.score_batch, [self.spot, 3.5])

    def test_info(self):
        info = self.scorer.info
        self.assertEqual((info.method, info.architecture, info.has_map, info.input_size, info.image_count),
                         ("gaussian", "resnet18", True, 64, 12))
        self.assertGreater(info.normal_score, 0)
        self.assertEqual(self.scorer.options["layers"], "layer1,layer2")

    def test_scores_and_maps(self):
        score = self.scorer.score(self.spot)
        self.assertIsInstance(score, float)
        self.assertEqual(adfeat.score(self.scorer, self.spot), score)
        self.assertEqual(np.float32(score), score)
        both = self.scorer.score_and_map(self.spot)
        self.assertEqual((both[0], both[1].score), (score, score))
        found = adfeat.anomaly_map(self.scorer, adfeat.read_image(self.spot))
        self.assertEqual((found.shape, found.data.dtype), ((36, 48), np.float32))
        row, column = found.hottest()
        self.assertTrue(8 <= row <= 22 and 8 <= column <= 22, (row, column))  # the spot is at 10..20
        self.assertEqual(found.max(), found[row, column])
        self.assertEqual(len(found), 36)
        self.assertIs(np.asarray(found), found.data)
        self.assertEqual(np.asarray(found, np.float64).dtype, np.float64)
        self.assertFalse(np.shares_memory(np.array(found), found.data))
        no_maps = adfeat.fit(self.net, self.arrays, pixel="none", **OPTIONS)
        self.assertEqual(no_maps.score(self.spot), score)
        self.refused(adfeat.UnsupportedError, "without maps", no_maps.anomaly_map, self.spot)

    def test_save_and_load(self):
        path, weights = self.path("scorer \xe4.safetensors"), self.weights
        score = self.scorer.score(self.spot)
        self.scorer.save(path)
        self.assertEqual(adfeat.Scorer.load(path, weights).score(self.spot), score)
        self.assertEqual(adfeat.Scorer.load_onto(path, self.net).score(self.spot), score)
        self.assertEqual(adfeat.Scorer.load(path, self.net).score(self.spot), score)
        self.refused(adfeat.MismatchError, "is a scorer, not weights", adfeat.Backbone, path)
        with self.assertRaisesRegex(TypeError, "method is a name"):
            adfeat.fit(self.net, self.arrays, adfeat.Fitter(self.net, "gaussian", layers="layer1"))
        self.refused(adfeat.InvalidArgumentError, "resnet18", adfeat.Scorer.load, path)
        said = adfeat.file_metadata(path)
        self.assertEqual((said["adfeat.method"], said["adfeat.images"], said["adfeat.option.layers"]),
                         ("gaussian", "12", "layer1,layer2"))
        self.assertEqual(adfeat.file_metadata(weights)["architecture"], "resnet18")
        self.scorer.save(str(path), embed=True)
        loaded = adfeat.Scorer.load(path, context=adfeat.Context(threads=1))
        self.assertEqual(loaded.score(self.spot), score)
        self.assertEqual(loaded.info, self.scorer.info)
        self.assertEqual(loaded.options, self.scorer.options)
        self.refused(adfeat.FileError, "absent", self.scorer.save, self.path("absent") / "x")

    def test_damaged_files(self):
        path = self.path("damaged.safetensors")
        self.scorer.save(path, embed=True)
        data = bytearray(path.read_bytes())
        for at in (0, 9, len(data) // 3, len(data) - 5):
            broken = bytearray(data)
            broken[at] ^= 0xff
            path.write_bytes(broken)
            self.assertRaises(adfeat.FormatError, adfeat.Scorer.load, path)
            self.assertRaises(adfeat.FormatError, adfeat.file_metadata, path)
        for size in (0, 7, 100, len(data) - 1):
            path.write_bytes(data[:size])
            self.refused(adfeat.FormatError, "damaged", adfeat.Scorer.load, path)
        other = self.path("other.safetensors")
        subprocess.run([helper.sys.executable, os.path.join(helper.ROOT, "tests", "cli", "make_weights.py"), str(other),
                        "2"], check=True)
        self.scorer.save(path)
        self.refused(adfeat.MismatchError, "digest", adfeat.Scorer.load, path, other)
        self.refused(adfeat.MismatchError, "digest", adfeat.Scorer.load_onto, path, adfeat.Backbone(other))

    def test_closed(self):
        net = adfeat.Backbone(self.weights)
        fitter = adfeat.Fitter(net, "gaussian", **OPTIONS)
        fitter.fit(self.arrays)
        scorer, dataset, context = fitter.finish(), adfeat.Dataset(self.set, "test"), adfeat.Context()
        frame, score = self.arrays[0], self.scorer.score(self.arrays[0])
        net.close()
        fitter.close()
        self.assertEqual(scorer.score(frame), score)  # children keep their parents
        for handle in (scorer, dataset, context):
            handle.close()
            handle.close()
            self.assertTrue(handle.closed)
        refused = lambda name, function, *arguments: self.refused(adfeat.ClosedError, name + " is closed", function,
                                                                  *arguments)
        for call in (lambda: scorer.score(frame), lambda: scorer.anomaly_map(frame), lambda: scorer.info,
                     lambda: scorer.options, lambda: scorer.save("x"), scorer.__enter__,
                     lambda: adfeat.evaluate(scorer, self.set), lambda: adfeat.evaluate(scorer, [(frame, 0)])):
            refused("Scorer", call)
        for call in (lambda: fitter.add(frame), fitter.finish, lambda: fitter.count, lambda: fitter.memory,
                     lambda: fitter.fit(self.set), lambda: fitter.merge(fitter)):
            refused("Fitter", call)
        for call in (lambda: net.info, lambda: net.layers, lambda: net.extract_features(frame),
                     lambda: adfeat.Fitter(net, "gaussian"),
                     lambda: adfeat.Scorer.load_onto("x", net)):
            refused("Backbone", call)
        for call in (lambda: len(dataset), lambda: dataset[0], lambda: dataset.read_image(0),
                     lambda: adfeat.evaluate(self.scorer, dataset)):
            refused("Dataset", call)
        refused("Context", lambda: adfeat.Backbone(self.weights, context=context))
        refused("Context", lambda: adfeat.read_image(self.spot, context))
        for handle in (scorer, fitter, net):
            self.assertIn("closed", repr(handle))
        with adfeat.Backbone(self.weights) as again:
            self.assertIn("resnet18", repr(again))
        self.assertTrue(again.closed)

    def test_not_copied_by_accident(self):
        for function in (pickle.dumps, copy.copy, copy.deepcopy):
            self.refused(TypeError, "save()", function, self.scorer)
        error = pickle.loads(pickle.dumps(adfeat.ShapeError("a sentence")))
        self.assertEqual((type(error), error.status, str(error)), (adfeat.ShapeError, 6, "a sentence"))

    def test_log(self):
        folder = self.path("mixed")
        folder.mkdir()
        shutil.copy(self.spot, folder)
        (folder / "notes.txt").write_text("no image")
        with self.assertLogs("adfeat", logging.WARNING) as caught:
            adfeat.Dataset(folder)
        self.assertIn("1 files that are not images", caught.output[0])

    def test_dataset(self):
        dataset = adfeat.Dataset(self.set, "test")
        samples = list(dataset)
        self.assertEqual([(s.group, s.label, s.has_mask) for s in samples],
                         [("good", 0, False)] * 3 + [("spot", 1, True)] * 3)
        self.assertEqual(dataset[-1], samples[5])
        np.testing.assert_array_equal(dataset.read_image(3), adfeat.read_image(self.spot))
        mask = dataset.read_mask(3)
        self.assertEqual((mask.shape, int((mask != 0).sum())), ((36, 48), 100))
        self.refused(adfeat.UnsupportedError, "mask", dataset.read_mask, 0)
        self.refused(IndexError, "6", lambda: dataset[6])
        self.refused(IndexError, "6", dataset.read_image, -7)
        self.refused(ValueError, "split", adfeat.Dataset, self.set, "validation")
        self.refused(ValueError, "2 labels for 1", adfeat.Dataset.from_files, [self.spot], [0, 1])
        self.refused(ValueError, "label is 2", adfeat.Dataset.from_files, [self.spot], [2])
        self.refused(adfeat.InvalidArgumentError, "at least 1", adfeat.Dataset.from_files, [])


class ShapeOfTheLibraryTest(helper.Case):
    def test_calls_that_python_has_no_use_for(self):
        """Every function of the library is called by some file of the package, but for these."""
        folder = pathlib.Path(adfeat.__file__).parent
        text = "\n".join(path.read_text() for path in folder.glob("*.py")
                         if path.name != "_abi.py")
        called = set(re.findall(r"\bad_\w+", text))
        unused = {name for name in _c.FUNCTIONS
                  if name not in called and not name.endswith("_options_init")}  # by _c.defaults()
        self.assertEqual(unused, {"ad_dataset_from_callback", "ad_fitter_finish",
                                  "ad_scorer_retain", "ad_status_name"})



if __name__ == "__main__":
    helper.main()
