"""Write gaussian.safetensors: PCA selection, Ledoit-Wolf and Mahalanobis distances in float64.

usage: python3 make_gaussian.py [--out DIR]

For each case "<m>x<C>" the training rows "<case>.train" (F32 [m, C]) and ten held-out rows "<case>.test" (F32 [10, C])
are stored; they are G @ A + 3 rounded to float32, G = sum of four draws 2u-1 named "gaussian.<case>.<train|test>.<0..3>",
A = 2u-1 named "gaussian.<case>.mix", C x C. Results per mode (none, pca_0.95, npca_0.95, npca_0.99):
  .shrinkage F64 [1], .first I64 [1] index of the first kept component, .kept I64 [1], .distance F64 [10]
and ".variances" F64 [min(m, C)], eigenvalues of the biased covariance, descending. card.* is the worked 5x3 example.
Condition numbers of the fitted covariances are printed; the distance tolerance follows from them.
"""
import argparse
import os

import numpy as np
import scipy

import golden_io
from gaussian_math import Gaussian

CASES = [(40, 8), (12, 30), (200, 16)]
MODES = [("none", 0.0), ("pca", 0.95), ("npca", 0.95), ("npca", 0.99)]
CARD = [[1, 2, 0], [2, 1, 1], [3, 4, 2], [4, 3, 5], [0, 1, 1]]


def rows(case, part, m, c):
    g = sum(golden_io.symmetric("gaussian.%s.%s.%d" % (case, part, k), (m, c)) for k in range(4))
    return (g @ golden_io.symmetric("gaussian.%s.mix" % case, (c, c)) + 3.0).astype(np.float32)


def store(out, key, g, test):
    out[key + ".shrinkage"] = np.array([g.shrinkage])
    out[key + ".first"] = np.array([g.first], np.int64)
    out[key + ".kept"] = np.array([g.kept], np.int64)
    out[key + ".distance"] = g.distance(test)
    print("%-18s shrinkage %.6f first %2d kept %2d cond %.3e distance %.3f..%.3f" % (
        key, g.shrinkage, g.first, g.kept, np.linalg.cond(g.cov), out[key + ".distance"].min(),
        out[key + ".distance"].max()))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    out = {}
    for m, c in CASES:
        case = "%dx%d" % (m, c)
        train, test = rows(case, "train", m, c), rows(case, "test", 10, c)
        out[case + ".train"], out[case + ".test"] = train, test
        for mode, tau in MODES:
            g = Gaussian(train, mode, tau)
            store(out, case + "." + (mode if mode == "none" else "%s_%.2f" % (mode, tau)), g, test)
            if mode == "pca":
                out[case + ".variances"] = g.variances
                cum = np.cumsum(g.variances) / g.variances.sum()
                print("  nearest cumulative share to 0.95 and 0.99: %.4f %.4f" % tuple(
                    cum[np.argmin(np.abs(cum - t))] for t in (0.95, 0.99)))
    out["card.train"], out["card.test"] = np.array(CARD, np.float32), np.array([[2, 2, 4]], np.float32)
    store(out, "card.none", Gaussian(out["card.train"]), out["card.test"])
    golden_io.save(os.path.join(a.out, "gaussian.safetensors"), out, "make_gaussian.py; numpy %s, scipy %s; float64" % (
        np.__version__, scipy.__version__))


if __name__ == "__main__":
    main()
