#!/usr/bin/env python3
"""What is natural in a notebook: folders wherever images go, parts of datasets, copies, and what objects say."""
import copy
import io
import pathlib
import pickle

import helper
import numpy as np
from fitted import OPTIONS, Data

import adfeat


class BatchTest(Data):
    def scores(self, paths):
        return [self.scorer.score(path) for path in paths]

    def test_folder(self):
        """Not the letters of its name."""
        flat = self.set / "train" / "good"
        self.assertEqual(self.scorer.score_batch(flat).tolist(), self.scores(self.good))
        self.assertEqual(self.scorer.score_batch(str(flat)).tolist(), self.scores(self.good))

    def test_category_is_its_test_split(self):
        names = [sample.name for sample in adfeat.Dataset(self.set, "test")]
        self.assertEqual(self.scorer.score_batch(str(self.set)).tolist(), self.scores(names))

    def test_dataset_lists_and_iterables(self):
        wanted = self.scores(self.good)
        for images in (adfeat.Dataset(self.set), adfeat.Dataset.from_files(self.good), self.good, tuple(self.good),
                       iter(self.good), (str(path) for path in self.good), self.arrays, iter(self.arrays),
                       np.stack(self.arrays), dict.fromkeys(map(str, self.good)), self.set.glob("train/good/*.png")):
            got = self.scorer.score_batch(images)
            self.assertEqual(got.dtype, np.float32)
            self.assertEqual(sorted(got.tolist()), sorted(wanted))
        self.assertEqual(self.scorer.score_batch(iter([])).shape, (0,))

    def test_more_than_is_held_at_once(self):
        """Several calls of the library are one here, down to the index of what fails."""
        from adfeat import scorer as module
        many = [self.arrays[i % 12] for i in range(2 * module._BATCH + 3)]
        limit, module._BATCH_BYTES = module._BATCH_BYTES, 1
        try:
            self.assertEqual(self.scorer.score_batch(many).tolist(), self.scores(self.arrays) * (len(many) // 12)
                             + self.scores(self.arrays)[:len(many) % 12])
            bad = module._BATCH + 2
            files = [self.good[0]] * bad + [self.path("odd") / "half.png"]
            self.refused(adfeat.FormatError, "image %d: " % bad, self.scorer.score_batch, files)
            combi = adfeat.DepthImage(None, np.ones((8, 8), np.float32))
            self.refused(adfeat.InvalidArgumentError, "image %d: " % bad, self.scorer.score_batch,
                         many[:bad] + [combi])
        finally:
            module._BATCH_BYTES = limit

    def test_what_is_no_list(self):
        self.refused(ValueError, "one image", self.scorer.score_batch, self.arrays[0])
        self.refused(TypeError, "NoneType", self.scorer.score_batch, None)
        self.refused(TypeError, "int", self.scorer.score_batch, 3)
        self.refused(ValueError, "one image", self.scorer.score_batch, adfeat.image_view(self.arrays[0]))
        self.refused(TypeError, "image 1: ", self.scorer.score_batch, [self.spot, 3.5])
        self.refused(TypeError, "image 1: ", adfeat.fit, self.net, [self.arrays[0], None], **OPTIONS)
        self.refused(ValueError, "image 2: ", adfeat.evaluate, self.scorer,
                     [(self.spot, 0), (self.spot, 0), (np.zeros(3, np.uint8), 1)])


class FormatTest(Data):
    def test_unknown_wherever_it_is_given(self):
        bad = "\"rgb\" and \"bgr\" are possible"
        frame = np.dstack([self.arrays[0]] * 3)
        for image in (self.spot, str(self.spot), frame, self.arrays[0], adfeat.image_view(frame),
                      adfeat.DepthImage(frame, np.ones(frame.shape[:2], np.float32))):
            for call in (adfeat.image_view, self.scorer.score, self.scorer.anomaly_map):
                self.refused(ValueError, bad, call, image, format="rbg")
        for images in (self.set, [self.spot], self.arrays, adfeat.Dataset(self.set), []):
            self.refused(ValueError, bad, self.scorer.score_batch, images, format="BGR")
            self.refused(ValueError, bad, adfeat.fit, self.net, images, format="bgra", **OPTIONS)
        self.refused(ValueError, bad, adfeat.evaluate, self.scorer, self.set, format=None)
        self.refused(ValueError, bad, adfeat.DepthImage, frame, np.ones(frame.shape[:2]), "rbg")

    def test_files_are_what_they_are(self):
        self.assertEqual(self.scorer.score(self.spot, format="bgr"), self.scorer.score(self.spot))


class AdviceTest(Data):
    def test_bytes_and_files(self):
        data = self.spot.read_bytes()
        for image in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8), io.BytesIO(data)):
            with self.assertRaises((TypeError, ValueError)) as caught:
                self.scorer.score(image)
            self.assertIn("decode_image()", str(caught.exception))
        self.assertEqual(self.scorer.score(adfeat.decode_image(data)), self.scorer.score(self.spot))

    def test_none_and_samples(self):
        self.refused(TypeError, "cv2.imread()", self.scorer.score, None)
        dataset = adfeat.Dataset(self.set, "test")
        self.refused(TypeError, "read_image()", self.scorer.score, dataset[0])
        self.assertEqual(self.scorer.score(dataset[3].name), self.scorer.score(dataset.read_image(3)))

    def test_a_path_is_not_a_list_of_letters(self):
        self.refused(TypeError, "Dataset() opens a folder", adfeat.Dataset.from_files, str(self.spot))
        self.refused(TypeError, "Dataset() opens a folder", adfeat.Dataset.from_files, self.set)

    def test_labels_are_not_rounded(self):
        for label in (0.7, "good", None, 2, float("nan"), -2):
            self.refused(ValueError, "-1, 0 and 1", adfeat.Dataset.from_files, [self.spot], [label])
            self.refused(ValueError, "image 1: a label is", adfeat.evaluate, self.scorer,
                         [(self.spot, 0), (self.spot, label)])
        for label in (1, True, np.bool_(True), np.int8(1), 1.0, np.float64(1)):
            self.assertEqual(adfeat.Dataset.from_files(iter([self.spot]), iter([label]))[0].label, 1)


