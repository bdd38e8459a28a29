#!/usr/bin/env python3
"""One training step of AST's flow or student in PyTorch, float32, on noise: what bench_ast_step measures here.

usage: peer_ast_step.py teacher|student [CHANNELS [HIDDEN [STUDENT_HIDDEN [BATCH [STEPS [THREADS]]]]]]

The networks are tests/golden/ast_math.py's, which the library is held to; Adam as there. The student's step contains the
flow's result for the batch, as the authors' code computes it.
"""
import os
import resource
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import torch  # noqa: E402

import ast_math  # noqa: E402

SIDE, POSITIONS = 24, 32


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    phase = sys.argv[1]
    numbers = [int(word) for word in sys.argv[2:]] + [304, 1024, 1024, 8, 3, 2][len(sys.argv) - 2:]
    channels, hidden, wide, batch, steps, threads = numbers
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    before = peak_mib()
    flow = ast_math.Flow(channels, POSITIONS, hidden, 3.0)
    student = ast_math.Student(channels, POSITIONS, wide, 4, 0.2)
    c = ast_math.positional_encoding(SIDE, SIDE, POSITIONS, torch.float32).permute(2, 0, 1)[None].repeat(batch, 1, 1, 1)
    x = torch.randn(batch, channels, SIDE, SIDE)
    trained = flow if phase == "teacher" else student
    adam = torch.optim.Adam(trained.parameters(), **ast_math.ADAM)
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        adam.zero_grad()
        if phase == "teacher":
            z, logdet = flow(x, c)
            loss = (0.5 * (z ** 2).sum(1) - logdet.reshape(batch, SIDE, SIDE)).mean()
        else:
            with torch.no_grad():
                target, _ = flow(x, c)
            loss = ((target - student(x, c)) ** 2).mean()
        loss.backward()
        adam.step()
        times.append(1e3 * (time.perf_counter() - start))
    times = sorted(times[1:])
    print(f"bench {phase} channels {channels} batch {batch} threads {threads} torch {torch.__version__}")
    print(f"median_ms {times[len(times) // 2]:.0f} fastest_ms {times[0]:.0f} of {len(times)}")
    print(f"baseline_mib {before:.1f} peak_mib {peak_mib():.1f} above_baseline_mib {peak_mib() - before:.1f}")


main()
