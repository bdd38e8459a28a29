"""A depth map for AST: filled, background found, centred, resized, dilated, unshuffled (numpy, scipy; float64)."""
from fractions import Fraction

import numpy as np
from scipy.ndimage import binary_dilation

THRESHOLD, ITERATIONS, SQUARE, CELL = 0.007, 3, 8, 8


class Reject(ValueError):
    """The reason as text: "nothing" is valid, a "corner" has nothing, the foreground is "empty"."""


def clean(z):
    """What is not a positive number is missing, 0."""
    z = np.asarray(z, np.float64)
    return np.where(np.isfinite(z) & (z > 0), z, 0.0)


def fill(z, iterations=ITERATIONS, border=False):
    """A missing pixel becomes the mean of the positive ones in its 3 x 3 window, all read before any is written.
    Windows are cut at the border; without `border` row 0 and column 0 stay as they are."""
    h, w = z.shape
    start = 0 if border else 1
    for _ in range(iterations):
        old = z
        z = old.copy()
        for r in range(start, h):
            for c in range(start, w):
                if old[r, c] == 0:
                    window = old[max(r - 1, 0):r + 2, max(c - 1, 0):c + 2]
                    count = int((window > 0).sum())
                    if count:
                        z[r, c] = window.sum() / count
    return z


def corner_heights(z, nearest=False):
    """A (0, 0), B (H-1, 0), C (0, W-1), D (H-1, W-1): means of the positive of 2 x 2 pixels. Where there are none, with
    `nearest` the valid pixel nearest to the outermost one, the first in row-major order among equals."""
    h, w = z.shape
    out = []
    for r, c, corner in ((0, 0, z[0:2, 0:2]), (h - 1, 0, z[-2:, 0:2]), (0, w - 1, z[0:2, -2:]),
                         (h - 1, w - 1, z[-2:, -2:])):
        valid = corner[corner > 0]
        if len(valid):
            out.append(valid.mean())
            continue
        if not nearest:
            raise Reject("corner")
        best = None
        for y in range(h):
            for x in range(w):
                d = (y - r) ** 2 + (x - c) ** 2
                if z[y, x] > 0 and (best is None or d < best[0]):
                    best = d, z[y, x]
        out.append(best[1])
    return out


def background(shape, corners):
    h, w = shape
    a, b, c, d = corners
    u, v = np.arange(h)[:, None] / (h - 1), np.arange(w)[None, :] / (w - 1)
    return (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)


def foreground(z, bg, threshold=THRESHOLD):
    return (np.abs(bg - z) > threshold) & (z > 0)


def centimetres(z, mask):
    """Relative to the foreground's mean, which the background is set to."""
    return np.where(mask, (z - z[mask].mean()) * 100, 0.0)


def taps(out, size):
    """For each of `out` positions its two pixels of `size` and the second's weight: half-pixel centres, no antialias,
    all in fractions, so that a pixel without weight has the weight 0."""
    rows = []
    for i in range(out):
        at = max((i + Fraction(1, 2)) * Fraction(size, out) - Fraction(1, 2), Fraction(0))
        low = at.numerator // at.denominator
        rows.append((low, min(low + 1, size - 1), at - low))
    return rows


def bilinear(x, h, w):
    out = np.zeros((h, w))
    columns = taps(w, x.shape[1])
    for r, (top, bottom, fy) in enumerate(taps(h, x.shape[0])):
        for c, (left, right, fx) in enumerate(columns):
            for y, wy in ((top, 1 - fy), (bottom, fy)):
                for k, wx in ((left, 1 - fx), (right, fx)):
                    if wy * wx:
                        out[r, c] += float(wy * wx) * x[y, k]
    return out


def dilate(mask, square=SQUARE):
    """A set pixel (r, c) sets rows r-4..r+3 and columns c-4..c+3 with 8."""
    return binary_dilation(mask, np.ones((square, square)))


def unshuffle(x, cell=CELL):
    """[S, S] to [S / cell, S / cell, cell * cell]; channel dy * cell + dx."""
    h, w = x.shape[0] // cell, x.shape[1] // cell
    out = np.zeros((h, w, cell * cell))
    for dy in range(cell):
        for dx in range(cell):
            out[:, :, dy * cell + dx] = x[dy::cell, dx::cell]
    return out


def prepare(z, side=192, border=False, nearest=False):
    """Everything on the way, by name; raises Reject."""
    z = fill(clean(z), border=border)
    if not (z > 0).any():
        raise Reject("nothing")
    out = {"filled": z}
    bg = background(z.shape, corner_heights(z, nearest))
    fg = foreground(z, bg)
    if not fg.any():
        raise Reject("empty")
    out["depth"] = bilinear(centimetres(z, fg), side, side)
    out["mask"] = bilinear(fg.astype(np.float64), side, side) > 0
    out["dilated"] = dilate(out["mask"])
    grid = side // CELL
    out["soft"] = bilinear(out["dilated"].astype(np.float64), grid, grid)
    out["unshuffled"] = unshuffle(out["depth"])
    return out, bg, fg