class ArgumentsTest(Data):
    def test_sentences_name_the_arguments_of_python(self):
        """No name of C's, and no TypeError of some line far inside."""
        frame = self.arrays[0]
        cases = [
            (adfeat.InvalidArgumentError, "threads is -1, 0 to 256", adfeat.Context, -1),
            (TypeError, "threads is of type str", adfeat.Context, "2"),
            (TypeError, "a text is of type NoneType", adfeat.Context, 0, None),
            (TypeError, "a path is of type int", adfeat.Backbone, 3),
            (TypeError, "a path is of type NoneType", adfeat.Scorer.load, None),
            (TypeError, "context is of type int, a Context", adfeat.Backbone, self.weights, None, ("context", 3)),
            (TypeError, "backbone is of type str, a Backbone", adfeat.Scorer.load_onto, "s.safetensors", "w.safetensors"),
            (TypeError, "scorer is of type", adfeat.evaluate, str(self.set), self.scorer),
            (TypeError, "the backbone comes first", adfeat.fit, str(self.set), self.net),
            (TypeError, "eval_size is of type str", adfeat.evaluate, self.scorer, self.set, "full"),
            (ValueError, "size is (1, 2, 3)", self.scorer.anomaly_map, frame, (1, 2, 3)),
            (TypeError, "size is of type float", self.scorer.anomaly_map, frame, 2.5),
            (TypeError, "size is of type str", self.scorer.anomaly_map, frame, "large"),
        ]
        for kind, words, function, *given in cases:
            options = dict(item for item in given if isinstance(item, tuple) and item[0] == "context")
            with self.subTest(words):
                self.refused(kind, words, function, *[item for item in given
                                                      if not (isinstance(item, tuple) and item[0] == "context")], **options)

    def test_what_numpy_and_pandas_give(self):
        found = self.scorer.anomaly_map(self.spot, size=np.array([8, 9]))
        self.assertEqual(found.shape, (8, 9))
        self.assertEqual(float(np.max(found)), found.max())
        np.testing.assert_array_equal(np.max(found, axis=0), found.data.max(axis=0))
        self.assertEqual(adfeat.auroc([1, 2, 3], np.array([0.0, 0.0, 1.0])), 1.0)
        self.refused(TypeError, "labels of dtype", adfeat.auroc, [1, 2], [0.0, 0.5])
        self.refused(TypeError, "labels of dtype", adfeat.auroc, [1, 2], [0.0, float("nan")])


