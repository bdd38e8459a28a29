"""How well a scorer tells good from anomalous, and where."""
from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np

from . import _c, metrics
from ._handle import Path, check, expect, int32
from ._watch import Progress, watched
from .dataset import Dataset, as_dataset, is_path, label_of
from .errors import Cancelled, FormatError, InvalidArgumentError, naming
from .image import check_format, image_view, read_mask
from .metrics import _mask_array
from .scorer import Scorer

__all__ = ["Evaluation", "evaluate"]

lib = _c.lib
_MAX_EVAL_SIZE = 8192  # ad_evaluate()'s


@dataclass(frozen=True)
class Evaluation:
    """Figures of an evaluation; one that the data does not define (one class only, no masks) is NaN, and a note says why."""

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
    masked: int  #: anomalous images with a mask: pixel figures are of these and of the good images
    normal_ratio: float  #: median score of good images over the highest expected of the scorer's product; NaN: unknown
    image_note: str  #: why figures of images are NaN, or what they leave out; "" where there is nothing to say
    pixel_note: str  #: the same of pixel_auroc and au_pro: types without masks, masks of another size or that look inverted
    scorer_note: str  #: that scorer and images do not seem to be of one product, or ""
    scores: np.ndarray = field(repr=False, compare=False)  #: float32, in the order of the data; NaN where skipped
    skipped: int = 0  #: damaged images that are in no figure and not in `images`


def evaluate(scorer: Scorer, data: Union[Path, Dataset, Iterable[Any]], eval_size: int = 0,
             progress: Optional[Progress] = None, format: str = "rgb", *, skip_damaged: bool = False) -> Evaluation:
    """Score every labelled image and measure detection and localisation.

    Args:
        data: a category in MVTec AD or 3D-AD layout (its test split is taken), a Dataset, or any iterable of (image,
            label) or (image, label, mask): label 0 good, 1 anomalous, -1 unknown (in no figure); mask bool or integer
            [h, w] of the image's size, non-zero = anomalous, or a path as for read_mask(), or None.
        eval_size: pixel figures at eval_size x eval_size; 0: at each image's own size.
        progress: as for Fitter.fit().
        skip_damaged: leave images out of every figure that cannot be read, or whose mask cannot; `skipped` counts them.
            Otherwise they end the evaluation, with an error that says how many they are. Of folders and datasets.

    Pixel figures are of the anomalous images that have a mask and of the good ones. Memory for them: about 8 bytes per pixel of the whole set; 13
    where the data is an iterable. The figures are the same either way."""
    expect(scorer, Scorer, "scorer")
    check_format(format)
    eval_size = int32(eval_size, "eval_size")
    dataset = as_dataset(data, "test") if isinstance(data, Dataset) or is_path(data) else None
    if dataset is not None:
        return _evaluate_dataset(scorer, dataset, eval_size, progress, skip_damaged)
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


def _evaluate_dataset(scorer: Scorer, dataset: Dataset, eval_size: int, progress: Optional[Progress],
                      skip_damaged: bool) -> Evaluation:
    scores = np.empty(len(dataset), np.float32)
    result = _c.sized(_c.ad_evaluation)

    def call(step: Any) -> None:
        options = _c.defaults(_c.ad_evaluate_options)
        options.eval_size = eval_size
        options.skip_damaged = 1 if skip_damaged else 0
        options.progress = step
        check(lib.ad_evaluate(pointer, labelled, _c.byref(options), _c.byref(result), scores.ctypes.data))

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
                      result.eval_size, result.masked, result.normal_ratio, _c.note(result.image_note),
                      _c.note(result.pixel_note), _c.note(result.scorer_note), scores, result.skipped)


def _unpack(item: Any) -> Tuple[Any, int, Any]:
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        raise TypeError("evaluate() needs (image, label) or (image, label, mask), not %s" % type(item).__name__)
    return item[0], label_of(item[1]), item[2] if len(item) == 3 else None


