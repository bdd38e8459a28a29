#!/usr/bin/env python3
"""Evaluation, metrics and pictures of maps, from folders and from iterables."""
import json
import math
import os
import struct
import subprocess
import unittest

import helper
import numpy as np
from fitted import OPTIONS, Data

import adfeat


class EvaluationTest(Data):
    FIGURES = ("images", "anomalous", "image_auroc", "image_ap", "f1_max", "f1_threshold", "pixel_auroc", "au_pro",
               "eval_size", "masked", "normal_ratio", "image_note", "pixel_note", "scorer_note")

    def pairs(self, dataset, masks=True):
        for i, sample in enumerate(dataset):
            item = dataset.read_image(i), sample.label
            yield item + (dataset.read_mask(i) if sample.has_mask else None,) if masks else item

    def test_pairs_give_what_the_library_gives(self):
        dataset = adfeat.Dataset(self.set, "test")
        worse = adfeat.fit(self.net, self.arrays[:4], layers="layer1", size=32)  # figures that are not all 1
        for scorer in (self.scorer, worse):
            for size in (0, 20, 64):
                wanted = adfeat.evaluate(scorer, self.set, size)
                for data in (dataset, self.pairs(dataset), list(self.pairs(dataset)),
                             ((s.name, s.label == 1, dataset.read_mask(i) > 0 if s.has_mask else None)
                              for i, s in enumerate(dataset))):
                    got = adfeat.evaluate(scorer, data, size)
                    for name in self.FIGURES:
                        np.testing.assert_equal(getattr(got, name), getattr(wanted, name), name)
                    np.testing.assert_array_equal(got.scores, wanted.scores)
                    self.assertGreater(got.ms_per_image, 0)
                self.assertFalse(math.isnan(wanted.au_pro))

    def test_undefined_figures(self):
        dataset = adfeat.Dataset(self.set, "test")
        names = [sample.name for sample in dataset]
        labels = [sample.label for sample in dataset]
        for listed, pairs in ((adfeat.Dataset.from_files(names, labels), list(zip(names, labels))),
                              (adfeat.Dataset.from_files(names), [(name, 0) for name in names]),
                              (adfeat.Dataset.from_files(names, [-1] * 6), [(name, -1, None) for name in names]),
                              (adfeat.Dataset.from_files(names, [1] * 6), [(name, 1) for name in names])):
            wanted, got = adfeat.evaluate(self.scorer, listed), adfeat.evaluate(self.scorer, pairs)
            for name in self.FIGURES:
                np.testing.assert_equal(getattr(got, name), getattr(wanted, name))
            self.assertTrue(math.isnan(got.pixel_auroc))
        no_maps = adfeat.fit(self.net, self.arrays, pixel="none", **OPTIONS)
        wanted, got = adfeat.evaluate(no_maps, dataset), adfeat.evaluate(no_maps, self.pairs(dataset))
        for name in self.FIGURES:
            np.testing.assert_equal(getattr(got, name), getattr(wanted, name))

    def test_damaged_images(self):
        bad = os.path.join(helper.scratch(), "bad.png")
        with open(bad, "wb") as f:
            f.write(b"no image")
        dataset = adfeat.Dataset(self.set, "test")
        names, labels = [s.name for s in dataset], [s.label for s in dataset]
        hurt = adfeat.Dataset.from_files([bad] + names + [bad + "x"], [0] + labels + [1])
        self.refused(adfeat.FormatError, "2 of %d images cannot be used" % len(hurt), adfeat.evaluate, self.scorer, hurt)
        wanted = adfeat.evaluate(self.scorer, adfeat.Dataset.from_files(names, labels))
        got = adfeat.evaluate(self.scorer, hurt, skip_damaged=True)
        for name in self.FIGURES:
            np.testing.assert_equal(getattr(got, name), getattr(wanted, name), name)
        self.assertEqual((got.skipped, wanted.skipped), (2, 0))
        np.testing.assert_array_equal(got.scores, [math.nan] + list(wanted.scores) + [math.nan])
        good = [n for n, label in zip(names, labels) if label == 0]
        with adfeat.Fitter(self.net, "gaussian", **OPTIONS) as fitter:
            self.refused(adfeat.FormatError, "1 of %d images cannot be used" % (len(good) + 1), fitter.fit, good + [bad])
            self.assertEqual((fitter.count, fitter.skipped), (len(good), 0))
        with adfeat.Fitter(self.net, "gaussian", **OPTIONS) as fitter:
            fitter.fit([bad] + good, skip_damaged=True)
            self.assertEqual((fitter.count, fitter.skipped), (len(good), 1))
        self.assertEqual(adfeat.fit(self.net, [bad] + good, skip_damaged=True, **OPTIONS).info.image_count, len(good))

    def test_other_kinds_of_files(self):
        frame = np.stack([np.roll(self.arrays[0], i) for i in range(3)], 2)
        h, w = frame.shape[:2]
        rows = [row.tobytes().ljust((3 * w + 3) // 4 * 4, b"\0") for row in frame[::-1, :, ::-1]]
        bmp = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54 + len(b"".join(rows)), 0, 0, 54, 40, w, h, 1, 24, 0, 0, 0, 0, 0, 0)
        for name, data in (("a.bmp", bmp + b"".join(rows)), ("a.ppm", b"P6 %d %d 255\n" % (w, h) + frame.tobytes())):
            path = os.path.join(helper.scratch(), name)
            with open(path, "wb") as f:
                f.write(data)
            np.testing.assert_array_equal(adfeat.read_image(path), frame)
            np.testing.assert_array_equal(adfeat.decode_image(data), frame)
            self.assertEqual(self.scorer.score(path), self.scorer.score(frame))

    def test_refusals(self):
        frame = self.arrays[0]
        evaluate = lambda data, *more: adfeat.evaluate(self.scorer, data, *more)
        self.refused(TypeError, "(image, label)", evaluate, [frame])
        self.refused(TypeError, "(image, label)", evaluate, [str(self.spot)])
        self.refused(ValueError, "label is 2", evaluate, [(frame, 2)])
        self.refused(ValueError, "no image", evaluate, [])
        self.refused(ValueError, "the mask is 4x5, the image 48x36: it cannot be scaled", evaluate,
                     [(frame, 1, np.zeros((5, 4), bool))])
        self.refused(TypeError, "mask", evaluate, [(frame, 1, np.zeros((36, 48)))])
        self.refused(ValueError, "8192", evaluate, [(frame, 1)], 9000)
        self.refused(adfeat.InvalidArgumentError, "8192", evaluate, self.set, 9000)
        self.refused(adfeat.Cancelled, "cancelled after 3", evaluate, self.set, 0, lambda done: done >= 0.5)
        self.refused(adfeat.Cancelled, "cancelled after 1 ", evaluate, [(frame, 0)] * 2, 0, lambda done: done >= 0.5)

    def test_metrics(self):
        """Against sums over all pairs."""
        rng = np.random.default_rng(3)
        scores, labels = np.round(rng.standard_normal(60), 1).astype(np.float32), rng.integers(0, 2, 60)
        good, bad = scores[labels == 0], scores[labels == 1]
        wanted = ((bad[:, None] > good) + 0.5 * (bad[:, None] == good)).mean()
        self.assertAlmostEqual(adfeat.auroc(scores, labels), wanted, 12)
        self.assertEqual(adfeat.auroc(list(scores), labels.astype(bool)), adfeat.auroc(scores, labels * 7))
        f1, threshold = max((2 * (bad >= t).sum() / ((scores >= t).sum() + len(bad)), -t) for t in scores)
        found = adfeat.f1_max(scores, labels)
        self.assertAlmostEqual(found.value, f1, 12)
        self.assertEqual(found.threshold, np.float32(-threshold))
        order = np.unique(scores)[::-1]
        recall = [(bad >= t).mean() for t in order]
        precision = [(bad >= t).sum() / (scores >= t).sum() for t in order]
        self.assertAlmostEqual(adfeat.average_precision(scores, labels),
                               float(np.sum(np.diff([0.0] + recall) * precision)), 12)
        maps = rng.standard_normal((3, 9, 8)).astype(np.float32)
        masks = np.zeros((3, 9, 8), np.uint8)
        masks[0, 2:4, 2:5] = masks[1, 5, 5] = masks[1, 6, 6] = 255
        self.assertAlmostEqual(adfeat.pixel_auroc(maps, masks), adfeat.auroc(maps.ravel(), masks.ravel()), 12)
        for connectivity, pieces in ((8, [(0, masks[0] > 0), (1, masks[1] > 0)]),
                                     (4, [(0, masks[0] > 0), (1, self.pixel(5, 5)), (1, self.pixel(6, 6))])):
            got = adfeat.aupro(list(maps), masks > 0, fpr_limit=0.4, connectivity=connectivity)
            self.assertAlmostEqual(got, self.aupro_by_hand(maps, masks, pieces, 0.4), 9)
        self.refused(adfeat.InvalidArgumentError, "undefined", adfeat.auroc, [1, 2], [0, 0])
        self.refused(adfeat.NumericError, "NaN", adfeat.auroc, [1, np.nan], [0, 1])
        self.refused(adfeat.InvalidArgumentError, "fpr_limit", adfeat.aupro, maps, masks, 0)
        self.refused(ValueError, "shape", adfeat.auroc, [1, 2], [0, 1, 1])
        self.refused(TypeError, "labels", adfeat.auroc, [1, 2], [0.5, 1])
        self.refused(ValueError, "3 maps for 2", adfeat.aupro, maps, masks[:2])
        self.refused(adfeat.ShapeError, "", adfeat.aupro, maps, masks[:, 1:])
        self.refused(ValueError, "float", adfeat.aupro, masks, masks)

    @staticmethod
    def pixel(y, x):
        mask = np.zeros((9, 8), bool)
        mask[y, x] = True
        return mask

    @staticmethod
    def aupro_by_hand(maps, masks, pieces, limit):
        """Every threshold in turn; trapezoids, the last one cut at the limit."""
        good = maps[masks == 0]
        points = [(0.0, 0.0)]
        for t in np.unique(maps)[::-1]:
            points.append(((good >= t).mean(), np.mean([(maps[i][piece] >= t).mean() for i, piece in pieces])))
        area = 0.0
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            if x1 > limit:
                y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
                x1 = limit
            if x1 > x0:
                area += (x1 - x0) * (y0 + y1) / 2
            if x1 == limit:
                break
        return area / limit


class PictureTest(Data):
    def decode(self, data):
        return adfeat.decode_image(bytes(data))

    def test_png(self):
        for shape in ((3, 5, 3), (4, 1, 3), (6, 2), (1, 1)):
            image = helper.noise(5, *shape)
            np.testing.assert_array_equal(self.decode(adfeat.encode_png(image)), image)
            flipped = image[::-1]
            np.testing.assert_array_equal(self.decode(adfeat.encode_png(flipped)), flipped)
        for image in (np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)):
            self.assertRaises(ValueError, adfeat.encode_png, image)

    def test_overlay(self):
        found = self.scorer.anomaly_map(self.spot)
        picture = found.overlay()
        self.assertEqual((picture.shape, picture.dtype), ((36, 48, 3), np.uint8))
        np.testing.assert_array_equal(self.decode(found._repr_png_()), picture)
        grey = adfeat.read_image(self.spot)
        np.testing.assert_array_equal(found.overlay(grey), picture)
        np.testing.assert_array_equal(found.overlay(np.dstack([grey] * 3), "bgr"), picture)
        cold = found.data <= found.normal
        self.assertTrue(cold.any() and (found.data > 3 * found.normal).any())
        np.testing.assert_array_equal(picture[cold], np.dstack([grey] * 3)[cold])
        hot = picture[found.data > 3 * found.normal][0] - np.array([0.8 * 240, 0.8 * 249, 0.8 * 33])
        self.assertLess(np.ptp(hot), 2.0)
        self.assertEqual(self.scorer.anomaly_map(self.spot, size=(7, 9)).overlay().shape, (7, 9, 3))
        large = self.scorer.anomaly_map(grey, size=(1100, 30))
        self.assertEqual(self.decode(large._repr_png_()).shape[0], 550)
        colour = helper.noise(6, 36, 48, 3)
        np.testing.assert_array_equal(self.scorer.anomaly_map(colour[:, :, ::-1], format="bgr").overlay(),
                                      self.scorer.anomaly_map(colour).overlay())
        found.forget_image()
        self.assertTrue((found.overlay()[cold] == 0).all())
        self.refused(ValueError, "needs", adfeat.overlay, colour[1:], found.data, 1.0)