class PartsTest(Data):
    def setUp(self):
        self.dataset = adfeat.Dataset(self.set, "test")
        self.samples = list(self.dataset)

    def test_slices(self):
        for index in (slice(2, 5), slice(None, None, 2), slice(-2, None), slice(None, None, -1), slice(1, 100)):
            part = self.dataset[index]
            self.assertIsInstance(part, adfeat.Dataset)
            self.assertEqual(list(part), self.samples[index])
            self.assertEqual(len(part), len(self.samples[index]))
        self.assertEqual(list(self.dataset[1:][1:][:2]), self.samples[2:4])
        self.refused(ValueError, "at least one", lambda: self.dataset[6:])

    def test_select(self):
        select = self.dataset.select
        self.assertEqual(list(select([4, 0, -1, 4])), [self.samples[i] for i in (4, 0, -1, 4)])
        order = np.random.default_rng(0).permutation(6)
        self.assertEqual(list(select(order[:3])), [self.samples[i] for i in order[:3]])
        self.assertEqual(list(select(i for i, s in enumerate(self.dataset) if s.label)), self.samples[3:])
        self.assertEqual(list(select(np.array([s.label == 1 for s in self.samples]))), self.samples[3:])
        self.refused(IndexError, "image 6 of a dataset of 6", select, [0, 6])
        self.refused(IndexError, "bools", select, np.ones(5, bool))
        self.refused(ValueError, "at least one", select, [])
        with self.assertRaises(TypeError):
            select([0.5])
        with self.assertRaises(TypeError):
            self.dataset["good"]
        self.assertEqual(self.dataset[np.int64(-1)], self.samples[-1])
        part = select([3])
        self.dataset.close()
        self.assertEqual(int((part.read_mask(0) != 0).sum()), 100)
        self.refused(adfeat.ClosedError, "closed", lambda: self.dataset[:2])

    def test_hold_some_back(self):
        """The README's advice for the limit, in three lines."""
        good = adfeat.Dataset(self.set)
        scorer = adfeat.fit(self.net, good[:9], **OPTIONS)
        held = scorer.score_batch(good[9:])
        self.assertEqual(held.tolist(), [scorer.score(sample.name) for sample in good[9:]])
        self.assertEqual(scorer.info.image_count, 9)
        self.assertGreater(scorer.score(self.spot), held.max())
        self.assertEqual(adfeat.evaluate(scorer, self.dataset[2:4]).image_auroc, 1.0)


class CopiesTest(Data):
    def same(self, found, again):
        self.assertIsInstance(again, adfeat.Map)
        np.testing.assert_array_equal(again.data, found.data)
        self.assertEqual((again.score, again.normal, again.hottest()), (found.score, found.normal, found.hottest()))
        np.testing.assert_array_equal(again.overlay(), found.overlay())

    def test_maps(self):
        grey = self.arrays[0]
        colour = helper.noise(1, 40, 50, 3)
        maps = [self.scorer.anomaly_map(image) for image in (self.spot, grey, colour, colour[:, :, ::-1],
                                                             grey.astype(np.uint16) * 257)]
        maps += [self.scorer.anomaly_map(colour, format="bgr"), self.scorer.anomaly_map(colour, size=(8, 9))]
        for found in maps:
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                self.same(found, pickle.loads(pickle.dumps(found, protocol)))
            self.same(found, copy.deepcopy(found))
            self.same(found, copy.copy(found))
            self.assertIs(copy.copy(found).data, found.data)
            self.assertIsNot(copy.deepcopy(found).data, found.data)
        size = len(pickle.dumps(maps[1]))
        self.assertLess(size, grey.size * (4 + 1) + 1000)
        maps[1].forget_image()
        self.assertLess(len(pickle.dumps(maps[1])), size - grey.size + 100)
        self.same(maps[1], pickle.loads(pickle.dumps(maps[1])))

    def test_a_copy_keeps_what_the_frame_was(self):
        frame = helper.noise(2, 30, 30, 3)
        found = self.scorer.anomaly_map(frame)
        before = found.overlay()
        copied = copy.deepcopy(found)
        frame[:] = 0
        np.testing.assert_array_equal(copied.overlay(), before)

    def test_plain_results(self):
        evaluation = adfeat.evaluate(self.scorer, self.set)
        depth = adfeat.DepthImage(self.arrays[0], np.ones(self.arrays[0].shape, np.float32), "bgr")
        for value in (evaluation, self.scorer.info, self.net.info, self.net.layers, adfeat.Dataset(self.set)[0]):
            self.assertEqual(pickle.loads(pickle.dumps(value)), value)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(evaluation)).scores, evaluation.scores)
        for again in (pickle.loads(pickle.dumps(depth)), copy.copy(depth), copy.deepcopy(depth)):
            np.testing.assert_array_equal(again.depth, depth.depth)
            np.testing.assert_array_equal(again.pixels, depth.pixels)
            self.assertEqual(again.format, "bgr")

    def test_what_cannot_be_copied_says_what_to_do(self):
        handles = [(self.scorer, "load() it there"), (self.net, "open its file there"), (adfeat.Context(), "make one"),
                   (adfeat.Dataset(self.set), "open it there"),
                   (adfeat.Fitter(self.net, "gaussian", **OPTIONS), "load() it there"),
                   (adfeat.image_view(self.arrays[0]), "np.array(view)")]
        for handle, words in handles:
            for function in (pickle.dumps, copy.copy, copy.deepcopy):
                self.refused(TypeError, words, function, handle)


