#!/usr/bin/env python3
"""Folders of class folders as data sets of which one class is good."""
import pathlib

import helper
import numpy as np

import adfeat

CLASSES = {"cat": 3, "dog": 2, "truck": 4}


class OneClassTest(helper.Case):
    def make(self, *splits):
        """Class folders, whose files are not in order on the disk: [folder]/CLASS/N.png."""
        root = pathlib.Path(helper.scratch())
        for split in splits or (".",):
            for seed, (name, count) in enumerate(CLASSES.items()):
                (root / split / name).mkdir(parents=True)
                for i in reversed(range(count + (split == "test"))):
                    adfeat.write_png(root / split / name / ("%d.png" % i), helper.noise(100 * seed + i, 8, 8, 3))
        return root

    def seen(self, path, good, **options):
        with adfeat.Dataset(path, one_class=good, **options) as dataset:
            return [pathlib.Path(sample.name).parts[-2:] + sample[1:] for sample in dataset]

    def wanted(self, good, classes, more=0):
        return [(name, "%d.png" % i, name, int(name != good), False, False)
                for name in classes for i in range(CLASSES[name] + more)]

    def test_labels(self):
        """To train that class alone, to test all, class by class; also where each split has its own."""
        for root, more in ((self.make(), 0), (self.make("train", "test"), 1)):
            for good in CLASSES:
                self.assertEqual(self.seen(root, good), self.wanted(good, [good]))
                self.assertEqual(self.seen(root, good, split="test"), self.wanted(good, CLASSES, more))
                self.assertEqual(self.seen(root, good, split="test", depth=False), self.wanted(good, CLASSES, more))

    def test_images(self):
        root = self.make("train", "test")
        dataset = adfeat.Dataset(root, "test", one_class="dog")
        np.testing.assert_array_equal(dataset.read_image(4), adfeat.read_image(root / "test" / "dog" / "0.png"))
        self.refused(adfeat.UnsupportedError, "mask", dataset.read_mask, 0)
        self.refused(adfeat.UnsupportedError, "depth", dataset.read_depth, 0)

    def test_missing_classes(self):
        for root in (self.make(), self.make("train", "test")):
            for split in ("train", "test"):
                self.refused(adfeat.FormatError, "no class 'bird': there are cat, dog, truck", adfeat.Dataset, root,
                             split, one_class="bird")
        root = self.make()
        for name in ("", ".", "..", "cat/", "/", "../cat"):
            self.refused(adfeat.InvalidArgumentError, "name of a folder", adfeat.Dataset, root, one_class=name)
        self.refused(ValueError, "NUL", adfeat.Dataset, root, one_class="cat\0")
        self.refused(adfeat.FileError, "absent", adfeat.Dataset, root / "absent", one_class="cat")
        self.refused(adfeat.FormatError, "images beside", adfeat.Dataset, root / "cat", "test", one_class="cat")
        (root / "empty").mkdir()
        self.refused(adfeat.FormatError, "no folders", adfeat.Dataset, root / "empty", "test", one_class="cat")
        adfeat.write_png(root / "more.png", helper.noise(0, 8, 8, 3))
        self.refused(adfeat.FormatError, "images beside", adfeat.Dataset, root, one_class="cat")

    def test_names(self):
        root = self.make()
        (root / "cat").rename(root / "K\xe4tzchen 1")
        self.assertEqual([row[3] for row in self.seen(root, "K\xe4tzchen 1", split="test")], [0] * 3 + [1] * 6)

    def test_fit_and_evaluate(self):
        root, net = self.make("train", "test"), helper.tiny_backbone()
        fitter = adfeat.Fitter(net, "gaussian", layers="stem")
        scorer = fitter.fit(adfeat.Dataset(root, one_class="cat"))
        self.assertEqual((fitter.count, scorer.info.image_count), (3, 3))
        dataset = adfeat.Dataset(root, "test", one_class="cat")
        result = adfeat.evaluate(scorer, dataset)
        self.assertEqual((result.images, result.anomalous), (12, 8))
        scores = [scorer.score(sample.name) for sample in dataset]
        self.assertEqual(result.image_auroc, adfeat.auroc(scores, [sample.label for sample in dataset]))
        self.assertTrue(np.isnan(result.pixel_auroc))


if __name__ == "__main__":
    helper.main()
