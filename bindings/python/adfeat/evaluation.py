"""How well a scorer tells good from anomalous, and where."""
from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np

from . import _abi, metrics
from ._handle import Path, check, int32
from ._watch import Progress, watched
from .dataset import Dataset, as_dataset, is_path, label_of
from .errors import Cancelled, InvalidArgumentError, naming
from .image import check_format, image_view, read_image
from .metrics import _mask_array
from .scorer import Scorer

__all__ = ["Evaluation", "evaluate"]

lib = _abi.lib
_MAX_EVAL_SIZE = 8192  # ad_evaluate()'s


@dataclass(frozen=True)
class Evaluation:
    """Figures of an evaluation; one that the data does not define (one class only, no masks) is NaN."""

    images: int
    anomalous: int
    image_auroc: float
    image_ap: float
    f1_max: float
    f1_threshold: float
    pixel_auroc: float
    au_pro: float  #: 8-connectivity, to a false positive rate of 0.3
    ms_per_image: float  #: median wall time of scoring, reading excluded
    eval_size: int  #: side that pixel figures were computed at; 0: each image's own size
    scores: np.ndarray = field(repr=False, compare=False)  #: float32 [images], in the order of the data


def evaluate(scorer: Scorer, data: Union[Path, Dataset, Iterable[Any]], eval_size: int = 0,
             progress: Optional[Progress] = None, format: str = "rgb") -> Evaluation:
    """Score every labelled image and measure detection and localisation.

    Args:
        data: a category in MVTec AD or 3D-AD layout (its test split is taken), a Dataset, or any iterable of (image,
            label) or (image, label, mask): label 0 good, 1 anomalous, -1 unknown (taken as good); mask bool or integer
            [h, w] of the image's size, non-zero = anomalous, or a path, or None.
        eval_size: pixel figures at eval_size x eval_size; 0: at each image's own size.
        progress: as for Fitter.fit().

    Pixel figures need a mask of every anomalous image. Memory for them: about 8 bytes per pixel of the whole set; 13
    where the data is an iterable. The figures are the same either way."""
    check_format(format)
    eval_size = int32(eval_size, "eval_size")
    dataset = as_dataset(data, "test") if isinstance(data, Dataset) or is_path(data) else None
    if dataset is not None:
        return _evaluate_dataset(scorer, dataset, eval_size, progress)
    if not 0 <= eval_size <= _MAX_EVAL_SIZE:
        raise ValueError("eval_size is %d, 0 to %d is possible" % (eval_size, _MAX_EVAL_SIZE))
    run = _Run(scorer, eval_size, format)
    total = len(data) if hasattr(data, "__len__") else 0  # type: ignore[arg-type]
    for done, item in enumerate(data):  # type: ignore[arg-type]
        if progress is not None and progress(done / total if total else 0.0):
            raise Cancelled("the evaluation was cancelled after %d images" % done)
        with naming(done):
            run.add(*_unpack(item))
    result = run.measure()
    if progress is not None:
        progress(1.0)
    return result


def _evaluate_dataset(scorer: Scorer, dataset: Dataset, eval_size: int, progress: Optional[Progress]) -> Evaluation:
    scores = np.empty(len(dataset), np.float32)
    result = _abi.sized(_abi.ad_evaluation)

    def call(step: Any) -> None:
        options = _abi.defaults(_abi.ad_evaluate_options)
        options.eval_size = eval_size
        options.progress = step
        check(lib.ad_evaluate(pointer, labelled, _abi.byref(options), _abi.byref(result), scores.ctypes.data))

    pointer = scorer._borrow_to_compute()
    try:
        labelled = dataset._borrow()
        try:
            watched(progress, call)
        finally:
            dataset._give_back()
    finally:
        scorer._give_back()
    return Evaluation(result.images, result.anomalous, result.image_auroc, result.image_ap, result.f1_max,
                      result.f1_threshold, result.pixel_auroc, result.au_pro, result.ms_per_image,
                      result.eval_size, scores)


def _unpack(item: Any) -> Tuple[Any, int, Any]:
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        raise TypeError("evaluate() needs (image, label) or (image, label, mask), not %s" % type(item).__name__)
    return item[0], label_of(item[1]), item[2] if len(item) == 3 else None


def _or_nan(function: Any, *arguments: Any) -> Any:
    """A figure that needs both classes is NaN when there is one."""
    try:
        return function(*arguments)
    except InvalidArgumentError:
        return math.nan


class _Run:
    """What ad_evaluate() does, over images that Python brings."""

    def __init__(self, scorer: Scorer, eval_size: int, format: str) -> None:
        self.scorer, self.eval_size, self.format = scorer, eval_size, format
        self.scores: List[float] = []
        self.labels: List[int] = []
        self.times: List[float] = []
        self.maps: List[np.ndarray] = []
        self.masks: List[np.ndarray] = []
        self.any_mask = False
        self.with_maps = scorer.info.has_map
        self.all_good: Dict[Tuple[int, int], np.ndarray] = {}

    def add(self, image: Any, label: int, mask: Any) -> None:
        if label == 1 and mask is None:
            self.with_maps = False  # pixel figures mean nothing then
            self.maps, self.masks = [], []
        self.any_mask = self.any_mask or mask is not None
        view = image_view(image, self.format)
        size = (self.eval_size,) * 2 if self.eval_size else (view.height, view.width)
        before = time.perf_counter()
        found = self.scorer._map_view(view, size) if self.with_maps else None
        score = found.score if found is not None else self.scorer._score_view(view)
        self.times.append(time.perf_counter() - before)
        self.scores.append(score)
        self.labels.append(1 if label == 1 else 0)
        if found is not None:
            self.maps.append(found.data)
            self.masks.append(self._mask(mask, (view.height, view.width), size))

    def _mask(self, mask: Any, shape: Tuple[int, int], size: Tuple[int, ...]) -> np.ndarray:
        if mask is None:
            return self.all_good.setdefault((size[0], size[1]), np.zeros(size, np.uint8))
        array = _mask_array(read_image(mask) if is_path(mask) else mask)
        if array.shape != shape:
            raise ValueError("the mask is %dx%d, the image %dx%d" % (array.shape[::-1] + shape[::-1]))
        if self.eval_size:  # nearest, so that a mask stays a mask
            rows = np.arange(size[0]) * shape[0] // size[0]
            columns = np.arange(size[1]) * shape[1] // size[1]
            array = array[rows][:, columns]
        return np.array(array)

    def measure(self) -> Evaluation:
        if not self.scores:
            raise ValueError("evaluate() was given no image")
        scores = np.array(self.scores, np.float32)
        f1 = _or_nan(metrics.f1_max, scores, self.labels)
        pixel, region = math.nan, math.nan
        if self.with_maps and self.any_mask:
            pixel = _or_nan(metrics.pixel_auroc, self.maps, self.masks)
            region = _or_nan(metrics.aupro, self.maps, self.masks)
        return Evaluation(len(scores), sum(self.labels), _or_nan(metrics.auroc, scores, self.labels),
                          _or_nan(metrics.average_precision, scores, self.labels),
                          f1.value if isinstance(f1, metrics.F1) else math.nan,
                          f1.threshold if isinstance(f1, metrics.F1) else math.nan, pixel, region,
                          1e3 * statistics.median(self.times), self.eval_size, scores)
