"""Write depth.safetensors: depth maps made ready for AST in float64, and maps that must be refused.

usage: python3 make_depth.py [--out DIR]

__metadata__.cases names the cases, comma-separated; of each case there are <case>.side, .fill_border (0 or 1), .corners
(reject or nearest) and .expect: ok, or why it is refused: nothing (no valid pixel), corner or empty (no foreground).
  <case>.z F32 [H, W]           in, metres
and unless it is refused
  <case>.filled F32 [H, W]      after the filling of holes; not where z has none
  <case>.depth F32 [S, S]       resized, centimetres; S is the side
  <case>.mask U8 [S, S]         resized, before the dilation; .dilated U8 [S, S]: after it
  <case>.soft F32 [S/8, S/8]    the dilated mask resized
  <case>.unshuffled F32 [S/8, S/8, 64]; not where S is 192, where it would be large
Scenes: a tilted plane 0.5 to 0.7 m away with 0.5 mm of noise and bumps of 1 to 5 cm on it, all seeded. No pixel is
within 2e-6 m of the threshold, so that float32 finds the same foreground; "margin" is how near they come. In "exact"
many positions of the resize fall on a pixel, but not in floating point, which does not have 80 / 48 and 112 / 48: there
PyTorch gives the next pixel a weight of 1e-16 or 1e-7, and a foreground that should not count enlarges its mask.
"""
import argparse
import os

import numpy as np
import scipy
import torch
import torch.nn.functional as F

import depth_math as dm
import golden_io


def scene(name, h, w, bumps):
    """The plane and on it (row, column, radius, height), the first three as parts of a side. Nearer is less."""
    y, x = np.mgrid[:h, :w] / np.array([h - 1, w - 1]).reshape(2, 1, 1)
    z = 0.7 - 0.12 * y - 0.05 * x + 0.02 * x * y + 0.0005 * golden_io.symmetric("depth.%s" % name, (h, w))
    for r, c, radius, height in bumps:
        d = np.hypot((y - r) * h, (x - c) * w) / (radius * min(h, w))
        z -= height * np.clip(8 * (1 - d), 0, 1) * (1 + 0.3 * np.cos(3 * y + 5 * x))
    return z


