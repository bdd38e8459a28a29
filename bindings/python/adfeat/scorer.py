"""Scoring: how anomalous an image is, and where."""
from __future__ import annotations

from dataclasses import dataclass
import os
import re
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import numpy as np

from . import _c
from ._handle import Handle, Path, check, expect, failure, int32, path_bytes, text
from ._reading import as_mapping
from ._watch import watched
from .backbone import Backbone
from .context import Context, default_context
from .dataset import Dataset, as_dataset
from .errors import Error, naming
from .image import ImageLike, ImageView, check_format, image_view
from .overlay import Map

__all__ = ["Scorer", "ScorerInfo", "anomaly_map", "file_metadata", "score"]

lib = _c.lib
_byref, _c_float = _c.byref, _c.c_float
_score_image = lib.ad_score_image
Size = Union[int, Tuple[int, int]]
_BATCH = max(32, 2 * (os.cpu_count() or 1))  # images that are held at once, or more while they are
_BATCH_BYTES = 64 << 20  # less than this together


@dataclass(frozen=True)
class ScorerInfo:
    """What a scorer is."""

    method: str
    architecture: str
    backbone_digest: str
    has_map: bool
    input_size: int  #: side in pixels of the network's input
    image_count: int  #: images it was fitted on
    normal_score: float  #: what those images score, root mean square; 0 where the method cannot tell (padim)
    normal_map: float  #: the same for one value of the map; 0 without maps
    score_limit: float  #: that the median score of good images of the product is not expected to pass; 0: not known


