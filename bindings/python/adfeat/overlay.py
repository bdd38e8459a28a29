"""Anomaly maps as pictures: the same colours, scale and rounding as the program `adfeat score --map-dir`."""
from __future__ import annotations

import struct
import zlib
from typing import Any, Optional, Tuple

import numpy as np

from .image import ImageLike, ImageView, image_view

__all__ = ["Map", "encode_png", "overlay"]

FULL = 3.0  #: times normal: where colour and opacity reach their end
OPACITY = 0.8  #: at most, so that the defect under the colour can still be seen
_ROWS = 64  # rows blended at a time: temporary memory does not grow with the image
_NOTEBOOK_SIDE = 1024

# The colour map "plasma" (Smith and van der Walt, matplotlib, CC0) at ten equal steps: equal differences look equally
# large, also to most colour-blind eyes and in a grey copy.
_PLASMA = np.array([(13, 8, 135), (70, 3, 159), (114, 1, 168), (156, 23, 158), (189, 55, 134), (216, 87, 107),
                    (237, 121, 83), (251, 159, 58), (253, 202, 38), (240, 249, 33)], np.float64)


def _colour(t: np.ndarray) -> np.ndarray:
    at = t * (len(_PLASMA) - 1)
    i = np.minimum(at.astype(np.intp), len(_PLASMA) - 2)
    f = (at - i)[..., None]
    return (1.0 - f) * _PLASMA[i] + f * _PLASMA[i + 1]


def overlay(image: np.ndarray, map: np.ndarray, normal: float) -> np.ndarray:
    """The image, coloured where it is anomalous; the scale is fixed, so that pictures of different images compare.

    Args:
        image: uint8 [h, w, 3], R, G, B.
        map: float32 [h, w].
        normal: what a good image's map has (ScorerInfo.normal_map): no colour up to it, full colour at 3 times it.

    Returns: a new uint8 array [h, w, 3]."""
    height, width = map.shape
    if image.shape != (height, width, 3) or image.dtype != np.uint8:
        raise ValueError("an overlay of a map of shape %s needs a uint8 image of shape %s, not %s of %s"
                         % (map.shape, (height, width, 3), image.dtype, image.shape))
    out = np.empty((height, width, 3), np.uint8)
    for y in range(0, height, _ROWS):
        rows = slice(y, y + _ROWS)
        heat = map[rows].astype(np.float64)
        t = (heat / normal - 1.0) / (FULL - 1.0) if normal > 0.0 else np.zeros_like(heat)
        np.clip(t, 0.0, 1.0, out=t)
        alpha = (OPACITY * t)[..., None]
        out[rows] = ((1.0 - alpha) * image[rows] + alpha * _colour(t) + 0.5).astype(np.uint8)
    return out


def encode_png(image: np.ndarray) -> bytes:
    """A uint8 array [h, w] or [h, w, 3] (R, G, B) as the bytes of a PNG file."""
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) \
            or 0 in image.shape:
        raise ValueError("uint8 [h, w] and [h, w, 3] can be encoded, not %s %s" % (image.dtype, image.shape))
    height, width = image.shape[:2]
    rows = np.ascontiguousarray(image).reshape(height, -1)
    filtered = np.zeros((height, rows.shape[1] + 1), np.uint8)  # filter 0 in front of each row
    filtered[:, 1:] = rows

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0 if image.ndim == 2 else 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6))
            + chunk(b"IEND", b""))


def _nearest(image: np.ndarray, shape: Tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == shape:
        return image
    rows = np.arange(shape[0]) * image.shape[0] // shape[0]
    columns = np.arange(shape[1]) * image.shape[1] // shape[1]
    return image[rows][:, columns]


class Map:
    """An anomaly map: np.asarray(map) is its data without a copy, so NumPy and matplotlib take it as it is.

    Memory: a map holds a reference to the image it was made from, for pictures: not a copy, so it keeps a frame alive,
    and a frame that was overwritten since is shown as it is now. map.forget_image() lets go of it. A pickled map, or
    one of copy.deepcopy(), has a copy of the image's pixels, unless that was let go of.

    Attributes:
        data: float32 [h, w]; larger is more anomalous.
        score: the image's score.
        normal: what a good image's map has (ScorerInfo.normal_map): the pictures' scale."""

    __slots__ = ("data", "score", "normal", "_view", "_read")

    def __init__(self, data: np.ndarray, score: float, normal: float, view: Optional[ImageView] = None,
                 read: Optional[Any] = None) -> None:
        self.data = data
        self.score = score
        self.normal = normal
        self._view = view
        self._read = read  # how the scorer reads files

    @property
    def shape(self) -> Tuple[int, ...]:
        """(rows, columns)"""
        return self.data.shape

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        wanted = self.data.dtype if dtype is None else np.dtype(dtype)
        if copy is False and wanted != self.data.dtype:
            raise ValueError("a map of float32 cannot be had as %s without a copy" % wanted)
        return self.data.astype(wanted, copy=bool(copy))

    def __copy__(self) -> "Map":
        return Map(self.data, self.score, self.normal, self._view)

    def __reduce__(self) -> Any:
        image = None if self._view is None else self._view.rgb()
        if image is not None and image.strides[2] == 0:
            image = image[:, :, 0]  # grey: one channel says it all
        return _map_of, (self.data, self.score, self.normal, image)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        return self.data[index]

    def max(self, axis: Any = None, out: Optional[np.ndarray] = None, **more: Any) -> Any:
        """The largest value, a float; np.max(map, axis) comes here too."""
        largest = self.data.max(axis=axis, out=out, **more)
        return float(largest) if np.ndim(largest) == 0 else largest

    def hottest(self) -> Tuple[int, int]:
        """(row, column) of the largest value."""
        row, column = divmod(int(self.data.argmax()), self.data.shape[1])
        return row, column

    def forget_image(self) -> None:
        """Let go of the image; pictures are then over black, or over an image that overlay() is given."""
        self._view = None

    def overlay(self, image: Optional[ImageLike] = None, format: str = "rgb") -> np.ndarray:
        """The map over `image`, or over the one it was made from: a new uint8 array [h, w, 3] of the map's size, R, G,
        B. An image of another size is taken at the nearest pixels."""
        view = self._view if image is None else image_view(image, format, None, self._read)
        under = view.rgb() if view is not None else np.zeros(self.shape + (3,), np.uint8)
        return overlay(_nearest(under, (self.shape[0], self.shape[1])), self.data, self.normal)

    def _repr_png_(self) -> bytes:
        """For notebooks: at most 1024 pixels a side."""
        step = -(-max(self.shape) // _NOTEBOOK_SIDE)
        return encode_png(self.overlay()[::step, ::step])

    def __repr__(self) -> str:
        return "<Map %dx%d, score %g>" % (self.shape[1], self.shape[0], self.score)


def _map_of(data: np.ndarray, score: float, normal: float, image: Optional[np.ndarray]) -> Map:
    return Map(data, score, normal, None if image is None else image_view(image))