def holes(name, z, singles):
    """Single pixels at random, blocks of 3 x 3 and 7 x 7, and some on each of the four borders."""
    h, w = z.shape
    at = golden_io.uniform("depth.%s.holes" % name, (singles, 2))
    for r, c in at:
        z[int(r * h), int(c * w)] = 0
    for size, r, c in ((3, .2, .3), (3, .5, .5), (3, .55, .62), (3, .8, .15), (7, .3, .7), (7, .62, .4), (7, .85, .8)):
        y, x = int(r * h), int(c * w)
        z[y:y + size, x:x + size] = 0
    z[0, w // 4:w // 4 + 5] = z[-1, w // 3:w // 3 + 9] = 0
    z[h // 4:h // 4 + 4, 0] = z[h // 2:h // 2 + 9, -1] = 0
    z[h - 9:h - 2, w // 2:w // 2 + 7] = z[0:3, w // 2:w // 2 + 3] = z[-4:, -12:-8] = 0
    return z


TWO = [(.35, .3, .2, .05), (.7, .68, .14, .01)]
THREE = [(.4, .45, .25, .03), (.75, .8, .12, .015), (.62, .4, .08, -.02)]


def without(z, *areas):
    for rows, columns in areas:
        z[rows, columns] = 0
    return z


def partial(name):
    """3 of 4 pixels missing: at the top left in row 0 and column 0, which are not filled; at the bottom right so deep
    in a hole that the filling reaches one of the four only, from the one valid pixel in there."""
    z = without(scene(name, 40, 44, TWO), (0, slice(0, 2)), (1, 0), (slice(-6, None), slice(-6, None)))
    z[-5, -5] = 0.55
    return z


def lost(name):
    """Three corners without a pixel after the filling; from the bottom right one two pixels are equally near."""
    return without(scene(name, 40, 44, TWO), (slice(0, 5), slice(0, 7)), (slice(-6, None), slice(0, 6)),
                   (slice(-6, None), slice(-6, None)))


def dirty(name):
    z = holes(name, scene(name, 64, 52, TWO), 40)
    bad = (np.nan, np.inf, -np.inf, -0.6, -1e-3, -0.0)
    for i, (r, c) in enumerate(golden_io.uniform("depth.%s.bad" % name, (90, 2))):
        z[int(r * 64), int(c * 52)] = bad[i % len(bad)]
    return z


def nothing(_):
    z = np.zeros((16, 20))
    z[3, 4:8] = np.nan, -0.5, np.inf, -np.inf
    return z


# name: (maker of z, given the name; side; fill_border; corners; expected)
CASES = {
    "plain": (lambda n: scene(n, 40, 56, TWO), 48, 0, "reject", "ok"),
    "holes": (lambda n: holes("holes", scene("holes", 97, 83, THREE), 150), 48, 0, "reject", "ok"),
    "holes_border": (lambda n: holes("holes", scene("holes", 97, 83, THREE), 150), 48, 1, "reject", "ok"),
    "full": (lambda n: holes(n, scene(n, 120, 120, THREE), 60), 192, 0, "reject", "ok"),
    "same": (lambda n: holes(n, scene(n, 48, 48, TWO), 20), 48, 0, "reject", "ok"),
    "third": (lambda n: scene(n, 144, 144, THREE), 48, 0, "reject", "ok"),
    "exact": (lambda n: scene(n, 80, 112, THREE), 48, 0, "reject", "ok"),
    "dirty": (dirty, 48, 0, "reject", "ok"),
    "corner_partial": (partial, 48, 0, "reject", "ok"),
    "corner_missing": (lambda n: lost("corner"), 48, 0, "reject", "corner"),
    "corner_nearest": (lambda n: lost("corner"), 48, 0, "nearest", "ok"),
    "nothing": (nothing, 48, 0, "nearest", "nothing"),
    "empty": (lambda n: scene(n, 24, 30, []), 48, 0, "reject", "empty"),
}


def torch_resize(x, size, dtype=np.float64):
    t = torch.from_numpy(np.asarray(x, dtype))[None, None]
    return F.interpolate(t, size, mode="bilinear", align_corners=False)[0, 0].numpy()


def check(name, z, out, bg, fg):
    """Against other implementations, and that rounding cannot decide anything."""
    filled, side = out["filled"], len(out["depth"])
    margin = np.abs(np.abs(bg - filled) - dm.THRESHOLD)[filled > 0].min()
    assert margin > 2e-6, (name, margin)
    resized = torch_resize(dm.centimetres(filled, fg), (side, side))
    assert np.abs(resized - out["depth"]).max() < 1e-9 and not out["mask"].all()
    differ = [int(((torch_resize(fg, (side, side), t) > 0) != out["mask"]).sum()) for t in (np.float64, np.float32)]
    assert np.abs(torch_resize(out["dilated"], out["soft"].shape) - out["soft"]).max() < 1e-12
    assert set(np.unique(out["soft"])) <= {0, .25, .5, .75, 1} and 0 < out["soft"].mean() < 1
    shuffled = F.pixel_unshuffle(torch.from_numpy(out["depth"])[None], dm.CELL).permute(1, 2, 0).numpy()
    assert np.array_equal(shuffled, out["unshuffled"])
    want = np.zeros((side, side), bool)
    for r, c in np.argwhere(out["mask"]):
        want[max(r - 4, 0):r + 4, max(c - 4, 0):c + 4] = True
    assert np.array_equal(want, out["dilated"])
    print("%-15s margin %.1e, missing %d, then %d, foreground %d, mean %.4f, depth %.2f to %.2f, torch differs %s" % (
        name, margin, (dm.clean(z) == 0).sum(), (filled == 0).sum(), fg.sum(), filled[fg].mean(), out["depth"].min(),
        out["depth"].max(), differ))


def check_corners(results):
    """That those two scenes are what they are for."""
    z = results["corner_partial"]["filled"]
    assert (z[:2, :2] > 0).tolist() == [[False, False], [False, True]]
    assert (z[-2:, -2:] > 0).tolist() == [[True, False], [False, False]]
    z = results["corner_nearest"]["filled"]
    assert not z[:2, :2].any() and not z[-2:, :2].any() and not z[-2:, -2:].any()
    d = np.add.outer(np.arange(len(z))[::-1] ** 2, np.arange(z.shape[1])[::-1] ** 2)
    ties = z[(z > 0) & (d == d[z > 0].min())]
    assert len(ties) == 2 and ties[0] != ties[1] and dm.corner_heights(z, True)[3] == ties[0]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    torch.set_num_threads(1)
    out, results = {}, {}
    text = {"cases": ",".join(CASES), "threshold": "%g" % dm.THRESHOLD, "fill_iterations": str(dm.ITERATIONS),
            "dilation": str(dm.SQUARE), "unshuffle": str(dm.CELL)}
    for name, (make, side, border, corners, expect) in CASES.items():
        z = make(name).astype(np.float32)
        out[name + ".z"] = z
        for key, value in (("side", side), ("fill_border", border), ("corners", corners), ("expect", expect)):
            text["%s.%s" % (name, key)] = str(value)
        try:
            results[name], bg, fg = dm.prepare(z, side, bool(border), corners == "nearest")
        except dm.Reject as reason:
            assert str(reason) == expect, (name, reason)
            print("%-15s refused: %s" % (name, reason))
            continue
        assert expect == "ok", name
        check(name, z, results[name], bg, fg)
        for key, value in results[name].items():
            if (key != "unshuffled" or side < 192) and (key != "filled" or not (z > 0).all()):
                out["%s.%s" % (name, key)] = value.astype(np.uint8 if value.dtype == bool else np.float32)
    check_corners(results)
    source = "make_depth.py; numpy %s, scipy %s; checked against torch %s; float64" % (
        np.__version__, scipy.__version__, torch.__version__)
    golden_io.save(os.path.join(a.out, "depth.safetensors"), out, source, **text)


if __name__ == "__main__":
    main()