class Scorer(Handle):
    """What a fit gives: immutable; any number of threads may score with one scorer at once. Made by fit(), by a
    fitter's finish(), or by Scorer.load(). Keeps its backbone."""

    __slots__ = ("_normal_map", "_read")
    _destroy = lib.ad_scorer_destroy
    _instead = "save() it to a file, and load() it there"
    _normal_map: float  # not asked for again with every map
    _read: Any  # how files are read for it, an ad_read_options

    def __init__(self) -> None:
        raise TypeError("a Scorer comes from fit(), from a fitter's finish() or from Scorer.load()")

    @classmethod
    def _wrap(cls, pointer: Any, parallel: bool) -> "Scorer":
        self = cls.__new__(cls)
        Handle.__init__(self, pointer, parallel)
        self._normal_map = self.info.normal_map
        self._read = _c.sized(_c.ad_read_options)
        check(lib.ad_scorer_read_options(pointer, _byref(self._read)))
        return self

    @classmethod
    def load(cls, path: Path, weights: Union[Path, Backbone, None] = None,
             context: Optional[Context] = None) -> "Scorer":
        """Load a scorer file. weights: the file of its backbone's weights, or the open Backbone; None when they are
        embedded. Raises FileError, FormatError (damaged), MismatchError (other weights than it was fitted with),
        UnsupportedError."""
        if isinstance(weights, Backbone):
            return cls.load_onto(path, weights)
        context = default_context(context)
        out = _c.c_void_p()
        pointer = context._borrow()
        try:
            check(lib.ad_scorer_load(pointer, path_bytes(path), None if weights is None else path_bytes(weights),
                                     _byref(out)))
        finally:
            context._give_back()
        return cls._wrap(out.value, context._parallel)

    @classmethod
    def load_onto(cls, path: Path, backbone: Backbone) -> "Scorer":
        """Load a scorer file onto a backbone that is open already: many scorers share one set of weights."""
        out = _c.c_void_p()
        pointer = expect(backbone, Backbone, "backbone")._borrow()
        try:
            check(lib.ad_scorer_load_onto(pointer, path_bytes(path), _byref(out)))
        finally:
            backbone._give_back()
        return cls._wrap(out.value, backbone._parallel)

    def save(self, path: Path, embed: bool = False) -> None:
        """Save as one safetensors file, atomically. embed: the backbone's weights go into the file too, so that
        load() needs no other; without it the file names them by their digest."""
        options = _c.defaults(_c.ad_scorer_save_options)
        options.embed_backbone = 1 if embed else 0
        pointer = self._borrow()
        try:
            check(lib.ad_scorer_save(pointer, path_bytes(path), _byref(options)))
        finally:
            self._give_back()

    def score(self, image: ImageLike, format: str = "rgb") -> float:
        """How anomalous the image is: unbounded, larger is more anomalous, in the method's own unit. The same image
        gives the same bits from any thread and for any number of threads.

        image and format: see adfeat.image; borrowed for the call. Raises ShapeError, NumericError, InvalidArgumentError
        (no depth, where the scorer looks at it), and TypeError or ValueError for what is no image."""
        return self._score_view(image_view(image, format, None, self._read))

    def _score_view(self, view: ImageView) -> float:
        out = _c_float()
        pointer = self._borrow_to_compute()
        try:
            status = _score_image(pointer, _byref(view.struct), _byref(out))
            if status:
                raise failure(status)
        finally:
            self._give_back()
        return out.value

    def score_batch(self, images: Union[Path, Dataset, Iterable[ImageLike]], format: str = "rgb") -> np.ndarray:
        """Scores of several images, a float32 array: the same bits as score() of each, in less time, since every
        thread has an image to itself.

        Args:
            images: a folder, which is the images of Dataset(folder, "test") in their order; a Dataset, a list of paths,
                or any iterable of images. Files and iterables are read some at a time: memory does not grow with their
                number.
            format: "rgb" or "bgr", of colour arrays.

        Raises as score(), for the first image that fails, and names its index."""
        check_format(format)
        scores: List[np.ndarray] = []
        views: List[ImageView] = []
        first = held = 0
        for view in _views(as_dataset(images, "test"), images, format, self._read):
            views.append(view)
            held += view.height * abs(view.struct.row_bytes)
            if len(views) >= _BATCH and held >= _BATCH_BYTES:
                scores.append(self._score_views(views, first))
                first, held = first + len(views), 0
                views = []
        if views:
            scores.append(self._score_views(views, first))
        return np.concatenate(scores) if scores else np.empty(0, np.float32)

    def _score_views(self, views: List[ImageView], first: int) -> np.ndarray:
        scores = np.empty(len(views), np.float32)
        structs = _c.array_of(_c.ad_image, [view.struct for view in views])
        pointer = self._borrow_to_compute()
        try:
            status = lib.ad_score_batch(pointer, structs, len(views), None,
                                        scores.ctypes.data_as(_c.POINTER(_c_float)))
            if status:
                raise _counted_from(first, failure(status))
        finally:
            self._give_back()
        return scores

    def anomaly_map(self, image: ImageLike, size: Optional[Size] = None, out: Optional[np.ndarray] = None,
                    format: str = "rgb") -> Map:
        """Score one image and say where: a Map of float32 [h, w] in the image's coordinates; 0 where a centre crop
        left pixels out. It also has the image's score.

        Args:
            size: (height, width) of the map, or one number for both; default: the image's.
            out: a float32 array [h, w] to write into, rows contiguous; the map's data is that array.

        Raises as score(), and UnsupportedError for a scorer without maps."""
        return self._map_view(image_view(image, format, None, self._read), size, out)

    def _map_view(self, view: ImageView, size: Optional[Size], out: Optional[np.ndarray] = None) -> Map:
        data = self._room(view, size, out)
        result = _c_float()
        struct = _c.ad_map(_c.sizeof(_c.ad_map), 0, data.ctypes.data, data.shape[1], data.shape[0],
                             data.strides[0] if data.shape[0] > 1 else 4 * data.shape[1])
        pointer = self._borrow_to_compute()
        try:
            status = lib.ad_anomaly_map(pointer, _byref(view.struct), _byref(struct), _byref(result))
            if status:
                raise failure(status)
        finally:
            self._give_back()
        return Map(data, result.value, self._normal_map, view, self._read)

    def score_and_map(self, image: ImageLike, size: Optional[Size] = None, out: Optional[np.ndarray] = None,
                      format: str = "rgb") -> Tuple[float, Map]:
        """(score, map) from one pass over the image."""
        found = self.anomaly_map(image, size, out, format)
        return found.score, found

    @staticmethod
    def _room(view: ImageView, size: Optional[Size], out: Optional[np.ndarray]) -> np.ndarray:
        if out is not None and (not isinstance(out, np.ndarray) or out.dtype != np.float32 or not out.dtype.isnative):
            raise TypeError("out must be a float32 array, not %s" % (getattr(out, "dtype", type(out).__name__),))
        if size is not None:
            sides = tuple(size) if np.ndim(size) == 1 else (size, size)
            if len(sides) != 2:
                raise ValueError("size is %r: (height, width) or one number for both is needed" % (size,))
            shape = int32(sides[0], "size"), int32(sides[1], "size")
            if min(shape) < 1 or max(shape) > 1 << 20:
                raise ValueError("a map of %dx%d is not possible: 1 to 1048576 a side are" % (shape[1], shape[0]))
        elif out is not None:
            shape = out.shape
        else:
            shape = view.height, view.width
        if out is None:
            return np.empty(shape, np.float32)
        if out.shape != shape or out.ndim != 2 or 0 in shape:
            raise ValueError("out has shape %s, a map of shape %s is asked for"
                             % (out.shape, shape if size is not None else "[h, w]"))
        if not out.flags.writeable or not out.flags.aligned or (shape[1] > 1 and out.strides[1] != 4) \
                or (shape[0] > 1 and (out.strides[0] < 4 * shape[1] or out.strides[0] % 4)):
            raise ValueError("out must be writeable, its rows contiguous and in order; its strides are %s"
                             % (out.strides,))
        return out

    @property
    def read_options(self) -> Dict[str, Any]:
        """How files are read for it, as those it was fitted on were: orientation ("upright" or "raw") and
        significant_bits, for read_image() and decode_image(). Paths and PIL images that it is given itself are."""
        return as_mapping(self._read)

    @property
    def info(self) -> ScorerInfo:
        """What the library says of it, in one go."""
        info = _c.sized(_c.ad_scorer_info)
        pointer = self._borrow()
        try:
            check(lib.ad_scorer_get_info(pointer, _byref(info)))
            return ScorerInfo(text(info.method), text(info.architecture), text(info.backbone_digest),
                              bool(info.has_map), info.input_size, info.image_count, info.normal_score,
                              info.normal_map, info.score_limit)
        finally:
            self._give_back()

    @property
    def options(self) -> Dict[str, str]:
        """Every option in force, as text."""
        info = _c.sized(_c.ad_scorer_info)
        key, value = _c.c_char_p(), _c.c_char_p()
        found = {}
        pointer = self._borrow()
        try:
            check(lib.ad_scorer_get_info(pointer, _byref(info)))
            for i in range(info.option_count):
                check(lib.ad_scorer_get_option(pointer, i, _byref(key), _byref(value)))
                found[text(key.value)] = text(value.value)
        finally:
            self._give_back()
        return found

    def __repr__(self) -> str:
        if self.closed:
            return "<Scorer, closed>"
        info = self.info
        return "<Scorer %s on %s, %d images>" % (info.method, info.architecture, info.image_count)