class ReprTest(Data):
    def test_every_object_says_what_it_is(self):
        dataset = adfeat.Dataset(self.set, "test")
        folder = repr(str(self.set))
        frame = np.dstack([self.arrays[0]] * 3)
        said = {
            dataset: "<Dataset %s, split 'test', 6 images>" % folder,
            dataset[::2]: "<Dataset %s, split 'test', selected, 3 images>" % folder,
            dataset[::2][1:]: "<Dataset %s, split 'test', selected, 2 images>" % folder,
            adfeat.Dataset.from_files(self.good): "<Dataset of files, 12 images>",
            adfeat.Context(threads=2): "<Context auto, threads 2>",
            adfeat.Context(): "<Context auto, threads by default>",
            self.scorer: "<Scorer gaussian on resnet18, 12 images>",
            self.net: "<Backbone resnet18, digest %s>" % self.net.digest,
            adfeat.Fitter(self.net, "gaussian", **OPTIONS): "<Fitter gaussian, 0 images>",
            adfeat.image_view(frame, "bgr"): "<ImageView 48x36, AD_PIXEL_BGR8>",
            adfeat.image_view(frame[:, ::-1]): "<ImageView 48x36, AD_PIXEL_RGB8, copied>",
            adfeat.image_view(adfeat.DepthImage(None, np.ones((3, 4)))): "<ImageView 4x3, depth alone>",
        }
        for value, words in said.items():
            self.assertEqual(repr(value), words)
        for handle in (dataset, adfeat.Context(), adfeat.Dataset.from_files(self.good)):
            handle.close()
            self.assertIn("closed", repr(handle))
        self.assertIn("image_auroc=1.0", repr(adfeat.evaluate(self.scorer, self.set)))

    def test_paths_of_every_kind(self):
        """str and pathlib wherever a path goes, also with spaces and letters that are not ASCII."""
        folder = self.path("a b \u00fc")
        folder.mkdir()
        for kind in (str, pathlib.Path):
            path = lambda name: kind(folder / name)
            self.scorer.save(path("s \u00e9.safetensors"), embed=True)
            self.assertEqual(adfeat.Scorer.load(path("s \u00e9.safetensors")).score(self.spot),
                             self.scorer.score(kind(self.spot)))
            self.assertEqual(adfeat.file_metadata(path("s \u00e9.safetensors"))["adfeat.method"], "gaussian")
            adfeat.write_png(path("p.png"), self.arrays[0])
            np.testing.assert_array_equal(adfeat.read_image(path("p.png")), self.arrays[0])
            self.assertEqual(len(adfeat.Dataset(kind(folder))), 1)
            self.assertEqual(adfeat.Backbone(kind(self.weights)).digest, self.net.digest)
            self.assertEqual(adfeat.Scorer.load_onto(path("s \u00e9.safetensors"), self.net).info, self.scorer.info)


if __name__ == "__main__":
    helper.main()
