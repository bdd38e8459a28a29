"""Two-tap bilinear resize of 8-bit images, half-pixel centres, no antialias (numpy)."""
import numpy as np


def taps(out, size):
    """Floor of the source position and the weight of the next pixel; held in float32, as OpenCV does."""
    pos = np.float32((np.arange(out) + 0.5) * (1.0 / (out / size)) - 0.5)
    lo = np.floor(pos).astype(np.int64)
    return lo, np.float32(pos - lo.astype(np.float32))


def weights(frac):
    return (np.rint(v * np.float32(2048)).astype(np.int64) for v in (np.float32(1) - frac, frac))


def cv_linear_fixed(img, w, h):
    """OpenCV's 8-bit INTER_LINEAR arithmetic: 11-bit weights, truncating vertical pass.

    Outside the image the columns use one pixel with weight 1; the rows keep both weights on the same clamped row, where
    each product is truncated on its own. An exact halving of both axes is the mean of four pixels.
    """
    img = img.astype(np.int64)
    ih, iw = img.shape[:2]
    if ih == 2 * h and iw == 2 * w:
        return ((img[::2, ::2] + img[1::2, ::2] + img[::2, 1::2] + img[1::2, 1::2] + 2) >> 2).astype(np.uint8)
    x0, fx = taps(w, iw)
    y0, fy = taps(h, ih)
    fx = np.where((x0 < 0) | (x0 >= iw - 1), np.float32(0), fx)
    x0, x1 = np.clip(x0, 0, iw - 1), np.clip(x0 + 1, 0, iw - 1)
    y0, y1 = np.clip(y0, 0, ih - 1), np.clip(y0 + 1, 0, ih - 1)
    a0, a1 = (v[None, :, None] for v in weights(fx))
    b0, b1 = (v[:, None, None] for v in weights(fy))
    rows = img[:, x0] * a0 + img[:, x1] * a1
    out = ((b0 * (rows[y0] >> 4)) >> 16) + ((b1 * (rows[y1] >> 4)) >> 16)
    return np.clip((out + 2) >> 2, 0, 255).astype(np.uint8)


def cv_linear(img, w, h):
    """The float64 definition, one rounding at the end, half up."""
    def axis(out, size):
        pos = np.clip((np.arange(out) + 0.5) * size / out - 0.5, 0, size - 1)
        lo = np.floor(pos).astype(np.int64)
        return lo, np.minimum(lo + 1, size - 1), pos - lo
    img = img.astype(np.float64)
    x0, x1, fx = axis(w, img.shape[1])
    y0, y1, fy = axis(h, img.shape[0])
    fx, fy = fx[None, :, None], fy[:, None, None]
    rows = img[:, x0] * (1 - fx) + img[:, x1] * fx
    return np.floor(rows[y0] * (1 - fy) + rows[y1] * fy + 0.5).astype(np.uint8)