def _views(dataset: Optional[Dataset], images: Any, format: str, read: Any) -> Iterator[ImageView]:
    for index, image in enumerate(images if dataset is None else range(len(dataset))):
        with naming(index):
            view = image_view(image, format, None, read) if dataset is None else dataset._view(image, read)
        yield view


def _counted_from(first: int, error: Error) -> Error:
    """The library counts the images of one call."""
    error.args = (re.sub(r"^image (\d+) of \d+:", lambda found: "image %d:" % (first + int(found[1])), str(error)),)
    return error


def score(scorer: Scorer, image: ImageLike, format: str = "rgb") -> float:
    """scorer.score(image)"""
    return scorer.score(image, format)


def anomaly_map(scorer: Scorer, image: ImageLike, size: Optional[Size] = None, out: Optional[np.ndarray] = None,
                format: str = "rgb") -> Map:
    """scorer.anomaly_map(image)"""
    return scorer.anomaly_map(image, size, out, format)


def file_metadata(path: Path, context: Optional[Context] = None) -> Dict[str, str]:
    """What a scorer or weights file says of itself, without opening a backbone: adfeat.method, adfeat.backbone,
    adfeat.option.*, ... Raises FileError, FormatError."""
    context = default_context(context)
    found: Dict[str, str] = {}

    @_c.ad_metadata_callback
    def keep(user: Any, key: bytes, value: bytes) -> int:
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        return 0

    name = path_bytes(path)
    pointer = context._borrow()
    try:
        watched(None, lambda step: check(lib.ad_file_metadata(pointer, name, keep, None)))
    finally:
        context._give_back()
    return found