@unittest.skipUnless(helper.PROGRAM, "the adfeat program was not built")
class ProgramTest(Data):
    """The program adfeat on the same files: the same scorer file, scores, pictures and figures."""

    def program(self, *arguments):
        return subprocess.run([helper.PROGRAM, *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=str(self.folder)).stdout

    def test_the_same(self):
        theirs, mine = self.path("program.safetensors"), self.path("mine.safetensors")
        self.program("fit", "gaussian", "--weights", self.weights, "--data", self.set, "-o", theirs, "--layers",
                     "layer1,layer2", "--size", "64", "--quiet")
        self.scorer.save(mine)
        self.assertEqual(mine.read_bytes(), theirs.read_bytes())
        images = sorted((self.set / "test").glob("*/*.png")) + [self.path("odd") / "colour.png"]
        said = json.loads(self.program("score", theirs, "--weights", self.weights, "--map-dir", "heat", "--json",
                                       *images))
        self.assertEqual(len(said), 7)
        for image, entry in zip(images, said):
            found = self.scorer.anomaly_map(image)
            self.assertEqual(np.float32(entry["score"]), np.float32(found.score))
            picture = adfeat.read_image(self.folder / entry["overlay"])
            np.testing.assert_array_equal(found.overlay(), picture)
        for size in (0, 32):
            said = json.loads(self.program("eval", mine, "--weights", self.weights, "--data", self.set, "--json",
                                           "--eval-size", size))
            figures = adfeat.evaluate(self.scorer, self.set, size)
            for name in EvaluationTest.FIGURES:
                wanted = getattr(figures, name)
                if not isinstance(wanted, str):  # its JSON's digits, and null for NaN
                    wanted = None if math.isnan(wanted) else float("%.9g" % wanted)
                self.assertEqual(said[name], wanted, name)


if __name__ == "__main__":
    helper.main()
