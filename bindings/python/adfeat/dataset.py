"""Datasets: folders and lists of files, read when asked for."""
from __future__ import annotations

import operator
import os
from typing import Any, Iterable, Iterator, NamedTuple, Optional, Sequence, Tuple, Union, overload

import numpy as np

from . import _c
from ._handle import Handle, Path, check, int32, path_bytes, text
from ._reading import read_options
from .context import Context, default_context
from .errors import UnsupportedError
from .image import DepthImage, ImageView, take_apart

__all__ = ["Dataset", "Sample"]

lib = _c.lib
_SPLITS = {"train": _c.ad_split.AD_SPLIT_TRAIN, "test": _c.ad_split.AD_SPLIT_TEST}


class Sample(NamedTuple):
    """What is known of an image without reading it."""

    name: str  #: path, as opened
    group: str  #: name of its folder ("good", "scratch"), or ""
    label: int  #: 0 good, 1 anomalous, -1 unknown
    has_mask: bool
    has_depth: bool  #: fits and evaluations see the image with its depth; read_depth() gives it


class Dataset(Handle):
    """An ordered list of image files. len(dataset), dataset[i] and iteration give Samples and read nothing;
    dataset[20:], dataset[::2] and select() are datasets of some of its images.

    Args:
        path: a folder of images. Its layout is found by the names of its folders (MVTec AD, 3D-AD, LOCO and AD 2, BTAD,
            VisA, Real-IAD, good and bad folders, masks beside images, or a flat folder, all good): see
            ad_dataset_open() in adfeat.h.
        split: "train" (good images only) or "test", of a category.
        depth: False: without depth, also where the layout has it.
        depth_scale: metres that a value of 1 means in a depth file; 0: 1 for TIFF, 0.001 for PNG.
        one_class: path is a folder of class folders, as of CIFAR-10, or holds two of them, train and test: images of
            this class are good, of the test split all others anomalous.
        good: what good images are called, one name or several: of folders, or of labels in a table. None: good, ok, normal
            and the like, in any case.
        layout: by name, "visa_raw" for one; None: the one that the folders show.
        normal_dir, normal_test_dir, abnormal_dir, mask_dir: folders in path, for a layout of one's own.
        csv: a table whose rows are the images: image, label, split, mask, object. category: only rows of that object.
        mask_good: the value of good pixels in masks, 0 to 255; None: 0, unless masks look inverted.
        orientation: of images and masks: "upright" applies EXIF's, "raw" takes the rows as they are stored; "auto": as the
            scorer that evaluates the dataset or the fitter says, else upright.
        significant_bits: of 16-bit files, as in read_image(); 0: likewise.

    Threads: any number may read at once. Raises FileError, FormatError (no image, mixed folder, mask or depth
    missing, no folder of that class)."""

    __slots__ = ("_what",)
    _destroy = lib.ad_dataset_destroy
    _instead = "open it there"

    def __init__(self, path: Path, split: str = "train", context: Optional[Context] = None, *, depth: bool = True,
                 depth_scale: float = 0.0, one_class: Optional[str] = None,
                 good: Union[str, Sequence[str], None] = None, layout: Optional[str] = None,
                 normal_dir: Optional[Path] = None, normal_test_dir: Optional[Path] = None,
                 abnormal_dir: Optional[Path] = None, mask_dir: Optional[Path] = None, csv: Optional[Path] = None,
                 category: Optional[str] = None, mask_good: Optional[int] = None,
                 orientation: str = "auto", significant_bits: int = 0) -> None:
        if split not in _SPLITS:
            raise ValueError("split is %r, \"train\" and \"test\" are possible" % (split,))
        options = _c.defaults(_c.ad_dataset_options)
        options.split = _SPLITS[split]
        options.depth = 1 if depth else 0
        options.depth_scale = depth_scale
        read = read_options(orientation=orientation, significant_bits=significant_bits)
        options.orientation, options.significant_bits = read.orientation, read.significant_bits
        if mask_good is not None:
            options.mask_good = int32(mask_good, "mask_good")
        if good is not None and not isinstance(good, str):
            good = ",".join(good)
        texts = {"one_class": one_class, "good": good, "layout": layout, "normal_dir": normal_dir,
                 "normal_test_dir": normal_test_dir, "abnormal_dir": abnormal_dir, "mask_dir": mask_dir, "csv": csv,
                 "category": category}
        for name, value in texts.items():
            if value is not None:
                setattr(options, name, path_bytes(value))
        self._open(lib.ad_dataset_open, context, path_bytes(path), _c.byref(options))
        self._what = "%r, split %r" % (os.fsdecode(path), split)

    @classmethod
    def from_files(cls, paths: Iterable[Path], labels: Optional[Iterable[int]] = None,
                   context: Optional[Context] = None) -> "Dataset":
        """A list of files, without depth. labels: 0 good, 1 anomalous, -1 unknown, one each; None: all good."""
        if is_path(paths):
            raise TypeError("paths is one path, %r, where a list of them is needed; Dataset() opens a folder"
                            % os.fspath(paths))  # type: ignore[type-var]
        names = [path_bytes(path) for path in paths]
        marks = None
        if labels is not None:
            marks = [label_of(label) for label in labels]
            if len(marks) != len(names):
                raise ValueError("%d labels for %d paths" % (len(marks), len(names)))
            marks = _c.array_of(_c.c_int32, marks)
        self = cls.__new__(cls)
        self._open(lib.ad_dataset_open_list, context, _c.array_of(_c.c_char_p, names), marks, len(names))
        self._what = "of files"
        return self

    def _open(self, function: Any, context: Optional[Context], *arguments: Any) -> None:
        context = default_context(context)
        out = _c.c_void_p()
        pointer = context._borrow()
        try:
            check(function(pointer, *arguments, _c.byref(out)))
        finally:
            context._give_back()
        super().__init__(out.value, parallel=False)

    def __len__(self) -> int:
        pointer = self._borrow()
        try:
            return lib.ad_dataset_count(pointer)
        finally:
            self._give_back()

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "Dataset": ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Sample, "Dataset"]:
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        index = self._index(index)
        sample = _c.sized(_c.ad_sample)
        pointer = self._borrow()
        try:
            check(lib.ad_dataset_get(pointer, index, _c.byref(sample)))
            return Sample(text(sample.name), text(sample.group), sample.label, bool(sample.has_mask),
                          bool(sample.has_depth))
        finally:
            self._give_back()

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def select(self, indices: Iterable[int]) -> "Dataset":
        """A dataset of the images with these indices, in their order, with their labels, masks and depth; negative ones
        count from the end. NumPy's random permutations are such indices, and so is an array of bool, one an image.
        Raises IndexError, ValueError (no index at all)."""
        wanted = np.asarray(indices if isinstance(indices, np.ndarray) else list(indices))
        if wanted.dtype == np.bool_:
            if wanted.shape != (len(self),):
                raise IndexError("%s bools for a dataset of %d" % (wanted.size, len(self)))
            wanted = np.flatnonzero(wanted)
        chosen = [self._index(index) for index in wanted.tolist()]
        if not chosen:
            raise ValueError("no image of %d is selected, and a dataset has at least one" % len(self))
        out = _c.c_void_p()
        pointer = self._borrow()
        try:
            check(lib.ad_dataset_select(pointer, _c.array_of(_c.c_int64, chosen), len(chosen), _c.byref(out)))
        finally:
            self._give_back()
        part = type(self).__new__(type(self))
        Handle.__init__(part, out.value, parallel=False)
        part._what = self._what if self._what.endswith("selected") else self._what + ", selected"
        return part

    def _index(self, index: int) -> int:
        index, count = operator.index(index), len(self)
        if not -count <= index < count:
            raise IndexError("image %d of a dataset of %d" % (index, count))
        return index % count

    def _struct(self, function: Any, index: int, read: Optional[Any] = None) -> Any:
        struct = _c.ad_image()
        index = self._index(index)
        pointer = self._borrow()
        try:
            check(function(pointer, index, None if read is None else _c.byref(read), _c.byref(struct)))
        finally:
            self._give_back()
        return struct

    def _view(self, index: int, read: Optional[Any] = None) -> ImageView:
        """Image `index` with the depth that it has; `read` is what the dataset leaves open."""
        return ImageView(self._struct(lib.ad_dataset_read_image, index, read), None, False)

    def _read(self, function: Any, index: int) -> Tuple[ImageView, ImageView]:
        return take_apart(self._struct(function, index))

    def read_image(self, index: int) -> np.ndarray:
        """Image `index`, as read_image() of its file gives."""
        return np.asarray(self._read(lib.ad_dataset_read_image, index)[0])

    def read_depth(self, index: int) -> np.ndarray:
        """The depth of image `index`, as read_depth() of its file gives: float32 [h, w]. With read_image() a DepthImage
        is made of it. Raises UnsupportedError where the sample has none."""
        if not self[index].has_depth:
            raise UnsupportedError("image %d has no depth" % self._index(index))
        depth = self._read(lib.ad_dataset_read_image, index)[1].depth
        assert depth is not None
        return depth

    def read_mask(self, index: int) -> np.ndarray:
        """The ground-truth mask of image `index`: uint8 [h, w], 255 where it marks a pixel, else 0. Raises UnsupportedError where
        the sample has none."""
        return np.asarray(self._read(lib.ad_dataset_read_mask, index)[0])

    def __repr__(self) -> str:
        return "<Dataset, closed>" if self.closed else "<Dataset %s, %d images>" % (self._what, len(self))


def is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike))


def label_of(value: Any) -> int:
    """-1, 0 or 1, of a whole number of any type, also a float; never what int() would round."""
    try:
        label = int(value)
        if label == value and label in (-1, 0, 1):
            return label
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("a label is %r: -1, 0 and 1 are possible" % (value,))


def as_dataset(images: Any, split: str) -> Optional[Dataset]:
    """Folders and lists of files as the C library's datasets; None for what Python has to iterate over."""
    if isinstance(images, Dataset):
        return images
    if is_path(images):
        return Dataset(images, split)
    if isinstance(images, (list, tuple)) and images and all(is_path(item) for item in images):
        return Dataset.from_files(images)
    if isinstance(images, np.ndarray) and (images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))):
        raise ValueError("an array of shape %s is one image: give a list of images, or an array [n, h, w, c]"
                         % (images.shape,))
    if isinstance(images, (DepthImage, ImageView)):
        raise ValueError("%s is one image: give a list of images"
                         % ("a DepthImage" if isinstance(images, DepthImage) else "an ImageView"))
    if not hasattr(images, "__iter__") and not hasattr(images, "__getitem__"):
        raise TypeError("images are of type %s: a folder, a Dataset, or a list of images is needed"
                        % type(images).__name__)
    return None
