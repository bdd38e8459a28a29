"""Write padim.safetensors: random subsets, and Gaussians per position in float64.

usage: python3 make_padim.py [--out DIR]

"subset.<seed>.<total>.<d>" I32 [d] is Python's random.seed(seed); random.sample(range(total), d).
For each case "<n>x<p>x<d>[+offset]" the training vectors "<case>.train" (F32 [n, p, d]) and three others "<case>.test"
are stored: G @ A_p + offset rounded to float32, G = sum of four draws 2u-1 named "padim.<case>.<train|test>.<0..3>",
A = 2u-1 named "padim.<case>.mix", [p, d, d]. Results per covariance (ridge, ledoit_wolf): .mean F64 [p, d] (of both),
.factor F64 [p, d (d + 1) / 2] columns of the inverse Cholesky factors, .shrinkage F64 [p], .distance F64 [3, p], and
.rms F64 [1], the root mean square distance of the training vectors. Condition numbers are printed.
"""
import argparse
import os
import platform
import random

import numpy as np

import golden_io
from padim_math import PositionGaussians

CASES = [(40, 5, 6, 0.0), (9, 4, 14, 0.0), (2, 3, 5, 0.0), (25, 3, 7, 1000.0), (12, 2, 1, 0.0)]
# The pool (total up to 21 + the power of four above 3 d; 21 for d up to 5) and the set, on both sides of the border.
SUBSETS = [(1024, 448, 100), (0, 448, 100), (1024, 1792, 550), (1, 768, 300), (7, 20, 5), (7, 21, 5), (7, 22, 5), (7, 85, 6),
           (7, 86, 6), (3, 1045, 100), (3, 1046, 100), (5, 2, 1), (4294967295, 5000, 100), (12345, 100000, 7)]


def rows(case, part, n, p, d, offset):
    g = sum(golden_io.symmetric("padim.%s.%s.%d" % (case, part, k), (n, p, d)) for k in range(4))
    return (np.einsum("npd,pde->npe", g, golden_io.symmetric("padim.%s.mix" % case, (p, d, d))) + offset).astype(np.float32)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    out = {}
    for seed, total, d in SUBSETS:
        random.seed(seed)
        out["subset.%d.%d.%d" % (seed, total, d)] = np.array(random.sample(range(total), d), np.int32)
    for n, p, d, offset in CASES:
        case = "%dx%dx%d%s" % (n, p, d, "+%g" % offset if offset else "")
        train, test = rows(case, "train", n, p, d, offset), rows(case, "test", 3, p, d, offset)
        out[case + ".train"], out[case + ".test"] = train, test
        for kind in ("ridge", "ledoit_wolf"):
            if kind == "ledoit_wolf" and n == 2:  # two vectors: shrinkage 0 and a singular matrix
                continue
            g, key = PositionGaussians(train, kind), case + "." + kind
            out[case + ".mean"] = g.mean
            out[key + ".factor"] = g.packed()
            out[key + ".shrinkage"] = np.array(g.shrinkage)
            out[key + ".distance"] = g.distance(test)
            out[key + ".rms"] = np.array([np.sqrt(np.mean(g.distance(train) ** 2))])
            print("%-26s cond up to %.3e shrinkage %.4f..%.4f rms %.4f distance %.3f..%.3f" % (
                key, max(g.cond), min(g.shrinkage), max(g.shrinkage), out[key + ".rms"][0],
                out[key + ".distance"].min(), out[key + ".distance"].max()))
    golden_io.save(os.path.join(a.out, "padim.safetensors"), out, "make_padim.py; Python %s, numpy %s; float64" % (
        platform.python_version(), np.__version__))


if __name__ == "__main__":
    main()
