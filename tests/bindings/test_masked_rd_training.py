#!/usr/bin/env python3
"""Training of masked reverse distillation from Python: callbacks, images, cancelling, checkpoints, leaks."""
import math
import os
import shutil

import helper
import numpy as np
from residual import MaskedRd, tiny
from test_leaks import LeakTest

import adfeat

EPOCHS, BATCHES = 2, 3


class TrainingTest(MaskedRd):
    def check_order(self, seen, epochs=EPOCHS, batches=BATCHES):
        """One call before the first batch, which knows how long it will take; then every batch and every epoch."""
        first, rest = seen[0], seen[1:]
        self.assertEqual((first.epoch, first.batch, first.epoch_done, first.loss), (1, 0, False, 0))
        self.assertGreater(first.seconds_left, 0)
        self.assertEqual([(p.epoch, p.batch, p.epoch_done) for p in rest],
                         [(epoch, batch, done) for epoch in range(1, epochs + 1)
                          for batch, done in [(b + 1, False) for b in range(batches)] + [(batches, True)]])
        for p in seen:
            self.assertEqual((p.phase, p.phase_index, p.phases, p.epochs, p.batches, p.resumed),
                             ("student", 0, 1, epochs, batches, False))

    def test_callbacks_in_order(self):
        seen, fractions = [], []
        fitter = adfeat.Fitter(self.net, "masked_rd", **tiny(epochs=6))
        fitter.fit(self.images, fractions.append, train=seen.append)
        self.check_order(seen, 6)
        self.assertEqual((fractions, fractions[-1]), (sorted(fractions), 1.0))
        best = math.inf
        for p in seen[1:]:
            self.assertTrue(0 < p.loss <= 6 and p.loss_parts == {})
            if p.epoch_done:
                best = min(best, p.validation)
                self.assertEqual(p.best_validation, best)
        ends = [p.loss for p in seen if p.epoch_done]
        self.assertLess(ends[-1], ends[0])
        self.assertEqual((seen[-1].seconds_left, fitter.student.info.epochs_trained), (0.0, 6))

    def test_batches_and_patience(self):
        seen = []
        again = lambda **options: (seen.clear(), self.fit(train=seen.append, **options))
        again(batch=4, validation_share=0, epochs=1)
        self.check_order(seen, 1, 2)
        self.assertTrue(all(math.isnan(p.validation) for p in seen))
        again(batch=1024, epochs=1)  # what there is
        self.check_order(seen, 1, 1)
        again(epochs=0)
        self.assertEqual([p for p in seen if p.batch], [])
        again(epochs=30, patience=1, lr=0.5)  # too much for it to get better for long
        self.assertLess(seen[-1].epoch, 30)
        self.assertEqual(seen[-1].epoch, seen[-1].best_epoch + 1)

    def test_every_kind_of_images(self):
        folder = self.path("set")
        folder.mkdir()
        for i, image in enumerate(self.images):
            adfeat.write_png(folder / ("%d.png" % i), image)
        score = self.fit().score(self.spot)
        fit = lambda images: adfeat.fit(self.net, images, "masked_rd", **tiny()).score(self.spot)
        for images in (folder, sorted(folder.iterdir()), adfeat.Dataset(folder), iter(self.images),
                       np.stack(self.images), [adfeat.image_view(image) for image in self.images],
                       [adfeat.DepthImage(image, np.ones(image.shape[:2], np.float32)) for image in self.images]):
            self.assertEqual(fit(images), score)
        self.assertEqual(self.fit().score(folder / "0.png"), self.fit().score(self.images[0]))

    def test_cancelled_and_continued(self):
        wanted = self.fit().score(self.spot)
        for stop in (lambda p: p.batch == 0, lambda p: p.epoch == 2 and p.batch == 1, lambda p: p.epoch_done):
            fitter = adfeat.Fitter(self.net, "masked_rd", **tiny())
            self.refused(adfeat.Cancelled, "cancelled", fitter.fit, self.images, train=stop)
            self.assertEqual(fitter.finish().score(self.spot), wanted)

        def broken(progress):
            raise ZeroDivisionError

        self.refused(ZeroDivisionError, "", adfeat.Fitter(self.net, "masked_rd", **tiny()).fit,
                     self.images, train=broken)

    def test_diverging(self):
        fitter, path = adfeat.Fitter(self.net, "masked_rd",
                                     **tiny(lr=1e12, epochs=50, patience=0)), self.path("student")
        self.assertRaises(adfeat.NumericError, fitter.fit, self.images)
        fitter.student.save(path)  # without NaN: it can be loaded
        adfeat.Student.load(path, self.net)

    def test_checkpoint_and_resume(self):
        """Cancelled in every possible place, another fitter goes on: the same bits, masks included."""
        options = tiny(mask_rate=0.4)
        whole = adfeat.Fitter(self.net, "masked_rd", **options)
        wanted = whole.fit(self.images).score(self.spot)
        whole.student.save(self.path("wanted"))
        total = EPOCHS * (BATCHES + 1)
        for place in range(total + 1):
            folder, seen = self.path("checkpoint%d" % place), []

            def stop(progress):
                seen.append(progress)
                return len(seen) == place + 1

            self.refused(adfeat.Cancelled, "cancelled",
                         adfeat.Fitter(self.net, "masked_rd", **options).fit, self.images,
                         train=stop, checkpoint_dir=folder)
            fitter = adfeat.Fitter(self.net, "masked_rd", **options)
            scorer = fitter.fit(self.images, train=seen.append, checkpoint_dir=str(folder), resume=True)
            self.assertEqual(scorer.score(self.spot), wanted, place)
            fitter.student.save(self.path("student"))
            self.assertEqual(self.path("student").read_bytes(), self.path("wanted").read_bytes())
            self.assertEqual([p.resumed for p in seen if p.batch], [i >= place for i in range(total)])
        go_on = lambda **more: adfeat.fit(self.net, self.images, "masked_rd", checkpoint_dir=folder, resume=True,
                                          **{**options, **more})
        for more in ({"lr": 0.1}, {"loss": "flat"}, {"mask_rate": 0.2}, {"levels": "12"}, {"gate": "soft"},
                     {"seed": 1}):
            self.refused(adfeat.MismatchError, "checkpoint.safetensors", go_on, **more)
        self.assertNotEqual(go_on(blur_sigma=4, combine="product").score(self.spot), wanted)  # no part of a training
        shutil.copy(self.path("wanted"), folder / "checkpoint.safetensors")
        self.refused(adfeat.FormatError, "checkpoint.safetensors", go_on)


