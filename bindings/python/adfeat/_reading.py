"""How files become pixels: ad_read_options, and what they mean for a PIL image, which is taken as its file would be."""
from __future__ import annotations

import logging
from typing import Any, Dict, Optional

import numpy as np

from . import _c
from ._handle import check
from ._options import to_text

_logger = logging.getLogger("adfeat")
_ORIENTATION = 0x0112  # EXIF's and TIFF's tag
_AUTO, _UPRIGHT, _RAW = (int(value) for value in _c.ad_orientation)
_WORDS = {_AUTO: "auto", _UPRIGHT: "upright", _RAW: "raw"}
_FIELDS = ("orientation", "significant_bits")


def read_options(**options: Any) -> Any:
    """An ad_read_options of what is not None, which the C library checks."""
    struct = _c.defaults(_c.ad_read_options)
    for key, value in options.items():
        if value is not None:
            check(_c.lib.ad_read_options_set(_c.byref(struct), key.encode(), to_text(value).encode()))
    return struct


def take_read_options(options: Dict[str, Any]) -> Any:
    """Those among a fitter's options, which are taken out of them."""
    return read_options(**{key: options.pop(key) for key in _FIELDS if key in options})


def as_mapping(struct: Any) -> Dict[str, Any]:
    return {"orientation": _WORDS[struct.orientation], "significant_bits": struct.significant_bits}


def _orientation_of(image: Any) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged: as the C library reads a file
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """The stored rows as they are to be shown, a view; the eight values are those of lib/vision/orientation.c."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array


_said = False


def pil_upright(image: Any, array: np.ndarray, read: Optional[Any]) -> np.ndarray:
    """The array of a PIL image, turned as the C library turns the file."""
    global _said
    orientation = _orientation_of(image) if hasattr(image, "getexif") else 1
    if orientation == 1:
        return array
    if read is None or read.orientation != _RAW:
        return upright(array, orientation)
    if not _said:
        _said = True
        _logger.warning("a PIL image has EXIF orientation %d, which is not applied: rows come as they are stored (not "
                        "said again of others)", orientation)
    return array
