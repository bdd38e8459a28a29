"""What PIL images and arrays of other types become, and what has to be done with what is no image. An advice in a sentence
is one that gives the right pixels when it is followed: tests/bindings/test_pixels.py follows each."""
from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ._reading import pil_upright

# Modes whose pixels are those of the same image in a file.
_AS_THEY_ARE = ("L", "RGB", "RGBA", "I;16", "I;16L", "I;16B", "I;16N")
_ADVICE = {
    "LAB": "PIL.ImageCms.profileToProfile(image, PIL.ImageCms.createProfile('LAB'), PIL.ImageCms.createProfile('sRGB'), "
           "outputMode='RGB') makes RGB of it",
    "RGBa": "image.convert('RGBA') undoes the multiplication by alpha",
    "La": "image.convert('LA') undoes the multiplication by alpha",
}


def pil_array(image: Any, read: Optional[Any]) -> np.ndarray:
    """The array of a PIL image, as the C library reads its file: palettes expanded, alpha dropped, upright."""
    mode = image.mode
    if mode in _AS_THEY_ARE:
        array = np.asarray(image)
    elif mode == "1":
        array = np.asarray(image.convert("L"))
    elif mode == "LA":
        array = np.asarray(image)[:, :, 0]
    elif mode in ("P", "PA", "RGBX"):
        array = np.asarray(image.convert("RGB"))
    elif mode == "I":
        array = _whole(np.asarray(image))
    elif mode == "F":
        raise ValueError("a PIL image of mode 'F' has no range of its own: " + _scaling(np.asarray(image),
                                                                                       "np.asarray(image)"))
    else:
        raise ValueError("a PIL image of mode '%s' is not grey or RGB as it is: %s"
                         % (mode, _ADVICE.get(mode, "image.convert('RGB') makes RGB of it")))
    return pil_upright(image, _shifted(array, read), read)


def _whole(array: np.ndarray) -> np.ndarray:
    """Mode I is what Pillow made of 16-bit files up to version 9, and writes as such."""
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    if low < 0 or high > 65535:
        raise ValueError("a PIL image of mode 'I' with values from %d to %d is more than 16 bits: %s"
                         % (low, high, _scaling(array, "np.asarray(image)")))
    return array.astype(np.uint16)


def _shifted(array: np.ndarray, read: Optional[Any]) -> np.ndarray:
    """16-bit files of fewer bits, where the reader has said so. sBIT is not known here: Pillow does not tell it."""
    bits = 16 if read is None else read.significant_bits
    if array.dtype.itemsize != 2 or not 8 <= bits < 16:
        return array
    if int(array.max(initial=0)) >> bits:
        raise ValueError("a value of the PIL image is %d, beyond the %d of %d significant bits"
                         % (array.max(), (1 << bits) - 1, bits))
    return array.astype(np.uint16) << np.uint16(16 - bits)


def masked_advice(image: np.ma.MaskedArray) -> Optional[str]:
    """np.asarray() would take what lies under the mask for pixels. None: nothing is masked."""
    count = int(np.ma.count_masked(image))
    if not count:
        return None
    return "%d values of this masked array are masked and have no value: image.filled(0) gives them one" % count


def _scaling(array: np.ndarray, name: str) -> str:
    values = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if values.size < array.size:
        name = "np.nan_to_num(%s, nan=%r, posinf=%r, neginf=%r)" % (name, low, high, low)
    if high <= low:
        high = low + 1.0
    return ("scale what its values mean to 0..255, alike for all images; those here go from %.6g to %.6g, which "
            "np.clip(np.round((%s - %r) * (255 / (%r - %r))), 0, 255).astype(np.uint8) does" % (low, high, name, low, high, low))


def dtype_advice(array: np.ndarray) -> str:
    """What makes uint8 or uint16 of an array that is neither, without clipping or wrapping a value of it."""
    kind = array.dtype.kind
    if kind == "b":
        return "image.astype(np.uint8) * np.uint8(255) makes black and white of it"
    if kind not in "iuf" or not array.size:
        return "uint8 and uint16 are"
    finite = kind != "f" or bool(np.isfinite(array).all())
    low, high = (float(array.min()), float(array.max())) if finite else (-1.0, -1.0)
    if kind == "f" and 0 <= low and high <= 1:
        return "for values in 0..1: np.round(255 * image).astype(np.uint8)"
    if 0 <= low and high <= 255:
        return "its values are in 0..255: %s" % ("np.round(image).astype(np.uint8)" if kind == "f"
                                                 else "image.astype(np.uint8)")
    if 0 <= low and high <= 65535:
        return ("its values are in 0..65535: %s, with format=\"mono12\" where they are grey of 12 bits"
                % ("np.round(image).astype(np.uint16)" if kind == "f" else "image.astype(np.uint16)"))
    return _scaling(array, "image")