class LeaksTest(MaskedRd):
    bounded = LeakTest.bounded

    def test_made_trained_and_broken_off(self):
        path, options = self.path("student"), tiny(epochs=1)
        adfeat.Fitter(self.net, "masked_rd", **options).student.save(path)

        def stop(progress):
            raise ZeroDivisionError

        def work():
            student = adfeat.Student.load(path, self.net)
            scorer = adfeat.Fitter(student, **options).fit(self.images, train=lambda p: None)
            scorer.anomaly_map(self.spot).overlay()
            scorer.save(self.path("scorer"))
            adfeat.Scorer.load(self.path("scorer"), self.net).score(self.good)
            student.save(path)
            make = lambda **more: adfeat.Fitter(self.net, "masked_rd", **options, **more)
            for call in (lambda: make().fit(self.images, train=stop),
                         lambda: make().fit(self.images, train=lambda p: True,
                                            checkpoint_dir=self.path("cp")),
                         lambda: make(speed=1), lambda: self.make(gn_groups=3),
                         lambda: adfeat.Fitter(student, size=100)):
                with self.assertRaises((adfeat.Error, ZeroDivisionError)):
                    call()

        self.bounded(work, 60)
        self.assertGreater(path.stat().st_size * 60, 2 << 20)  # what a student that stayed would have cost


del LeakTest  # its own program runs it

if __name__ == "__main__":
    if not os.path.exists("/proc/self/statm"):
        del LeaksTest
    helper.main()
