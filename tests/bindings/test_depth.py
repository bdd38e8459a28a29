#!/usr/bin/env python3
"""Images with depth: which arrays and files are depth, which are copied, and what C sees of them."""
import gc
import os
import pathlib
import threading
import unittest

import helper
import numpy as np
import parts
from adfeat.image import image_view
from test_arrays import png16
from test_leaks import LeakTest

import adfeat


class Depth(helper.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(helper.scratch())
        cls.net = parts.backbone()
        images = [parts.image(i) for i in range(6)]
        cls.scorers = {mode: adfeat.fit(cls.net, images, "ast", mode=mode, **{**parts.TINY, "epochs": 1})
                       for mode in ("rgb", "depth", "combi")}
        cls.colour, cls.depth = parts.part(100, dent=True)

    def score(self, mode, *image, **more):
        return self.scorers[mode].score(adfeat.DepthImage(*image, **more))


class DepthArrayTest(Depth):
    def taken(self, array, wanted, copied, memory=None, **more):
        """The view has those values, shares the memory exactly when nothing was copied, and C sees them."""
        image = adfeat.DepthImage(None, array, **more)
        view = image_view(image)
        wanted = np.ascontiguousarray(wanted, np.float32)
        self.assertEqual((view.depth.dtype, view.depth.shape), (np.float32, wanted.shape))
        self.assertEqual((view.height, view.width), wanted.shape)
        np.testing.assert_array_equal(view.depth, wanted)
        np.testing.assert_array_equal(image.depth, wanted)
        self.assertEqual(np.shares_memory(view.depth, array if memory is None else memory), not copied)
        self.assertEqual(self.scorers["depth"].score(image), self.score("depth", None, wanted))

    def test_planes_and_clouds(self):
        depth, cloud = self.depth, parts.cloud(self.depth)
        self.taken(depth, depth, False)
        self.taken(depth[:, :, None], depth, False)
        self.taken(cloud, depth, False)
        self.taken(cloud.transpose(2, 0, 1).copy().transpose(1, 2, 0), depth, False)  # planes x, y, z
        self.taken(memoryview(depth), depth, False, depth)
        self.taken(depth.tolist(), depth, True, depth)
        fixed = depth.copy()
        fixed.flags.writeable = False
        self.taken(fixed, depth, False)
        self.assertEqual(image_view(adfeat.DepthImage(None, cloud)).struct.depth_pixel_bytes, 12)

    def test_rows_and_columns_at_any_distance(self):
        wide = np.repeat(np.repeat(self.depth, 2, axis=0), 2, axis=1)
        cloud = parts.cloud(wide)
        for array, z in ((wide, wide), (cloud, wide)):
            for y, x in ((slice(3, 40), slice(5, 50)), (slice(None, None, 2), slice(None)),
                         (slice(None), slice(None, None, 3)), (slice(None, None, -1), slice(None)),
                         (slice(40, 2, -3), slice(4, None, 2))):
                self.taken(array[y, x], z[y, x], False)
            self.taken(array[:, ::-1], z[:, ::-1], True)
            self.taken(array.swapaxes(0, 1), z.T, True)

    def test_what_is_copied(self):
        depth = self.depth
        self.taken(depth.astype(np.float64), depth, True)
        self.taken(parts.cloud(depth).astype(np.float64), depth, True)
        self.taken(depth.astype(depth.dtype.newbyteorder()), depth, True)
        self.taken(depth.astype(np.longdouble), depth, True)
        self.taken(np.asfortranarray(depth), depth, True)
        half = depth.astype(np.float16)
        self.taken(half, half.astype(np.float32), True)
        odd = np.frombuffer(b"\0" + depth.tobytes(), np.uint8)[1:].view(np.float32).reshape(depth.shape)
        self.taken(odd, depth, True)  # not aligned
        apart = np.zeros(depth.shape, np.dtype([("z", np.float32), ("flag", np.uint8)]))  # 5 bytes from value to value
        apart["z"] = depth
        self.taken(apart["z"], depth, True, apart)
        beside = np.zeros(depth.shape, np.dtype([("z", np.float32), ("flags", np.uint8, 12)]))
        beside["z"] = depth
        self.taken(beside["z"], depth, False, beside)
        far = np.zeros(depth.shape + (300,), np.float32)  # more than 1024 bytes from value to value
        far[:, :, 7] = depth
        self.taken(far[:, :, 7], depth, True, far)
        same = np.broadcast_to(depth[12], depth.shape)  # one row again and again
        self.refused(adfeat.NumericError, "foreground", self.score, "depth", None,
                     np.broadcast_to(depth[:1], depth.shape))
        np.testing.assert_array_equal(image_view(adfeat.DepthImage(None, same)).depth, same)

    def test_scales(self):
        """A scale is applied in double and rounded once, to arrays as to files."""
        millimetres = parts.to_millimetres(self.depth)
        metres = (millimetres * 0.001).astype(np.float32)
        for dtype in (np.uint16, np.int16, np.uint32, np.int64, np.float32, np.float64):
            self.taken(millimetres.astype(dtype), metres, True, depth_scale=0.001)
        self.taken(self.depth, self.depth, False, depth_scale=1)
        path = self.folder / "scaled.png"
        adfeat.write_png(path, millimetres)
        np.testing.assert_array_equal(adfeat.read_depth(path), metres)
        huge = np.where(self.depth > 1, 1e300, self.depth.astype(np.float64))
        self.assertTrue(np.isinf(adfeat.DepthImage(None, huge).depth).any())  # missing, and no warning

    def test_sides_of_one(self):
        """NumPy leaves any stride on a side of 1; the library wants 2 pixels at least."""
        cloud = parts.cloud(self.depth)
        for array in (self.depth[3:4], self.depth[:, 4:5], self.depth[::-1, ::-1][:, :1], cloud[3:4, ::-1][:, :1],
                      cloud[7:6:-1], np.lib.stride_tricks.as_strided(self.depth, (1, 9), (0, 4))):
            view = image_view(adfeat.DepthImage(None, array))
            np.testing.assert_array_equal(view.depth, array if array.ndim == 2 else array[:, :, 2])
            self.assertTrue(np.shares_memory(view.depth, array))
            self.refused(adfeat.ShapeError, "2x2", self.score, "depth", None, array)

    def test_random_slices(self):
        rng, copied = np.random.default_rng(20), 0
        wide = np.repeat(np.repeat(self.depth, 2, axis=0), 2, axis=1)
        bases = (wide, parts.cloud(wide))

        def one(n):
            step = int(rng.choice([1, 1, -1, 2, -2, 3]))
            a, b = rng.integers(0, n // 4), n - rng.integers(0, n // 4)
            return slice(a, b, step) if step > 0 else slice(b - 1, a - 1 if a else None, step)

        for i in range(200):
            base = bases[i % 2]
            rows, columns = one(base.shape[0]), one(base.shape[1])
            mirrored = columns.step < 0
            self.taken(base[rows, columns], wide[rows, columns], mirrored, base)
            copied += mirrored
        self.assertTrue(30 < copied < 170)

    def test_memory_is_kept(self):
        view = image_view(adfeat.DepthImage(helper.noise(1, 200, 300, 3), np.full((200, 300), 2, np.float32)))
        gc.collect()
        again, pixels = view.depth, np.asarray(view)
        del view
        gc.collect()
        self.assertTrue((again == 2).all())
        np.testing.assert_array_equal(pixels, helper.noise(1, 200, 300, 3))
        depth = self.depth.copy()
        image = adfeat.DepthImage(None, depth)
        before = self.scorers["depth"].score(image)
        depth[:] = parts.part(7)[1]  # a view of the caller's memory
        self.assertNotEqual(self.scorers["depth"].score(image), before)

    def test_pixels(self):
        """Whatever an image may be, with a format of its own or that of the call."""
        colour, depth, score = self.colour, self.depth, self.scorers["combi"].score
        wanted = score(adfeat.DepthImage(colour, depth))
        path = self.folder / "colour.png"
        adfeat.write_png(path, colour)
        bgr = colour[:, :, ::-1].copy()
        for pixels, format in ((path, None), (str(path), "bgr"), (bgr, "bgr"), (bgr[:, :, ::-1], None),
                               (colour.astype(np.uint16) * 257, "rgb"), (image_view(bgr, "bgr"), None)):
            self.assertEqual(score(adfeat.DepthImage(pixels, depth, format)), wanted)
        self.assertEqual(score(adfeat.DepthImage(bgr, depth), "bgr"), wanted)
        self.assertEqual(score(adfeat.DepthImage(colour, depth, "rgb"), "bgr"), wanted)
        self.assertEqual(score(image_view(adfeat.DepthImage(bgr, depth, "bgr"))), wanted)
        self.assertNotEqual(score(adfeat.DepthImage(bgr, depth)), wanted)
        self.assertFalse(image_view(adfeat.DepthImage(colour, depth)).copied)
        self.assertTrue(image_view(adfeat.DepthImage(colour[:, ::-1], depth)).copied)
        self.assertEqual(self.score("rgb", colour, depth), self.scorers["rgb"].score(colour))
        self.assertEqual(self.score("depth", colour, depth), self.score("depth", None, depth))
        features = self.net.extract_features(adfeat.DepthImage(colour, depth))["stem"]
        np.testing.assert_array_equal(features, self.net.extract_features(colour)["stem"])
        self.assertIsNone(image_view(colour).depth)

    def test_depth_alone(self):
        alone = adfeat.DepthImage(None, self.depth)
        view = image_view(alone)
        self.assertIsNone(view.pointer)
        self.refused(ValueError, "no pixels", np.asarray, view)
        for mode in ("rgb", "combi"):
            self.refused(adfeat.InvalidArgumentError, "pixels is NULL", self.scorers[mode].score, alone)
        self.refused(adfeat.InvalidArgumentError, "pixels is NULL", adfeat.write_png, self.folder / "x.png", alone)
        score, found = self.scorers["depth"].score_and_map(alone)
        self.assertEqual((found.shape, score), (self.depth.shape, self.scorers["depth"].score(alone)))
        self.assertEqual(found.overlay().shape, self.depth.shape + (3,))  # over black
        np.testing.assert_array_equal(found.overlay(), found.overlay(np.zeros_like(self.colour)))
        self.assertEqual(self.scorers["depth"].anomaly_map(alone, size=(5, 9)).shape, (5, 9))
        pair = [alone, adfeat.DepthImage(self.colour, self.depth)]
        self.assertEqual(self.scorers["depth"].score_batch(pair).tolist(), [score, score])
        self.assertIn("32x24, no pixels", repr(alone))
        self.assertIn("32x24>", repr(pair[1]))
        for name in ("pixels", "depth", "format", "depth_scale"):
            with self.assertRaisesRegex(AttributeError, "for good"):
                setattr(alone, name, None)

    def test_missing_and_wrong(self):
        colour, depth = self.colour, self.depth
        for mode in ("depth", "combi"):
            for image in (colour, image_view(colour)):
                self.refused(adfeat.InvalidArgumentError, "no depth plane", self.scorers[mode].score, image)
            for other in (depth[:-1], depth[:, 1:], depth.T.copy(), parts.cloud(depth)[1:]):
                self.refused(adfeat.ShapeError, "its depth plane", self.score, mode, colour, other)
            flat = np.full_like(depth, 1.5)
            self.refused(adfeat.NumericError, "no foreground", self.score, mode, colour, flat)
            for value in (0.0, -1.0, np.nan, np.inf):
                self.refused(adfeat.NumericError, "no value at all", self.score, mode, colour, flat * 0 + value)
                holes = depth.copy()
                holes[-9:, -9:] = value
                self.refused(adfeat.NumericError, "lower right corner", self.score, mode, colour, holes)
                holes = depth.copy()
                holes[11:14, 15:18] = value
                self.assertTrue(np.isfinite(self.score(mode, colour, holes)))
        self.assertTrue(np.isfinite(self.score("rgb", colour, depth[:-1])))  # not looked at

    def test_no_depth(self):
        colour, depth = self.colour, self.depth
        make = adfeat.DepthImage
        for dtype in (bool, complex, object, "U1", "M8[s]"):
            self.refused(TypeError, "real and whole numbers", make, colour, np.zeros((4, 4), dtype))
        for thing in (None, object(), b"bytes", {}, "x".encode()):
            self.refused(TypeError, "depth of dtype", make, colour, thing)
        for shape in ((), (6,), (6, 6, 2), (6, 6, 4), (3, 6, 6), (1, 6, 6, 3)):
            self.refused(ValueError, "[h, w, 3] (x, y, z)", make, colour, np.zeros(shape, np.float32))
        for shape in ((0, 6), (6, 0), (0, 6, 3), (6, 0, 1)):
            self.refused(ValueError, "no values", make, colour, np.zeros(shape, np.float32))
        for scale in (-1, np.nan, np.inf, 2e6):
            self.refused(ValueError, "depth_scale", make, colour, depth, depth_scale=scale)
        self.refused(TypeError, "DepthImage", make, make(colour, depth), depth)
        self.refused(ValueError, "depth already", image_view, make(image_view(make(colour, depth)), depth))
        self.refused(TypeError, "uint8 and uint16", self.score, "combi", depth, depth)
        self.refused(ValueError, '"bgr"', self.score, "combi", colour, depth, "grb")
        self.refused(adfeat.ShapeError, "1048576", self.score, "depth", None, np.ones((2, 1048577), np.float32))
        self.refused(ValueError, "one image", adfeat.fit, self.net, make(colour, depth), "ast", **parts.TINY)

    def test_threads(self):
        """One scorer, images with depth from several threads: the same bits."""
        images = [parts.image(i, dent=i % 2) for i in range(8)]
        wanted = [self.scorers["combi"].score(image) for image in images]
        seen = [None] * 4

        def work(k):
            seen[k] = [self.scorers["combi"].score(image) for image in images for _ in range(5)][::5]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(seen, [wanted] * 4)


class DepthFileTest(Depth):
    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def test_png(self):
        values = np.random.default_rng(3).integers(0, 65536, self.depth.shape, np.uint16)
        path = self.folder / "depth.png"
        adfeat.write_png(path, values)
        for scale, metres in ((0.0, 0.001), (0.001, 0.001), (1.0, 1.0), (0.25, 0.25)):
            for name in (path, str(path)):
                np.testing.assert_array_equal(adfeat.read_depth(name, scale), (values * metres).astype(np.float32))
        self.assertEqual(adfeat.read_depth(path).dtype, np.float32)
        part = adfeat.read_depth(path)[20:22]  # owns its memory through its base
        gc.collect()
        np.testing.assert_array_equal(part, (values[20:22] * 0.001).astype(np.float32))
        millimetres = parts.to_millimetres(self.depth)
        adfeat.write_png(path, millimetres)
        colour = self.folder / "colour.png"
        adfeat.write_png(colour, self.colour)
        wanted = self.score("combi", self.colour, millimetres, depth_scale=0.001)
        for pixels in (self.colour, colour, image_view(self.colour)):
            self.assertEqual(self.score("combi", pixels, path), wanted)
        self.assertEqual(self.score("depth", None, str(path)), self.score("depth", None, millimetres, depth_scale=1e-3))
        self.assertEqual(self.score("depth", None, path, depth_scale=0.002),
                         self.score("depth", None, millimetres, depth_scale=0.002))
        self.assertIn("depth.png", repr(adfeat.DepthImage(colour, path)))

    def test_refusals(self):
        path, colour = self.folder / "grey.png", self.colour
        adfeat.write_png(path, colour[:, :, 0].copy())
        self.refused(adfeat.UnsupportedError, "16-bit grey", adfeat.read_depth, path)
        adfeat.write_png(path, colour)
        self.refused(adfeat.UnsupportedError, "grey.png", adfeat.read_depth, path)
        path.write_bytes(png16(colour.astype(np.uint16) * 257))
        self.refused(adfeat.UnsupportedError, "grey.png", adfeat.read_depth, path)
        for data in (b"", b"II", b"no image at all\n"):
            self.refused(adfeat.FormatError, "odd", adfeat.read_depth, self.file("odd", data))
        adfeat.write_png(path, parts.to_millimetres(self.depth))
        whole = path.read_bytes()
        self.refused(adfeat.FormatError, "half", adfeat.read_depth, self.file("half", whole[:len(whole) // 2]))
        for call in (lambda name: adfeat.read_depth(name),
                     lambda name: self.scorers["rgb"].score(adfeat.DepthImage(colour, name))):
            self.refused(adfeat.FileError, "absent.png", call, self.folder / "absent.png")
            self.refused(ValueError, "NUL", call, "a\0b.png")
        self.refused(adfeat.ShapeError, "31x24, the depth file 32x24", self.score, "combi", colour[:, 1:], path)
        self.refused(adfeat.ShapeError, "grey.png", self.score, "rgb", colour[1:], path)
        self.refused(ValueError, "depth_scale", adfeat.read_depth, path, -1)
        self.refused(TypeError, "", adfeat.read_depth, self.depth)
        view = image_view(adfeat.DepthImage(colour, path))  # a failure leaves the pixels' view as it was
        self.refused(ValueError, "depth already", image_view, adfeat.DepthImage(view, path))
        np.testing.assert_array_equal(np.asarray(view), colour)

    @unittest.skipUnless(parts.has_tiff(), "the library was built without libtiff")
    def test_tiff(self):
        depth, cloud = self.depth, parts.cloud(self.depth)
        strange = depth.copy()
        strange[:4] = np.array([np.nan, -np.inf, 0.0, -0.5])[:, None]
        for array in (depth, cloud, strange, parts.cloud(strange), depth[:1], depth[:, :1]):
            for order in "<>":
                for planes in (False, True):
                    path = self.file("depth.tiff", parts.tiff(array, order, planes=planes))
                    z = array if array.ndim == 2 else array[:, :, 2]
                    np.testing.assert_array_equal(adfeat.read_depth(path), z)
                    np.testing.assert_array_equal(adfeat.read_depth(path, 0.001),
                                                  (z.astype(np.float64) * 0.001).astype(np.float32))
        path = self.file("named.png", parts.tiff(cloud))  # told by its bytes, not by its name
        self.assertEqual(self.score("combi", self.colour, path), self.score("combi", self.colour, depth))
        self.refused(adfeat.ShapeError, "named.png", self.score, "combi", self.colour[1:], path)
        refused = lambda kind, words, data: self.refused(kind, words, adfeat.read_depth, self.file("odd.tiff", data))
        refused(adfeat.UnsupportedError, "odd.tiff", parts.tiff(depth.astype(np.float64), bits=64))
        refused(adfeat.UnsupportedError, "1 or 3 of 32-bit floats", parts.tiff(cloud[:, :, :2]))
        refused(adfeat.UnsupportedError, "odd.tiff", parts.tiff(depth.astype(np.uint32), sample_format=1))
        refused(adfeat.UnsupportedError, "odd.tiff", parts.tiff(parts.to_millimetres(depth), bits=16, sample_format=1))
        whole = parts.tiff(cloud)
        for size in (5, 8, 100, len(whole) // 2, len(whole) - 10):
            refused(adfeat.FormatError, "odd.tiff", whole[:size])

    @unittest.skipIf(parts.has_tiff(), "the library was built with libtiff")
    def test_without_libtiff(self):
        path = self.file("depth.tiff", parts.tiff(self.depth))
        self.refused(adfeat.UnsupportedError, "without libtiff", adfeat.read_depth, path)


class DepthDatasetTest(Depth):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kinds = (False, True) if parts.has_tiff() else (False,)
        for xyz in cls.kinds:
            parts.make_set(cls.folder / ("xyz" if xyz else "depth"), xyz)
        cls.set = cls.folder / "depth"

    def test_samples(self):
        for xyz in self.kinds:
            folder = self.folder / ("xyz" if xyz else "depth")
            good, test = adfeat.Dataset(folder), adfeat.Dataset(folder, "test")
            self.assertEqual([(s.group, s.label, s.has_mask, s.has_depth) for s in good],
                             [("good", 0, False, True)] * 6)
            self.assertEqual([(s.group, s.label, s.has_mask, s.has_depth) for s in test],
                             [("dent", 1, True, True)] * 2 + [("good", 0, False, True)] * 2)
            for i, seed in enumerate((200, 201, 100, 101)):
                colour, depth = parts.part(seed, dent=seed >= 200)
                np.testing.assert_array_equal(test.read_image(i), colour)
                read = test.read_depth(i)
                wanted = depth if xyz else (parts.to_millimetres(depth) * 0.001).astype(np.float32)
                np.testing.assert_array_equal(read, wanted)
                self.assertEqual(int((test.read_mask(0) != 0).sum()), 25)
        scaled = adfeat.Dataset(self.set, depth_scale=0.5)
        np.testing.assert_array_equal(scaled.read_depth(0), 0.5 * parts.to_millimetres(parts.part(0)[1]))

    def test_without_depth(self):
        plain = adfeat.Dataset(self.set, depth=False)
        self.assertEqual([sample.has_depth for sample in plain], [False] * 6)
        self.refused(adfeat.UnsupportedError, "image 5 has no depth", plain.read_depth, -1)
        np.testing.assert_array_equal(plain.read_image(0), parts.part(0)[0])
        self.refused(adfeat.InvalidArgumentError, "no depth plane", adfeat.fit, self.net, plain, "ast", mode="combi",
                     **parts.TINY)
        self.refused(adfeat.InvalidArgumentError, "no depth plane", adfeat.evaluate, self.scorers["depth"],
                     adfeat.Dataset(self.set, "test", depth=False))
        files = adfeat.Dataset.from_files([sample.name for sample in plain])
        self.assertFalse(files[0].has_depth)
        for scale in (-1.0, 2e6, float("nan")):
            self.refused(adfeat.InvalidArgumentError, "depth_scale", adfeat.Dataset, self.set, depth_scale=scale)
        with self.assertRaises(TypeError):
            adfeat.Dataset(self.set, depth_scale="metres")

    def test_missing_depth(self):
        folder = self.folder / "missing"
        parts.make_set(folder)
        (folder / "train" / "good" / "depth" / "003.png").unlink()
        self.refused(adfeat.FormatError, "003.png", adfeat.Dataset, folder)
        self.assertEqual(len(adfeat.Dataset(folder, depth=False)), 6)
        adfeat.write_png(folder / "train" / "good" / "depth" / "003.png", np.zeros((9, 9), np.uint16))
        self.refused(adfeat.ShapeError, "003.png", adfeat.Dataset(folder).read_image, 3)
        self.refused(adfeat.ShapeError, "003.png", adfeat.fit, self.net, folder, "ast", mode="depth", **parts.TINY)

    def test_fit_and_evaluate(self):
        """A folder and what Python reads of it: the same bits."""
        for xyz in self.kinds:
            folder = self.folder / ("xyz" if xyz else "depth")
            good, test = adfeat.Dataset(folder), adfeat.Dataset(folder, "test")
            images = lambda data: [adfeat.DepthImage(data.read_image(i), data.read_depth(i)) for i in range(len(data))]
            for mode in ("depth", "combi"):
                scorer = adfeat.fit(self.net, folder, "ast", mode=mode, **parts.TINY)
                for other in (good, images(good)):
                    again = adfeat.fit(self.net, other, "ast", mode=mode, **parts.TINY)
                    self.assertEqual(again.score_batch(images(test)).tolist(),
                                     scorer.score_batch(images(test)).tolist())
                wanted = adfeat.evaluate(scorer, folder)
                self.assertEqual((wanted.images, wanted.anomalous, wanted.image_auroc), (4, 2, 1.0))
                self.assertGreater(wanted.pixel_auroc, 0.8)
                got = adfeat.evaluate(scorer, [(image, test[i].label, test.read_mask(i) if test[i].has_mask else None)
                                               for i, image in enumerate(images(test))])
                np.testing.assert_array_equal(got.scores, wanted.scores)
                for name in ("image_auroc", "f1_threshold", "pixel_auroc", "au_pro"):
                    self.assertEqual(getattr(got, name), getattr(wanted, name), name)


class DepthLeaksTest(Depth):
    bounded = LeakTest.bounded

    def test_files_arrays_and_failures(self):
        large = np.tile(self.depth, (10, 10))
        colour = np.tile(self.colour, (10, 10, 1))
        path, picture, folder = self.folder / "large.png", self.folder / "picture.png", self.folder / "leaks"
        adfeat.write_png(path, parts.to_millimetres(large))
        adfeat.write_png(picture, colour)
        parts.make_set(folder)
        dataset = adfeat.Dataset(folder)
        score = self.scorers["combi"].score

        def work():
            adfeat.read_depth(path)
            dataset.read_image(0)
            dataset.read_depth(1)
            for image in (adfeat.DepthImage(picture, path), adfeat.DepthImage(colour, large),
                          adfeat.DepthImage(colour, large.astype(np.float64))):
                image_view(image).depth[0, 0]
            score(adfeat.DepthImage(self.colour, self.depth))
            for image in (adfeat.DepthImage(picture, picture), adfeat.DepthImage(colour[1:], path),
                          adfeat.DepthImage(self.colour, large), self.colour):
                with self.assertRaises(adfeat.Error):
                    score(image)

        self.bounded(work, 60)


del LeakTest  # its own program runs it

if __name__ == "__main__":
    if not os.path.exists("/proc/self/statm"):
        del DepthLeaksTest
    helper.main()
