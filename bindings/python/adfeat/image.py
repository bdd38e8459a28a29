"""Images: NumPy arrays as the C library's views of pixels, copied only where the C struct cannot say what they are.

What an image may be, everywhere in this package:

- an array [h, w] or [h, w, 1] of grey, [h, w, 3] or [h, w, 4] of colour, uint8 or uint16 (full range 0..65535);
  1 to 1048576 rows and columns. `format` says what the channels of a colour array are: "rgb" (default; the fourth is
  alpha, which is dropped) or "bgr" (OpenCV's frames; "bgr" with four channels is BGRA). Of grey it says how a camera
  has put it: "mono10", "mono12" and "mono14" are values below 2**10, 2**12, 2**14 in uint16, "mono10p", "mono12p" and
  GigE Vision's "mono10packed", "mono12packed" packed rows in uint8 [h, bytes].
- anything that np.asarray() makes such an array of: a PIL image, a memoryview, a torch tensor. A PIL image
  is taken as its file would be: upright by its EXIF orientation, palettes expanded, alpha dropped. Masked arrays are
  refused where anything is masked.
- a path (str or os.PathLike) of an image file of any kind that the C library reads (build_info() lists them).
- a DepthImage: one of these with depth, or depth alone; see adfeat.depth.
- an ImageView, which is taken as it is, with its depth.

Not copied: arrays whose pixels are contiguous within a row, whatever the distance from one row to the next: whole
frames, crops, every n-th row, images upside down (negative row stride), read-only arrays, and frame[..., ::-1] of three
channels, which is the same memory with the channels named the other way round.
Copied first: columns mirrored or left out, channels taken from a wider pixel (rgba[..., :3]: pass rgba itself), planes
(CHW turned to HWC), other byte orders, and 16-bit colour, which becomes 8-bit as the library does it for PNG files:
(v * 255 + 32895) >> 16. 16-bit grey is not copied."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Union

import numpy as np

from . import _c
from ._handle import Path, check, failure, int32, path_bytes
from ._pixels import dtype_advice, masked_advice, pil_array
from ._reading import read_options
from .depth import DepthImage, layout

if TYPE_CHECKING:
    from .context import Context

__all__ = ["DepthImage", "ImageLike", "ImageView", "decode_image", "image_view", "read_depth", "read_image",
           "write_png"]

lib = _c.lib
ImageLike = Union[np.ndarray, Path, DepthImage, Any]

_STRUCT_SIZE = _c.sizeof(_c.ad_image)
_MONO8 = int(_c.ad_pixel_format.AD_PIXEL_MONO8)
_MONO16 = int(_c.ad_pixel_format.AD_PIXEL_MONO16)
_RGB8 = int(_c.ad_pixel_format.AD_PIXEL_RGB8)
_BGR8 = int(_c.ad_pixel_format.AD_PIXEL_BGR8)
_RGBA8 = int(_c.ad_pixel_format.AD_PIXEL_RGBA8)
_BGRA8 = int(_c.ad_pixel_format.AD_PIXEL_BGRA8)
_COLOUR = {("rgb", 3): _RGB8, ("bgr", 3): _BGR8, ("rgb", 4): _RGBA8, ("bgr", 4): _BGRA8}
_REVERSED = {_RGB8: _BGR8, _BGR8: _RGB8}
_CHANNELS = {_MONO8: 1, _MONO16: 1, _RGB8: 3, _BGR8: 3, _RGBA8: 4, _BGRA8: 4}
_UINT8, _UINT16, _FLOAT32 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)
_CAMERA = {"mono10": _c.ad_pixel_format.AD_PIXEL_MONO10, "mono12": _c.ad_pixel_format.AD_PIXEL_MONO12,
           "mono14": _c.ad_pixel_format.AD_PIXEL_MONO14, "mono10p": _c.ad_pixel_format.AD_PIXEL_MONO10P,
           "mono12p": _c.ad_pixel_format.AD_PIXEL_MONO12P,
           "mono10packed": _c.ad_pixel_format.AD_PIXEL_MONO10_PACKED,
           "mono12packed": _c.ad_pixel_format.AD_PIXEL_MONO12_PACKED}
_FORMATS = ("rgb", "bgr") + tuple(_CAMERA)
_UNPACKED = tuple(int(code) for code in _CAMERA.values() if code >> 16 & 0xff == 16)
_PACKED = tuple(int(code) for code in _CAMERA.values() if code >> 16 & 0xff != 16)
_CAMERA_BITS = {int(code): int(name[4:6]) for name, code in _CAMERA.items()}


class _Memory:
    """What np.asarray() makes an array of that keeps the view alive."""

    __slots__ = ("view", "__array_interface__")

    def __init__(self, view: "ImageView", interface: Dict[str, Any]) -> None:
        self.view = view
        self.__array_interface__ = interface


class ImageView:
    """What the C library is given: an ad_image struct, and what keeps its pixels and its depth alive.

    Attributes:
        struct: the ad_image.
        copied: whether the pixels are a copy of the caller's (always False for files: they have no other owner).

    np.asarray(view) is an array over the same memory, [h, w] or [h, w, c], channels in the order of the memory; an
    image that has depth alone raises ValueError there, and its format says nothing."""

    __slots__ = ("struct", "copied", "_keep")

    def __init__(self, struct: Any, keep: Any, copied: bool) -> None:
        self.struct = struct
        self.copied = copied
        self._keep = keep

    def __del__(self) -> None:
        try:
            if self.struct.owner or self.struct.depth_owner:
                lib.ad_image_release(_c.byref(self.struct))
        except Exception:  # the interpreter is ending
            pass

    @property
    def pointer(self) -> Optional[int]:
        """Address of the first row; None without pixels."""
        return self.struct.pixels

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return self.struct.width

    @property
    def height(self) -> int:
        """Rows."""
        return self.struct.height

    @property
    def format(self) -> str:
        """The pixel format's name, for example "AD_PIXEL_BGR8"."""
        return _c.ad_pixel_format(self.struct.format).name

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        s = self.struct
        if not s.pixels:
            raise ValueError("the image has no pixels, only depth")
        itemsize = 2 if s.format == _MONO16 or s.format in _UNPACKED else 1
        channels = _CHANNELS.get(s.format, 1)
        shape: Tuple[int, ...] = (s.height, s.width)
        if s.format in _PACKED:  # its bytes
            shape = (s.height, (s.width * (s.format >> 16 & 0xff) + 7) // 8)
        strides: Tuple[int, ...] = (s.row_bytes, channels * itemsize)
        if channels > 1:
            shape, strides = shape + (channels,), strides + (1,)
        return {"version": 3, "typestr": (_UINT16 if itemsize == 2 else _UINT8).str, "shape": shape,
                "strides": strides, "data": (s.pixels, not s.owner)}

    def __repr__(self) -> str:
        if not self.struct.pixels:
            return "<ImageView %dx%d, depth alone>" % (self.width, self.height)
        return "<ImageView %dx%d, %s%s%s>" % (self.width, self.height, self.format,
                                                ", with depth" if self.struct.depth else "",
                                                ", copied" if self.copied else "")

    def __reduce__(self) -> Any:
        raise TypeError("an ImageView cannot be pickled or copied, it is a view of memory: use np.array(view)")

    def _grey8(self, array: np.ndarray) -> np.ndarray:
        """A camera's grey for pictures: its upper eight bits, for the network at most one more."""
        code, bits = self.struct.format, _CAMERA_BITS[self.struct.format]
        if code in _UNPACKED:
            return (np.minimum(array, (1 << bits) - 1) >> (bits - 8)).astype(np.uint8)
        x = np.arange(self.width)
        if bits != code >> 16 & 0xff or code == int(_CAMERA["mono12packed"]):  # GigE Vision's: a byte of its own each
            return array[:, x // 2 * 3 + x % 2 * 2]
        at = x * bits + bits - 8
        wide = np.pad(array, ((0, 0), (0, 1))).astype(np.uint16)
        return ((wide[:, at // 8] | wide[:, at // 8 + 1] << 8) >> (at % 8).astype(np.uint16)).astype(np.uint8)

    @property
    def depth(self) -> Optional[np.ndarray]:
        """The depth plane, float32 [h, w] over the same memory; None without."""
        s = self.struct
        if not s.depth:
            return None
        return np.asarray(_Memory(self, {"version": 3, "typestr": _FLOAT32.str,
                                         "shape": (s.depth_height, s.depth_width),
                                         "strides": (s.depth_row_bytes, s.depth_pixel_bytes),
                                         "data": (s.depth, not s.depth_owner)}))

    def rgb(self) -> np.ndarray:
        """The pixels as uint8 [h, w, 3] in the order R, G, B: a view where the memory allows; black without pixels."""
        if not self.struct.pixels:
            return np.zeros((self.height, self.width, 3), np.uint8)
        pixels = np.asarray(self)
        if self.struct.format == _MONO16:
            pixels = _grey_to_8(pixels)
        elif self.struct.format in _CAMERA_BITS:
            pixels = self._grey8(pixels)
        if pixels.ndim == 2:
            return np.broadcast_to(pixels[:, :, None], pixels.shape + (3,))
        return pixels[:, :, 2::-1] if self.struct.format in (_BGR8, _BGRA8) else pixels[:, :, :3]


def _to_8_bits(array: np.ndarray) -> np.ndarray:
    """16 to 8 bits, rounded as libpng and the C library round."""
    return ((array.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)


def _grey_to_8(array: np.ndarray) -> np.ndarray:
    """As the C library does it: the nearest, but not less than the upper byte."""
    return np.maximum(_to_8_bits(array), (array >> 8).astype(np.uint8))


def _as_array(image: Any, read: Optional[Any]) -> np.ndarray:
    if isinstance(image, np.ma.MaskedArray):
        advice = masked_advice(image)
        if advice is not None:
            raise TypeError(advice)
    if isinstance(image, np.ndarray):
        return np.asarray(image)
    advice = _no_image(image)
    if advice is not None:
        raise TypeError(advice)
    if isinstance(getattr(image, "mode", None), str) and hasattr(image, "convert"):
        return pil_array(image, read)
    return np.asarray(image)


def _bad_format(format: Any) -> Exception:
    return ValueError("format is %r, \"rgb\" and \"bgr\" are possible, and of grey %s"
                      % (format, ", ".join('"%s"' % name for name in _CAMERA)))


def check_format(format: Any) -> None:
    """That there is such a format; also where no image needs it, since a file says itself what its channels are."""
    if format not in _FORMATS:
        raise _bad_format(format)


def _no_image(image: Any) -> Optional[str]:
    """What has to be done with what is no image itself, but leads to one."""
    if isinstance(image, (bytes, bytearray)) or (hasattr(image, "read") and hasattr(image, "seek")):
        return "%s is not possible as an image: decode_image() makes one of the bytes of a file" % type(image).__name__
    if hasattr(image, "has_depth"):
        return "a Sample is not possible as an image: give its name, or what read_image() of its dataset gives"
    if image is None:
        return "None is not possible as an image: cv2.imread(), for one, gives it for a file that it cannot read"
    return None


def _refuse(array: np.ndarray) -> Exception:
    """What is wrong with an array that is no image, in one sentence."""
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        return TypeError("an image of dtype %s is not possible, uint8 and uint16 are: %s"
                         % (array.dtype, dtype_advice(array)))
    what = "an image of shape %s is not possible" % (array.shape,)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        return ValueError("%s: [h, w] and [h, w, 1] (grey) and [h, w, 3] and [h, w, 4] (colour) are%s"
                          % (what, "; decode_image() takes the bytes of a file" if array.ndim == 1 else ""))
    return ValueError("%s: it has no pixels" % what)


def image_view(image: ImageLike, format: str = "rgb", context: Optional["Context"] = None,
               read: Optional[Any] = None) -> ImageView:
    """The C library's view of an image, as every call of this package makes it; see the top of this file.

    format is that of colour arrays; files, ImageViews and a DepthImage with a format of its own are what they are.
    The view borrows the array's memory, and keeps the array alive. `context` reads files; default: the shared one.
    `read` says how: the ad_read_options of a scorer or fitter; default: upright, as the files say.
    Raises TypeError (dtype), ValueError (shape, format), and what reading a file gives."""
    if not isinstance(image, np.ndarray):
        check_format(format)
        if isinstance(image, (str, os.PathLike)):
            return _read(image, context, read)
        if isinstance(image, DepthImage):
            return _with_depth(image, format, context, read)
        if isinstance(image, ImageView):
            return image
    array = image if type(image) is np.ndarray else _as_array(image, read)
    shape, dtype = array.shape, array.dtype
    if len(shape) == 3 and shape[2] == 1:
        array = array[:, :, 0]
        shape = array.shape
    if dtype != _UINT8 and dtype != _UINT16 and not (dtype.kind == "u" and dtype.itemsize == 2):
        raise _refuse(array)
    if 0 in shape or not (len(shape) == 2 or (len(shape) == 3 and 3 <= shape[2] <= 4)):
        raise _refuse(array)

    channels = 1 if len(shape) == 2 else shape[2]
    if format in _CAMERA:
        return _camera_view(array, format)
    if (format, channels) in _COLOUR:
        code = _COLOUR[format, channels]
    elif format in ("rgb", "bgr"):
        code = _MONO8 if dtype == _UINT8 else _MONO16
    else:
        raise _bad_format(format)

    kept = array
    if channels > 1 and dtype != _UINT8:
        kept = _to_8_bits(array)
    elif channels == 1 and dtype.itemsize == 2 and (not dtype.isnative or not array.flags.aligned):
        kept = array.astype(_UINT16)
    row_bytes, shift = _layout(kept, channels)
    if row_bytes is None:
        kept = np.array(kept, order="C")  # ascontiguousarray() would keep some odd strides of sides of 1
        row_bytes, shift = shape[1] * kept.itemsize * channels, 0
    if shift:
        code = _REVERSED[code]
    struct = _c.ad_image(_STRUCT_SIZE, code, kept.__array_interface__["data"][0] - shift, shape[1], shape[0],
                           row_bytes, None)
    return ImageView(struct, kept, kept is not array)


def _camera_view(array: np.ndarray, format: str) -> ImageView:
    """Grey as a camera delivers it."""
    code = int(_CAMERA[format])
    packed = code not in _UNPACKED
    if array.ndim != 2 or (array.dtype != _UINT8 if packed else array.dtype.itemsize != 2):
        raise ValueError("format %r is of arrays %s, not of %s %s"
                         % (format, "uint8 [h, bytes]" if packed else "uint16 [h, w]", array.dtype, list(array.shape)))
    kept = array if array.dtype.isnative and array.flags.aligned else array.astype(array.dtype.newbyteorder("="))
    row_bytes, _ = _layout(kept, 1)
    if row_bytes is None:
        kept = np.array(kept, order="C")
        row_bytes = kept.shape[1] * kept.itemsize
    width = 8 * kept.shape[1] // (code >> 16 & 0xff) if packed else kept.shape[1]
    struct = _c.ad_image(_STRUCT_SIZE, code, kept.__array_interface__["data"][0], width, kept.shape[0], row_bytes, None)
    return ImageView(struct, kept, kept is not array)


def _layout(array: np.ndarray, channels: int) -> Tuple[Optional[int], int]:
    """Bytes from row to row, and how far the first byte of the first pixel lies before the array's first element
    (channels - 1 where the channels run backwards). (None, 0): the C struct cannot describe this array."""
    strides = array.strides
    height, width = array.shape[:2]
    pixel = array.itemsize * channels
    row, shift = strides[0], 0
    if channels > 1:
        if strides[2] == -1 and channels == 3:
            shift = 2
        elif strides[2] != 1:
            return None, 0
    if width > 1 and strides[1] != pixel:
        return None, 0
    if height == 1:
        row = width * pixel  # NumPy leaves any number there
    if abs(row) < width * pixel or row % array.itemsize:
        return None, 0
    return row, shift


# ---- Depth -----------------------------------------------------------------------------------


def _with_depth(image: DepthImage, format: str, context: Optional["Context"], read: Optional[Any]) -> ImageView:
    """The struct of the pixels, which stays theirs, and depth in its fields."""
    base = None
    struct = _c.ad_image(_STRUCT_SIZE, _MONO8)
    if image.pixels is not None:
        base = image_view(image.pixels, format if image.format is None else image.format, context, read)
        if base.struct.depth:
            raise ValueError("the pixels are a view that has depth already")
        struct = _c.ad_image.from_buffer_copy(base.struct)
        struct.owner = None
    if isinstance(image.depth, np.ndarray):
        _set_depth(struct, image.depth)
    else:
        owner, pointer = _context_pointer(context)
        try:
            check(lib.ad_image_read_depth(pointer, path_bytes(image.depth), image.depth_scale, _c.byref(struct)))
        finally:
            owner._give_back()
    return ImageView(struct, (base, image.depth), base is not None and base.copied)


def _set_depth(struct: Any, plane: np.ndarray) -> None:
    where = layout(plane)
    assert where is not None  # a DepthImage has no other arrays
    struct.depth_height, struct.depth_width = plane.shape
    struct.depth_row_bytes, struct.depth_pixel_bytes = where
    struct.depth = plane.__array_interface__["data"][0]
    if not struct.pixels:
        struct.height, struct.width = plane.shape


def take_apart(struct: Any) -> Tuple[ImageView, ImageView]:
    """Views of the pixels and of the depth of an image that the library made, each of which releases its own."""
    depth = _c.ad_image.from_buffer_copy(struct)
    depth.pixels = depth.owner = None
    struct.depth = struct.depth_owner = None
    return ImageView(struct, None, False), ImageView(depth, None, False)


# ---- Files -----------------------------------------------------------------------------------


def _context_pointer(context: Optional["Context"]) -> Tuple["Context", Any]:
    from .context import default_context

    context = default_context(context)
    return context, context._borrow()


def _read(path: Path, context: Optional["Context"], read: Optional[Any] = None) -> ImageView:
    owner, pointer = _context_pointer(context)
    try:
        struct = _c.ad_image()
        check(lib.ad_image_read(pointer, path_bytes(path), _c.byref(read) if read is not None else None,
                                _c.byref(struct)))
        return ImageView(struct, None, False)
    finally:
        owner._give_back()


def read_image(path: Path, context: Optional["Context"] = None, *, min_side: Optional[int] = None,
               orientation: str = "auto", significant_bits: int = 0) -> np.ndarray:
    """Decode an image file as the library does when it is given the path: uint8 [h, w] (grey), uint16 [h, w]
    (16-bit grey) or uint8 [h, w, 3] in the order R, G, B. The array owns its memory through its base.

    Args:
        min_side: a JPEG comes at 1/2, 1/4 or 1/8 of its size where its shorter side has so many pixels still; about
            twice as fast, and not quite the same pixels: fit and score on images that were read alike.
        orientation: "auto" and "upright" apply EXIF's, "raw" gives the rows as they are stored.
        significant_bits: of 16-bit files: 8 to 15: values are 0..2**n - 1 and are shifted up to 16 bits; 16: they are
            of the full range; 0: as an sBIT chunk says, else the full range.

    scorer.read_options are the last two as a scorer needs them. Raises FileError, FormatError, UnsupportedError (CMYK),
    ShapeError, InvalidArgumentError."""
    read = read_options(min_side=min_side, orientation=orientation, significant_bits=significant_bits)
    return np.asarray(_read(path, context, read))


def read_mask(path: Path, mask_good: Optional[int] = None, context: Optional["Context"] = None) -> np.ndarray:
    """Read a ground-truth mask, a file or a folder of files that mark together: uint8 [h, w], 255 where it marks a pixel,
    else 0. Any kind of image: a pixel is good where all channels are mask_good, by default 0, and marked where one is
    not; in a JPEG, which changes values, from 128 on. Raises FileError, FormatError, ShapeError."""
    owner, pointer = _context_pointer(context)
    try:
        struct = _c.ad_image()
        check(lib.ad_image_read_mask(pointer, path_bytes(path), -1 if mask_good is None else int32(mask_good, "mask_good"),
                                     _c.byref(struct)))
    finally:
        owner._give_back()
    return np.asarray(take_apart(struct)[0])


def read_depth(path: Path, scale: float = 0.0, context: Optional["Context"] = None) -> np.ndarray:
    """Read a depth file as the library does when a DepthImage has its path: float32 [h, w], metres, of a TIFF file of
    32-bit floats (of x, y, z it is z) or a 16-bit grey PNG file; what is missing is what it is in the file. scale:
    metres that a value of 1 means; 0: 1 for TIFF, 0.001 for PNG. The array owns its memory through its base. Raises
    FileError, FormatError, ShapeError, UnsupportedError (another kind of TIFF or PNG, a library without libtiff)."""
    depth = image_view(DepthImage(None, os.fsdecode(path), depth_scale=scale), context=context).depth
    assert depth is not None
    return depth


def decode_image(data: Any, context: Optional["Context"] = None, *, min_side: Optional[int] = None,
                 orientation: str = "auto", significant_bits: int = 0) -> np.ndarray:
    """As read_image(), from the bytes of a file: bytes, bytearray, memoryview or a uint8 array."""
    array = np.frombuffer(data, np.uint8)
    read = read_options(min_side=min_side, orientation=orientation, significant_bits=significant_bits)
    owner, pointer = _context_pointer(context)
    try:
        struct = _c.ad_image()
        check(lib.ad_image_decode(pointer, array.ctypes.data, array.size, _c.byref(read), _c.byref(struct)))
        return np.asarray(ImageView(struct, None, False))
    finally:
        owner._give_back()


def write_png(path: Path, image: ImageLike, format: str = "rgb", context: Optional["Context"] = None) -> None:
    """Write an image as a PNG file, atomically: 8 bits a channel, 16-bit grey stays 16-bit. Raises FileError."""
    view = image_view(image, format, context)
    owner, pointer = _context_pointer(context)
    try:
        status = lib.ad_image_write_png(pointer, _c.byref(view.struct), path_bytes(path))
        if status:
            raise failure(status)
    finally:
        owner._give_back()
