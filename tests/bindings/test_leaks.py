#!/usr/bin/env python3
"""Made and destroyed two hundred times, in success and in failure: nothing grows, in C or in Python."""
import ctypes
import gc
import os
import tracemalloc

import helper
import numpy as np

import adfeat

ROUNDS = 200
PR_SET_THP_DISABLE = 41  # of Linux' <sys/prctl.h>


def resident():
    """Bytes of memory that the process has for itself. Pages of files come and go as the machine needs them."""
    with open("/proc/self/statm") as file:
        _, pages, of_files = map(int, file.read().split()[:3])
    return (pages - of_files) * os.sysconf("SC_PAGE_SIZE")


class LeakTest(helper.Case):
    @classmethod
    def setUpClass(cls):
        # One huge page that the kernel gives in place of small ones, when it likes, is as large as the limit.
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
        cls.folder = helper.scratch()
        helper.make_data(cls.folder)
        cls.context = adfeat.Context(threads=1)
        cls.net = adfeat.Backbone(os.path.join(cls.folder, "w.safetensors"), context=cls.context)
        cls.frame = helper.noise(1, 48, 64, 3)
        cls.scorer = adfeat.fit(cls.net, os.path.join(cls.folder, "set"), layers="layer1", size=32)
        cls.path = os.path.join(cls.folder, "s.safetensors")
        cls.scorer.save(cls.path, embed=True)
        cls.size = os.path.getsize(cls.path)

    def bounded(self, work, rounds=ROUNDS, limit=2 << 20):
        for _ in range(rounds):  # until the heap has the shape that it keeps
            work()
        gc.collect()
        before = resident()
        for _ in range(rounds):
            work()
        gc.collect()
        grown = resident() - before
        tracemalloc.start()
        work()
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        for _ in range(rounds // 4):
            work()
        gc.collect()
        python = tracemalloc.get_traced_memory()[0] - first
        tracemalloc.stop()
        print("%s: %d KiB resident, %d bytes of Python after %d rounds" % (self.id().split(".")[-1], grown >> 10,
                                                                          python, rounds))
        self.assertLess(grown, limit)
        self.assertLess(python, 20000)

    def test_scorers(self):
        def work():
            scorer = adfeat.Scorer.load(self.path, context=self.context)
            scorer.score(self.frame)
            scorer.anomaly_map(self.frame).overlay()

        self.bounded(work)
        self.assertGreater(self.size * ROUNDS, 100 << 20)  # what a scorer that stayed would have cost

    def test_contexts_and_fits(self):
        frames = [helper.noise(i, 8, 8, 3) for i in range(8)]

        def work():
            net = helper.tiny_backbone(context=adfeat.Context(threads=1))
            scorer = adfeat.fit(net, frames, progress=lambda done: None)
            scorer.score(frames[0])
            adfeat.evaluate(scorer, [(frame, i % 2) for i, frame in enumerate(frames)])
            net.extract_features(frames[0])

        self.bounded(work)

    def test_files_and_datasets(self):
        folder = os.path.join(self.folder, "set")
        large = os.path.join(self.folder, "large.png")
        adfeat.write_png(large, helper.noise(3, 240, 320, 3))

        def work():
            dataset = adfeat.Dataset(folder, "test")
            np.asarray(dataset.read_image(3))
            dataset.read_mask(3)
            self.scorer.score(large)
            np.asarray(adfeat.read_image(large))
            adfeat.evaluate(self.scorer, dataset)
            adfeat.file_metadata(self.path)

        self.bounded(work, 100)

    def test_frames(self):
        large = helper.noise(2, 480, 640, 3)

        def work():
            self.scorer.score(large)
            self.scorer.score(large[:, ::-1])
            self.scorer.anomaly_map(large, size=8)

        self.bounded(work)

    def test_failures(self):
        half = os.path.join(self.folder, "odd", "half.png")
        cut = os.path.join(self.folder, "cut.safetensors")
        with open(self.path, "rb") as file, open(cut, "wb") as out:
            out.write(file.read()[:self.size // 2])

        def stop(done):
            raise ZeroDivisionError

        def work():
            for call in (lambda: self.scorer.score(half), lambda: self.scorer.score(np.zeros((3, 3))),
                         lambda: adfeat.Scorer.load(cut), lambda: adfeat.Backbone(cut),
                         lambda: adfeat.Fitter(self.net, "gaussian", layers="layer9"),
                         lambda: adfeat.Fitter(self.net, "gaussian", size=32).fit(
                             [self.frame], stop),
                         lambda: adfeat.evaluate(self.scorer, os.path.join(self.folder, "set"), progress=stop),
                         lambda: adfeat.fit(self.net, os.path.join(self.folder, "set"), progress=stop, size=32)):
                with self.assertRaises((adfeat.Error, TypeError, ZeroDivisionError)):
                    call()

        self.bounded(work)


if __name__ == "__main__":
    if not os.path.exists("/proc/self/statm"):
        print("skipped: there is no /proc/self/statm to read the process' memory from")
        helper.sys.exit(77)
    helper.main()
