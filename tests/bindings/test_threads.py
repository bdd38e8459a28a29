#!/usr/bin/env python3
"""Threads, closing during calls, forks and the interpreter's end."""
import ctypes
import os
import subprocess
import sys
import threading
import time

import helper

import adfeat
from adfeat import _c
from adfeat._handle import Handle
from adfeat.image import image_view

SIDE = 160


class ThreadsTest(helper.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = helper.scratch()
        helper.make_data(cls.folder)
        cls.weights = os.path.join(cls.folder, "w.safetensors")
        cls.context = adfeat.Context(threads=1)
        cls.net = adfeat.Backbone(cls.weights, context=cls.context)
        cls.frames = [helper.noise(i, 48, 48, 3) for i in range(12)]
        cls.scorer = adfeat.fit(cls.net, cls.frames, layers="layer1", size=64)
        # The slow reference kernels: a call that lasts.
        reference = adfeat.Backbone(cls.weights, context=adfeat.Context(threads=1, device="ref"))
        cls.slow = adfeat.fit(reference, cls.frames[:4], layers="layer1", size=SIDE)

    def during(self, call):
        """(seconds that the call took, steps that another Python thread made meanwhile)"""
        steps, stop = [0], threading.Event()

        def walk():
            while not stop.is_set():
                steps[0] += 1
                time.sleep(0.001)

        thread = threading.Thread(target=walk)
        thread.start()
        time.sleep(0.02)
        before, start = steps[0], time.perf_counter()
        call()
        seconds, made = time.perf_counter() - start, steps[0] - before
        stop.set()
        thread.join()
        return seconds, made

    def test_other_threads_run_during_a_call(self):
        # With the GIL held, to see that this test would notice.
        held = ctypes.PyDLL(os.environ["ADFEAT_LIBRARY"]).ad_score_image
        held.argtypes = _c.FUNCTIONS["ad_score_image"][1]
        view, out = image_view(self.frames[0]), ctypes.c_float()
        _, steps = self.during(lambda: held(self.slow._pointer, ctypes.byref(view.struct), ctypes.byref(out)))
        for _ in range(100):  # on a busy machine the other thread may wait for all of a call
            seconds, free = self.during(lambda: self.slow.score(self.frames[0]))
            if free > 4 * (steps + 1):
                break
        print("a call of %.0f ms: %d steps of another thread, %d with the GIL held" % (1e3 * seconds, free, steps))
        self.assertGreater(free, 4 * (steps + 1))

    def together(self, count, work):
        """work(i) in `count` threads at once; exceptions come out."""
        failures, barrier = [], threading.Barrier(count)

        def run(i):
            try:
                barrier.wait()
                work(i)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def test_one_scorer_many_threads(self):
        wanted = [(self.scorer.score(frame), self.scorer.anomaly_map(frame).data.tobytes()) for frame in self.frames]
        self.assertEqual(len(set(wanted)), len(self.frames))

        def work(i):
            for k in range(24):
                at = (i + k) % len(self.frames)
                if self.scorer.score(self.frames[at]) != wanted[at][0]:
                    raise AssertionError("another score")
                if self.scorer.anomaly_map(self.frames[at]).data.tobytes() != wanted[at][1]:
                    raise AssertionError("another map")

        self.together(6, work)

    def test_errors_stay_in_their_thread(self):
        def work(i):
            for k in range(50):
                name = "absent-%d-%d.png" % (i, k)
                try:
                    self.scorer.score(name)
                except adfeat.FileError as error:
                    if name not in str(error):
                        raise AssertionError("the sentence of another thread: %s" % error)

        self.together(6, work)

    def test_one_fitter_many_threads(self):
        """They wait for each other; the result does not depend on which image came first beyond rounding."""
        fitter = adfeat.Fitter(self.net, "gaussian", layers="layer1", size=64)
        self.together(4, lambda i: [fitter.add(frame) for frame in self.frames[3 * i:3 * i + 3]])
        self.assertEqual(fitter.count, 12)
        self.assertAlmostEqual(fitter.finish().score(self.frames[0]) / self.scorer.score(self.frames[0]), 1, 5)
        both = [adfeat.Fitter(self.net, "gaussian", layers="layer1", size=64) for _ in range(2)]
        self.together(2, lambda i: [both[i].merge(both[1 - i]) for _ in range(200)])

    def test_closed_by_another_thread_during_a_call(self):
        wanted = self.slow.score(self.frames[1])
        path = os.path.join(self.folder, "slow.safetensors")
        self.slow.save(path, embed=True)
        for _ in range(3):
            scorer = adfeat.Scorer.load(path, context=adfeat.Context(threads=1, device="ref"))
            got = []
            thread = threading.Thread(target=lambda: got.append(scorer.score(self.frames[1])))
            thread.start()
            while scorer._users == 0:
                time.sleep(0.0005)
            scorer.close()
            self.assertEqual((scorer._users, scorer._pointer is None, got), (1, False, []))  # the call is still inside
            self.refused(adfeat.ClosedError, "closed", scorer.score, self.frames[1])
            thread.join()
            self.assertEqual(got, [wanted])
            self.assertEqual((scorer._users, scorer._pointer), (0, None))

    def test_destroyed_when_the_last_call_has_returned(self):
        """One after the other, with the moment of the destruction in sight."""
        destroyed = []

        class Watched(Handle):
            _destroy = staticmethod(destroyed.append)

        handle = Watched(7, False)
        self.assertEqual([handle._borrow(), handle._borrow()], [7, 7])
        handle.close()
        handle.close()
        with self.assertRaises(adfeat.ClosedError):
            handle._borrow()
        handle._give_back()
        self.assertEqual(destroyed, [])
        handle._give_back()
        self.assertEqual(destroyed, [7])
        handle.close()
        del handle
        self.assertEqual(destroyed, [7])

    def test_closed_while_many_call(self):
        """Either a right score or ClosedError, nothing else."""
        path = os.path.join(self.folder, "many.safetensors")
        self.scorer.save(path)
        wanted = self.scorer.score(self.frames[2])
        for round in range(20):
            scorer, closed = adfeat.Scorer.load_onto(path, self.net), []

            def work(i):
                if i == 0:
                    time.sleep(0.001 * (round % 7))
                    scorer.close()
                    return
                for _ in range(1000):
                    try:
                        if scorer.score(self.frames[2]) != wanted:
                            raise AssertionError("another score")
                    except adfeat.ClosedError:
                        closed.append(i)
                        return

            self.together(4, work)
            self.assertEqual(sorted(closed), [1, 2, 3])
            self.assertIsNone(scorer._pointer)


class ProcessTest(helper.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = helper.scratch()
        helper.make_data(cls.folder)

    def python(self, code, timeout=300):
        done = subprocess.run([sys.executable, "-X", "dev", "-W", "ignore", "-c",
                               "import adfeat, logging, os, signal, sys, threading, numpy as np\n"
                               "logging.getLogger('adfeat').setLevel(logging.ERROR)\n" + code], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=timeout)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    FIT = ("net = adfeat.Backbone('w.safetensors', context=adfeat.Context(threads=%d))\n"
           "scorer = adfeat.fit(net, 'set', layers='layer1', size=64)\n")

    def test_forked_child(self):
        """It scores, and so does its parent after it."""
        child = ("wanted = scorer.score('flat/one.png')\n"
                 "child = os.fork()\n"
                 "if child == 0:\n"
                 "    signal.alarm(200)\n"
                 "    same = scorer.score('flat/one.png') == wanted\n"
                 "    print('same' if same else 'other', flush=True)\n"
                 "    scorer.close()\n"
                 "    sys.exit(0)\n"
                 "assert os.waitpid(child, 0)[1] == 0\n"
                 "assert scorer.score('flat/one.png') == wanted\n")
        self.assertEqual(self.python(self.FIT % 1 + child), "same\n")
        self.assertEqual(self.python(self.FIT % 2 + child), "same\n")
        fresh = child.replace("wanted = scorer.score('flat/one.png')\n", "")
        loaded = ("scorer = adfeat.Scorer.load('fork.safetensors', context=adfeat.Context(threads=2))\n"
                  "wanted = %r\n" % float(self.python(self.FIT % 2 + "scorer.save('fork.safetensors', embed=True)\n"
                                                      "print(scorer.score('flat/one.png'))")))
        self.assertEqual(self.python(loaded + fresh), "same\n")  # loaded, not used, forked: as servers do

    def test_forked_while_others_hold_locks(self):
        """The child's handles are usable and closable."""
        self.python(self.FIT % 1
                    + "def work():\n"
                    "    while True: scorer.score('flat/one.png')\n"
                    "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
                    "for _ in range(30):\n"
                    "    child = os.fork()\n"
                    "    if child == 0:\n"
                    "        signal.alarm(200)\n"
                    "        scorer.info; scorer.close(); net.close()\n"
                    "        os._exit(0)\n"
                    "    assert os.waitpid(child, 0)[1] == 0\n"
                    "os._exit(0)\n")

    def test_the_end_of_the_interpreter(self):
        """Handles, maps and views alive at the end, in cycles and in globals of other modules: silence."""
        self.python(self.FIT % 2
                    + "import builtins\n"
                    "builtins.kept = [scorer, net, adfeat.Dataset('set'),\n"
                    "                 adfeat.Fitter(net, layers='layer1')]\n"
                    "kept.append(kept)\n"
                    "found = scorer.anomaly_map('flat/one.png')\n"
                    "class Late:\n"
                    "    def __init__(self): self.scorer = scorer; self.me = self\n"
                    "    def __del__(self): self.scorer.close()\n"
                    "late = Late()\n")

    def test_daemon_threads_at_the_end(self):
        self.python(self.FIT % 1
                    + "frame = np.zeros((64, 64), np.uint8)\n"
                    "def work():\n"
                    "    while True: scorer.score(frame)\n"
                    "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
                    "import time; time.sleep(0.3)\n")

    def test_signal_handler_that_closes(self):
        """A handler runs between any two lines of ours, on the same thread."""
        self.python(self.FIT % 1
                    + "frame = np.zeros((64, 64), np.uint8)\n"
                    "signal.signal(signal.SIGALRM, lambda *a: scorer.close())\n"
                    "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
                    "try:\n"
                    "    while True: scorer.score(frame)\n"
                    "except adfeat.ClosedError: pass\n"
                    "assert scorer._pointer is None\n")


if __name__ == "__main__":
    helper.main()
