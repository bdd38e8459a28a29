"""Write metrics.safetensors: AUROC, AP, F1-max and AU-PRO of small maps, all in float64.

usage: python3 make_metrics.py [--out DIR]

Every case holds ".count" I64 [1] images and, per image i, ".map.<i>" F64 [h, w] and ".mask.<i>" U8 [h, w] (0 or 1), and
over the whole case
  .pixel_auroc .ap .f1_max .f1_threshold .image_auroc (map maximum as score, any mask pixel as label; NaN when undefined)
  .aupro_8_0.3 .aupro_8_0.05 .aupro_4_0.3 .aupro_4_0.05 (connectivity, limit)  .components_8 .components_4 (I64)
Cases: card (the 4x5 vector), ties (three sizes, scores quantised to 1/16), smooth (same masks, scores without ties),
constant (one score everywhere). auroc_ties.{score,label,auroc} is the four-sample vector of AUROC with ties.
f1_tie.{score,label,f1_max,f1_threshold}: the maximum is reached at two thresholds, the smaller one counts.
Maps of smooth: u named "metrics.<i>" plus 0.35 inside the mask, rounded to float32 so that float32 code sees the same
values; ties is floor(16 x)/16.
"""
import argparse
import os

import numpy as np
import scipy

import golden_io
import metric_math as mm

CARD_MAP = [[.9, .2, .1, .3, .1], [.4, .7, .2, .1, .6], [.3, .2, .1, .5, .2], [.1, .2, .4, .8, .3]]
CARD_MASK = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]
MASKS = [  # 9x12, 6x17, 11x7; the third has no defect
    ["##..........", "##......#...", "..#....#....", "...#..#.#...", "............", ".....##.....",
     ".....##.....", "#.........##", "..........##"],
    ["#................", ".#..###.........#", "..#.#.#........#.", "....###.......#..", ".......#.....#...",
     "........#...#...."],
    ["......."] * 11]


def masks():
    return [np.array([[ch == "#" for ch in row] for row in m], np.uint8) for m in MASKS]


def store(out, case, maps, truth):
    out[case + ".count"] = np.array([len(maps)], np.int64)
    for i, (m, t) in enumerate(zip(maps, truth)):
        out["%s.map.%d" % (case, i)] = np.asarray(m, np.float64)
        out["%s.mask.%d" % (case, i)] = np.asarray(t, np.uint8)
    scores = np.concatenate([np.ravel(m) for m in maps])
    labels = np.concatenate([np.ravel(t) for t in truth])
    f1, threshold = mm.f1_max(scores, labels)
    result = {"pixel_auroc": mm.auroc(scores, labels), "ap": mm.average_precision(scores, labels),
              "f1_max": f1, "f1_threshold": threshold,
              "image_auroc": mm.auroc([np.max(m) for m in maps], [np.max(t) for t in truth])}
    for conn in (8, 4):
        for limit in (0.3, 0.05):
            result["aupro_%d_%g" % (conn, limit)], n = mm.aupro(maps, truth, limit, conn)
        out["%s.components_%d" % (case, conn)] = np.array([n], np.int64)
    for k, v in result.items():
        out["%s.%s" % (case, k)] = np.array([v], np.float64)
    print(case, {k: round(v, 7) for k, v in result.items()}, out[case + ".components_8"], out[case + ".components_4"])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    out = {}
    store(out, "card", [CARD_MAP], [CARD_MASK])
    truth = masks()
    smooth = [np.float32(golden_io.uniform("metrics.%d" % i, t.shape) + 0.35 * t) for i, t in enumerate(truth)]
    store(out, "ties", [np.floor(m * 16) / 16 for m in smooth], truth)
    store(out, "smooth", smooth, truth)
    store(out, "constant", [np.full((4, 5), 0.5)], [CARD_MASK])
    out["auroc_ties.score"] = np.array([.1, .4, .4, .8])
    out["auroc_ties.label"] = np.array([0, 0, 1, 1], np.uint8)
    out["auroc_ties.auroc"] = np.array([mm.auroc(out["auroc_ties.score"], out["auroc_ties.label"])])
    out["f1_tie.score"] = np.array([.9, .8, .7, .6, .5])
    out["f1_tie.label"] = np.array([1, 0, 0, 1, 0], np.uint8)
    f1, threshold = mm.f1_max(out["f1_tie.score"], out["f1_tie.label"])
    out["f1_tie.f1_max"], out["f1_tie.f1_threshold"] = np.array([f1]), np.array([threshold])
    print("f1_tie", f1, threshold)
    golden_io.save(os.path.join(a.out, "metrics.safetensors"), out, "make_metrics.py; numpy %s, scipy %s; float64" % (
        np.__version__, scipy.__version__))


if __name__ == "__main__":
    main()
