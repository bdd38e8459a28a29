#!/usr/bin/env python3
"""Masked reverse distillation in PyTorch, float32, on noise: a training step, and the anomaly map of an image.

usage: peer_masked_rd.py step [ARCH [PRESET [BATCH [SIDE [STEPS [THREADS]]]]]]
       peer_masked_rd.py map [ARCH [PRESET [SIDE [RUNS [THREADS]]]]]

The networks, loss, Adam and map are tests/golden/masked_rd_math.py's, which the library is held to. step: the teacher's maps
are given (noise after a ReLU); the time of the teacher for such a batch is printed apart, after the memory of the step.
map: from an image already normalised to the blurred map and its maximum; eager in both layouts, then traced, frozen and
optimised for inference, each in a process of its own.
"""
import os
import resource
import subprocess
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import torch  # noqa: E402

import masked_rd_math as mm  # noqa: E402

VARIANTS = ("nchw", "channels_last", "traced")


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(run, count, unmeasured):
    times = []
    for _ in range(count + unmeasured):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    times = sorted(times[unmeasured:])
    return "median_ms %.1f fastest_ms %.1f of %d" % (times[len(times) // 2], times[0], len(times))


def print_memory(before):
    print("baseline_mib %.1f peak_mib %.1f above_baseline_mib %.1f" % (before, peak_mib(), peak_mib() - before), flush=True)


def bench_step(arch="resnet18", preset="masked_rd", batch="16", side="256", steps="3", threads="2"):
    batch, side, steps = int(batch), int(side), int(steps)
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    o = {**mm.OPTIONS, **mm.PRESETS[preset]}
    before = peak_mib()
    student = mm.initialise(mm.Student(arch, o)).train()
    adam = mm.optimizer(student, o["lr"], o["weight_decay"])
    e = {level: torch.relu(torch.randn(batch, c, side >> (level + 1), side >> (level + 1)))
         for level, c in enumerate(mm.ARCHS[arch][0], 1)}

    def step():
        masks = {level: (torch.rand_like(e[level][:, :1]) >= o["mask_rate"]).float() for level in e} if o["fmm"] else None
        adam.zero_grad(set_to_none=True)
        loss = sum(mm.losses(e, student(e, masks)[0], o["loss"]).values())
        loss.backward()
        adam.step()
        return loss.item()
    print("bench step %s %s batch %d side %d threads %s torch %s" % (arch, preset, batch, side, threads, torch.__version__))
    print(timed(step, steps, 1))
    print_memory(before)
    x = torch.randn(batch, 3, side, side)
    for layout in ("nchw", "channels_last"):
        form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        teacher, images = mm.Teacher(arch).eval().to(memory_format=form), x.to(memory_format=form)
        with torch.inference_mode():
            print("teacher %s %s" % (layout, timed(lambda: teacher(images), steps, 1)), flush=True)


class Detector(torch.nn.Module):
    """Image to the map before the blur."""

    def __init__(self, arch, options, side):
        super().__init__()
        self.teacher, self.student = mm.Teacher(arch), mm.initialise(mm.Student(arch, options))
        self.combine, self.side = options["combine"], side

    def forward(self, x):
        e = self.teacher(x)
        return mm.combined_map(mm.distance_maps(e, self.student(e)[0]), self.side, self.combine)


def bench_variant(variant, arch, preset, side, runs, threads):
    side = int(side)
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    before = peak_mib()
    net = Detector(arch, {**mm.OPTIONS, **mm.PRESETS[preset]}, side).eval()
    x = torch.randn(1, 3, side, side)
    if variant == "channels_last":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    elif variant == "traced":
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # sizes become constants, as they are
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x, check_trace=False)))
    scores = []

    def run():
        with torch.inference_mode():
            scores.append(float(mm.image_scores(mm.blurred(net(x)))[0]))
    print("bench map %s %s %s side %d threads %s torch %s" % (variant, arch, preset, side, threads, torch.__version__))
    print("%s score %.7g" % (timed(run, int(runs), 3), scores[-1]))
    print_memory(before)


def bench_map(*words):
    words = list(words) + ["resnet18", "masked_rd", "256", "20", "2"][len(words):]
    for variant in VARIANTS:
        # One that this PyTorch cannot run must not hide the others.
        subprocess.run([sys.executable, os.path.abspath(__file__), "variant", variant, *words], check=False)


def main():
    {"step": bench_step, "map": bench_map, "variant": bench_variant}[sys.argv[1]](*sys.argv[2:])


main()
