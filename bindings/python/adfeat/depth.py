"""Images with depth: what the C library is given beside the pixels, copied only where its struct cannot say what it is.

What depth may be:

- an array [h, w] (or [h, w, 1]): metres from the camera; what is not a positive number, or masked, is missing.
- an array [h, w, 3]: an organised point cloud x, y, z, of which z is taken.
- anything that np.asarray() makes such an array of. Real and whole numbers of any size; a scale says what 1 means.
- a path (str or os.PathLike) of a TIFF file of 32-bit floats, with one channel or x, y, z, or of a 16-bit grey PNG
  file, which the C library reads.

Not copied: float32 whose values lie at one distance from each other within a row and rows at another, also a negative
one: whole planes, z of a point cloud, crops, every n-th row or column, planes upside down. Copied first: other dtypes
and byte orders, columns mirrored, and what a scale changes."""
from __future__ import annotations

import os
from typing import Any, Optional, Tuple, Union

import numpy as np

from ._handle import Path

__all__ = ["DepthImage"]

DepthLike = Union[np.ndarray, Path, Any]

_FLOAT32 = np.dtype(np.float32)
_MAX_PIXEL_BYTES = 1024  # the C library's
_MAX_SCALE = 1e6


class DepthImage:
    """An image with depth: given wherever an image is. Methods that do not use depth see the pixels alone.

        scorer.score(adfeat.DepthImage(frame, cloud, "bgr"))
        scorer.score(adfeat.DepthImage("rgb/000.png", "xyz/000.tiff"))
        scorer.score(adfeat.DepthImage(None, millimetres, depth_scale=0.001))

    Args:
        pixels: any image, see adfeat.image; None for scorers and fitters that look at depth alone.
        depth: an array or a file, see adfeat.depth; of the size that the pixels have, which the library checks.
        format: "rgb" or "bgr", of a colour array; None: what the call says that the image is given to.
        depth_scale: metres that a value of 1 means; 0: 1, and 0.001 for PNG files. 0.001 for millimetres.

    Memory: borrows both arrays where they are not copied, and keeps them alive. Files are read whenever the image is
    used. Raises TypeError (dtype), ValueError (shape, scale); where it is used, what reading files gives, ShapeError
    (two sizes).

    Attributes, which cannot be set again:
        pixels, format, depth_scale: as given.
        depth: float32 [h, w], a view of the array where it could be, or the path."""

    __slots__ = ("pixels", "depth", "format", "depth_scale")

    def __init__(self, pixels: Any, depth: DepthLike, format: Optional[str] = None, *,
                 depth_scale: float = 0.0) -> None:
        if isinstance(pixels, DepthImage):
            raise TypeError("the pixels are a DepthImage, which has depth already")
        if format not in (None, "rgb", "bgr"):
            raise ValueError("format is %r, \"rgb\" and \"bgr\" are possible" % (format,))
        self.pixels = pixels
        self.format = format
        self.depth_scale = float(depth_scale)
        if not 0.0 <= self.depth_scale <= _MAX_SCALE:
            raise ValueError("depth_scale is %g, 0 to %g is possible" % (self.depth_scale, _MAX_SCALE))
        self.depth = depth if isinstance(depth, (str, os.PathLike)) else _plane(_array(depth), self.depth_scale)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            raise AttributeError("a DepthImage has its %s for good: make another one" % name)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        what = "%dx%d" % self.depth.shape[::-1] if isinstance(self.depth, np.ndarray) else os.fsdecode(self.depth)
        return "<DepthImage %s%s>" % (what, "" if self.pixels is not None else ", no pixels")


def _array(depth: Any) -> np.ndarray:
    """Values that are masked are missing, which is 0."""
    return depth.filled(0) if isinstance(depth, np.ma.MaskedArray) else np.asarray(depth)


def _plane(array: np.ndarray, scale: float) -> np.ndarray:
    """The array's depth as float32 [h, w] that layout() can describe: a view of it, or a copy."""
    if array.dtype.kind not in "fiu":
        raise TypeError("depth of dtype %s is not possible: real and whole numbers are" % array.dtype)
    if array.ndim == 3 and array.shape[2] in (1, 3):
        array = array[:, :, -1]
    if array.ndim != 2:
        raise ValueError("depth of shape %s is not possible: [h, w] and [h, w, 3] (x, y, z) are" % (array.shape,))
    if 0 in array.shape:
        raise ValueError("depth of shape %s is not possible: it has no values" % (array.shape,))
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is infinite, which is missing
        if scale not in (0.0, 1.0):
            return np.multiply(array, scale, dtype=np.float64).astype(np.float32)
        if array.dtype != _FLOAT32:
            return array.astype(np.float32, order="C")
    if not array.flags.aligned or layout(array) is None:
        return np.array(array, order="C")
    return array


def layout(plane: np.ndarray) -> Optional[Tuple[int, int]]:
    """Bytes from row to row and from value to value. None: the C struct cannot describe this array."""
    (height, width), (row, pixel) = plane.shape, plane.strides
    if width == 1:
        pixel = _FLOAT32.itemsize  # NumPy leaves any number there
    least = (width - 1) * pixel + _FLOAT32.itemsize
    if height == 1:
        row = least
    if not _FLOAT32.itemsize <= pixel <= _MAX_PIXEL_BYTES or pixel % _FLOAT32.itemsize or row % _FLOAT32.itemsize \
            or abs(row) < least:
        return None
    return row, pixel
