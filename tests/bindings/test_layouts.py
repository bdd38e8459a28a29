#!/usr/bin/env python3
"""Folders in other layouts than MVTec AD's, tables, masks of any kind, and what an evaluation leaves out."""
import json
import math
import pathlib
import subprocess
import unittest

import helper
import numpy as np
from fitted import Data

import adfeat


class LayoutTest(Data):
    def make(self, *names):
        root = pathlib.Path(helper.scratch())
        for seed, name in enumerate(names):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = helper.noise(seed, 8, 8, 3)
            if "mask" in name:
                picture = np.zeros((8, 8), np.uint8)
                picture[2:4, 2:5] = 1
            adfeat.write_png(path, picture)
        return root

    def seen(self, root, **options):
        with adfeat.Dataset(root, **options) as dataset:
            return [(sample.label, sample.group, pathlib.Path(sample.name).name, sample.has_mask) for sample in dataset]

    def test_options(self):
        root = self.make("a/0.png", "b/1.png", "c/2.png", "mask/2.png")
        self.refused(adfeat.FormatError, "its folders are a, b, c, mask", adfeat.Dataset, root)
        names = {"normal_dir": "a", "normal_test_dir": "b", "abnormal_dir": pathlib.Path("c"), "mask_dir": "mask"}
        self.assertEqual(self.seen(root, **names), [(0, "a", "0.png", False)])
        self.assertEqual(self.seen(root, split="test", **names), [(0, "b", "1.png", False), (1, "c", "2.png", True)])
        self.refused(adfeat.InvalidArgumentError, "exclude each other", adfeat.Dataset, root, layout="flat", csv="x")
        self.refused(adfeat.InvalidArgumentError, "layout is 'x'", adfeat.Dataset, root, layout="x")
        self.refused(adfeat.InvalidArgumentError, "mask_good is 256", adfeat.Dataset, root, mask_good=256)
        root = self.make("train/fine/0.png", "test/fine/1.png", "test/so so/2.png", "test/cut/3.png")
        self.refused(adfeat.FormatError, "there are cut, fine, so so", adfeat.Dataset, root, "test")
        for good in (["fine", "so so"], "Fine,SO_SO"):
            self.assertEqual([entry[:2] for entry in self.seen(root, split="test", good=good)],
                             [(1, "cut"), (0, "fine"), (0, "so so")])
        self.assertEqual(self.seen(root / "train" / "fine", layout="flat"), [(0, "", "0.png", False)])

    def test_table(self):
        root = self.make("x/0.png", "x/1.png", "x/2.png", "x/mask.png")
        table = root / "split.csv"
        table.write_text("object,split,label,image,mask\nx,train,normal,x/0.png,\nx,test,normal,x/1.png,\n"
                         "x,test,anomaly,x/2.png,x/mask.png\ny,test,normal,y/1.png,\n")
        self.assertEqual(self.seen(root, csv=table, category="x"), [(0, "normal", "0.png", False)])
        with adfeat.Dataset(root, "test", csv=table, category="x") as dataset:
            wanted = np.zeros((8, 8), np.uint8)
            wanted[2:4, 2:5] = 255  # 1 in the file
            np.testing.assert_array_equal(dataset.read_mask(1), wanted)
            np.testing.assert_array_equal(adfeat.read_mask(root / "x" / "mask.png"), wanted)
            np.testing.assert_array_equal(adfeat.read_mask(root / "x" / "mask.png", mask_good=1), 255 - wanted)
        self.refused(adfeat.FormatError, "several objects", adfeat.Dataset, root, csv=table)

    def test_notes(self):
        """The same sentences and figures whether C or Python walks over the images."""
        dataset = adfeat.Dataset(self.set, "test")
        items = [(dataset.read_image(i), sample.label, dataset.read_mask(i) if sample.has_mask else None)
                 for i, sample in enumerate(dataset)]
        whole = adfeat.evaluate(self.scorer, dataset)
        self.assertEqual((whole.image_note, whole.pixel_note), ("", ""))
        self.assertEqual(whole.masked, sum(label == 1 for _, label, _ in items))
        more = adfeat.evaluate(self.scorer, items + [(items[-1][0], 1), (items[0][0], -1)])
        self.assertEqual((more.pixel_auroc, more.au_pro), (whole.pixel_auroc, whole.au_pro))
        self.assertEqual(more.image_note, "1 images of unknown label are in no figure")
        self.assertEqual(more.pixel_note, "1 of %d anomalous images have no mask and are not in pixel figures"
                         % (whole.masked + 1))
        alone = adfeat.evaluate(self.scorer, [item for item in items if item[1] == 1])
        self.assertTrue(math.isnan(alone.image_auroc) and math.isnan(alone.image_ap) and math.isnan(alone.f1_max))
        self.assertIn("0 are good", alone.image_note)
        self.refused(adfeat.FormatError, "labelled good, and its mask marks", adfeat.evaluate, self.scorer,
                     [(items[0][0], 0, np.ones(items[0][0].shape[:2], bool))])

    @unittest.skipUnless(helper.PROGRAM, "the program is not built")
    def test_program(self):
        """Options, notes and figures are the library's; another product is noticed once."""
        root = self.make("train/fine/0.png", "test/fine/1.png", "test/cut/3.png")
        scorer = self.path("noted.safetensors")
        fitted = adfeat.fit(self.net, self.set, **dict({"layers": "layer1", "size": 32}))
        fitted.save(scorer, embed=True)

        def run(*arguments):
            return subprocess.run([helper.PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, universal_newlines=True)

        failed = run("eval", scorer, "--data", root)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("there are cut, fine; the option --good says", failed.stderr)
        done = run("eval", scorer, "--data", root, "--good", "fine")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("note: no anomalous image has a mask", done.stderr)
        said = json.loads(run("eval", scorer, "--data", root, "--good", "fine", "--json").stdout)
        self.assertEqual((said["pixel_auroc"], said["pixel_note"]), (None, "no anomalous image has a mask"))
        self.assertEqual(run("eval", scorer, "--data", root, "--mask-good", "x").returncode, 2)
        if fitted.info.score_limit:
            strange = root / "strange.png"
            adfeat.write_png(strange, helper.noise(1, 64, 64, 3))
            scored = run("score", scorer, *[strange] * 9)
            above = float(scored.stdout.split()[0]) > fitted.info.score_limit
            self.assertEqual(scored.stderr.count("product that this scorer was fitted on"), int(above))


if __name__ == "__main__":
    helper.main()
