"""Datasets: folders and lists of files, read when asked for."""
from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy as np

from . import _abi
from ._handle import Handle, Path, check, path_bytes, text
from .context import Context, default_context
from .image import ImageView

__all__ = ["Dataset", "Sample"]

lib = _abi.lib
_SPLITS = {"train": _abi.ad_split.AD_SPLIT_TRAIN, "test": _abi.ad_split.AD_SPLIT_TEST}


class Sample(NamedTuple):
    """What is known of an image without reading it."""

    name: str  #: path, as opened
    group: str  #: MVTec folder name ("good", "scratch"), or ""
    label: int  #: 0 good, 1 anomalous, -1 unknown
    has_mask: bool


class Dataset(Handle):
    """An ordered list of image files. len(dataset), dataset[i] and iteration give Samples and read nothing.

    Args:
        path: a folder: a category in MVTec AD layout (train/good, test/<type>, ground_truth/<type>), or a flat folder
            of PNG and JPEG images, all good.
        split: "train" (good images only) or "test", of an MVTec AD category.

    Threads: any number may read at once. Raises FileError, FormatError (no image, mixed folder, mask missing)."""

    __slots__ = ()
    _destroy = lib.ad_dataset_destroy

    def __init__(self, path: Path, split: str = "train", context: Optional[Context] = None) -> None:
        if split not in _SPLITS:
            raise ValueError("split is %r, \"train\" and \"test\" are possible" % (split,))
        options = _abi.defaults(_abi.ad_dataset_options)
        options.split = _SPLITS[split]
        self._open(lib.ad_dataset_open_folder, context, path_bytes(path), _abi.byref(options))

    @classmethod
    def from_files(cls, paths: Sequence[Path], labels: Optional[Sequence[int]] = None,
                   context: Optional[Context] = None) -> "Dataset":
        """A list of files. labels: 0 good, 1 anomalous, -1 unknown, one each; None: all good."""
        names = [path_bytes(path) for path in paths]
        marks = None
        if labels is not None:
            marks = [int(label) for label in labels]
            if len(marks) != len(names):
                raise ValueError("%d labels for %d paths" % (len(marks), len(names)))
            if any(mark not in (-1, 0, 1) for mark in marks):
                raise ValueError("a label is %d, -1, 0 and 1 are possible"
                                 % next(mark for mark in marks if mark not in (-1, 0, 1)))
            marks = _abi.array_of(_abi.c_int32, marks)
        self = cls.__new__(cls)
        self._open(lib.ad_dataset_open_list, context, _abi.array_of(_abi.c_char_p, names), marks, len(names))
        return self

    def _open(self, function: Any, context: Optional[Context], *arguments: Any) -> None:
        context = context or default_context()
        out = _abi.c_void_p()
        pointer = context._borrow()
        try:
            check(function(pointer, *arguments, _abi.byref(out)))
        finally:
            context._give_back()
        super().__init__(out.value, parallel=False)

    def __len__(self) -> int:
        pointer = self._borrow()
        try:
            return lib.ad_dataset_count(pointer)
        finally:
            self._give_back()

    def __getitem__(self, index: int) -> Sample:
        index = self._index(index)
        sample = _abi.sized(_abi.ad_sample)
        pointer = self._borrow()
        try:
            check(lib.ad_dataset_get(pointer, index, _abi.byref(sample)))
            return Sample(text(sample.name), text(sample.group), sample.label, bool(sample.has_mask))
        finally:
            self._give_back()

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def _index(self, index: int) -> int:
        count = len(self)
        if not -count <= index < count:
            raise IndexError("image %d of a dataset of %d" % (index, count))
        return index % count

    def _read(self, function: Any, index: int) -> np.ndarray:
        struct = _abi.ad_image()
        index = self._index(index)
        pointer = self._borrow()
        try:
            check(function(pointer, index, _abi.byref(struct)))
        finally:
            self._give_back()
        return np.asarray(ImageView(struct, None, False))

    def read_image(self, index: int) -> np.ndarray:
        """Image `index`, as read_image() of its file gives."""
        return self._read(lib.ad_dataset_read_image, index)

    def read_mask(self, index: int) -> np.ndarray:
        """The ground-truth mask of image `index`: uint8 [h, w], non-zero = anomalous. Raises UnsupportedError where
        the sample has none."""
        return self._read(lib.ad_dataset_read_mask, index)