@dataclass
class _Census:
    """What lib/api/evaluation_notes.c counts and says, of images that Python brings; tests compare the two."""

    good: int = 0
    anomalous: int = 0
    unknown: int = 0
    masked: int = 0
    empty: int = 0
    scaled: int = 0

    def see(self, label: int, mask: np.ndarray, shape: Tuple[int, int]) -> None:
        marked = int(np.count_nonzero(mask))
        if label == 0 and marked:
            raise FormatError("the image is labelled good, and its mask marks %d pixels" % marked)
        self.scaled += mask.shape != shape
        if label == 1:
            self.empty += marked == 0

    def images(self) -> Tuple[bool, str]:
        notes = []
        defined = self.good > 0 and self.anomalous > 0
        if not defined:
            notes.append("figures of images need good and anomalous ones: of %d %d are good, %d anomalous"
                         % (self.good + self.anomalous + self.unknown, self.good, self.anomalous))
        if self.unknown:
            notes.append("%d images of unknown label are in no figure" % self.unknown)
        return defined, "; ".join(notes)

    def pixels(self, has_map: bool) -> Tuple[bool, str]:
        notes = []
        for wrong, note in ((not has_map, "the scorer was fitted without maps"),
                            (not self.anomalous, "no image is anomalous, so there is nothing to find"),
                            (not self.masked, "no anomalous image has a mask"),
                            (self.empty == self.masked, "no mask marks a pixel (an alpha channel is not looked at)")):
            if wrong:
                return False, note
        if self.anomalous > self.masked:
            notes.append("%d of %d anomalous images have no mask and are not in pixel figures"
                         % (self.anomalous - self.masked, self.anomalous))
        if self.scaled:
            notes.append("%d masks of another size than their image were scaled to it (nearest)" % self.scaled)
        if self.empty:
            notes.append("%d masks of anomalous images mark no pixel" % self.empty)
        return True, "; ".join(notes)


class _Run:
    """What ad_evaluate() does, over images that Python brings."""

    def __init__(self, scorer: Scorer, eval_size: int, format: str) -> None:
        self.scorer, self.eval_size, self.format = scorer, eval_size, format
        self.scores: List[float] = []
        self.labels: List[int] = []
        self.times: List[float] = []
        self.maps: List[np.ndarray] = []
        self.masks: List[np.ndarray] = []
        self.census = _Census()
        self.has_map = scorer.info.has_map
        self.all_good: Dict[Tuple[int, int], np.ndarray] = {}

    def add(self, image: Any, label: int, mask: Any) -> None:
        census = self.census
        census.good += label == 0
        census.anomalous += label == 1
        census.unknown += label < 0
        census.masked += label == 1 and mask is not None
        view = image_view(image, self.format, None, self.scorer._read)
        size = (self.eval_size,) * 2 if self.eval_size else (view.height, view.width)
        with_map = self.has_map and (label == 0 or mask is not None)
        before = time.perf_counter()
        found = self.scorer._map_view(view, size) if with_map else None
        score = found.score if found is not None else self.scorer._score_view(view)
        self.times.append(time.perf_counter() - before)
        self.scores.append(score)
        self.labels.append(label)
        if found is not None:
            self.maps.append(found.data)
            self.masks.append(self._mask(mask, label, (view.height, view.width), size))

    def _mask(self, mask: Any, label: int, shape: Tuple[int, int], size: Tuple[int, ...]) -> np.ndarray:
        if mask is None:
            return self.all_good.setdefault((size[0], size[1]), np.zeros(size, np.uint8))
        array = _mask_array(read_mask(mask) if is_path(mask) else mask)
        if abs(array.shape[1] * shape[0] - array.shape[0] * shape[1]) > max(shape):
            raise ValueError("the mask is %dx%d, the image %dx%d: it cannot be scaled to that"
                             % (array.shape[::-1] + shape[::-1]))
        self.census.see(label, array, shape)
        if array.shape != size:  # nearest, so that a mask stays a mask
            rows = np.arange(size[0]) * array.shape[0] // size[0]
            columns = np.arange(size[1]) * array.shape[1] // size[1]
            array = array[rows][:, columns]
        return np.array(array)

    def measure(self) -> Evaluation:
        if not self.scores:
            raise ValueError("evaluate() was given no image")
        scores = np.array(self.scores, np.float32)
        labels = np.array(self.labels)
        known, marks = scores[labels >= 0], labels[labels >= 0]
        defined, image_note = self.census.images()
        auroc, ap, f1 = math.nan, math.nan, metrics.F1(math.nan, math.nan)
        if defined:
            auroc, ap, f1 = metrics.auroc(known, marks), metrics.average_precision(known, marks), metrics.f1_max(known, marks)
        defined, pixel_note = self.census.pixels(self.has_map)
        pixel, region = math.nan, math.nan
        if defined:
            try:
                pixel, region = metrics.pixel_auroc(self.maps, self.masks), metrics.aupro(self.maps, self.masks)
            except InvalidArgumentError as error:
                pixel, region, pixel_note = math.nan, math.nan, str(error)
        limit = self.scorer.info.score_limit
        median = float(np.median(scores[labels == 0].astype(np.float64))) if self.census.good else math.nan
        ratio = median / limit if limit else math.nan
        note = ("the median score of good images is %.3g, and %.3g at most was expected: are they of the product that this "
                "scorer was fitted on, and taken alike?" % (median, limit)) if ratio > 1 else ""
        return Evaluation(len(scores), self.census.anomalous, auroc, ap, f1.value, f1.threshold, pixel, region,
                          1e3 * statistics.median(self.times), self.eval_size, self.census.masked, ratio, image_note,
                          pixel_note, note, scores)
