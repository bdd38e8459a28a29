"""Detection and localisation figures, computed by the C library. Higher scores are more anomalous; labels and masks are
anomalous where they are not zero."""
from __future__ import annotations

from typing import Any, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from . import _c
from ._handle import check
from .image import image_view

__all__ = ["F1", "aupro", "auroc", "average_precision", "f1_max", "pixel_auroc"]

lib = _c.lib
Maps = Union[np.ndarray, Sequence[Any]]


class F1(NamedTuple):
    """The largest F1, and the smallest threshold that gives it with `score >= threshold`."""

    value: float
    threshold: float


def _scores_and_labels(scores: Any, labels: Any) -> Tuple[np.ndarray, np.ndarray]:
    marks = np.asarray(labels)
    if marks.dtype.kind == "f" and bool(np.all(marks == np.trunc(marks))):
        marks = marks.astype(np.int64)  # whole numbers that pandas keeps as floats; also no labels at all
    if marks.dtype.kind not in "bui":
        raise TypeError("labels of dtype %s are not possible: bool and whole numbers are" % marks.dtype)
    marks = np.ascontiguousarray(marks != 0).view(np.uint8)
    values = np.ascontiguousarray(scores, np.float32)
    if values.ndim != 1 or marks.shape != values.shape:
        raise ValueError("scores have shape %s and labels %s: both must be [n]" % (values.shape, marks.shape))
    return values, marks


def _figure(function: Any, scores: Any, labels: Any, *more: Any) -> float:
    values, marks = _scores_and_labels(scores, labels)
    out = _c.c_double()
    check(function(values.ctypes.data, marks.ctypes.data, values.size, _c.byref(out), *more))
    return out.value


def auroc(scores: Any, labels: Any) -> float:
    """Area under the ROC curve, ties counted half. scores [n] are rounded to float32, what scorers give; labels [n].
    Raises InvalidArgumentError where one class is missing, NumericError for NaN."""
    return _figure(lib.ad_auroc, scores, labels)


def average_precision(scores: Any, labels: Any) -> float:
    """Sum of (R_k - R_{k-1}) P_k over distinct thresholds, without interpolation. Arguments as for auroc()."""
    return _figure(lib.ad_average_precision, scores, labels)


def f1_max(scores: Any, labels: Any) -> F1:
    """The largest F1 over all thresholds, and the threshold. It is chosen on these labels, so it is optimistic."""
    threshold = _c.c_float()
    value = _figure(lib.ad_f1_max, scores, labels, _c.byref(threshold))
    return F1(value, threshold.value)


def _mask_array(mask: Any) -> np.ndarray:
    """A mask as uint8 [h, w], non-zero = anomalous."""
    array = np.asarray(mask)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype.kind not in "bui":
        raise TypeError("a mask of dtype %s is not possible: bool and whole numbers are" % array.dtype)
    if array.ndim != 2:
        raise ValueError("a mask of shape %s is not possible: [h, w] is" % (array.shape,))
    return array if array.dtype == np.uint8 else (array != 0).view(np.uint8)


def _maps_and_masks(maps: Maps, masks: Maps) -> Tuple[Any, Any, List[Any]]:
    if len(maps) != len(masks):
        raise ValueError("%d maps for %d masks" % (len(maps), len(masks)))
    heats = [np.asarray(each) for each in maps]
    for heat in heats:
        if heat.ndim != 2 or heat.dtype.kind != "f":
            raise ValueError("a map of %s %s is not possible: float [h, w] is" % (heat.dtype, heat.shape))
    heats = [np.ascontiguousarray(heat, np.float32) for heat in heats]
    views = [image_view(_mask_array(mask)) for mask in masks]
    structs = [_c.ad_map(_c.sizeof(_c.ad_map), 0, heat.ctypes.data, heat.shape[1], heat.shape[0],
                           4 * heat.shape[1]) for heat in heats]
    return (_c.array_of(_c.ad_map, structs), _c.array_of(_c.ad_image, [view.struct for view in views]),
            [heats, views])


def aupro(maps: Maps, masks: Maps, fpr_limit: float = 0.3, connectivity: int = 8) -> float:
    """Area under the per-region-overlap curve to a false positive rate of fpr_limit, as the MVTec AD evaluation script
    defines it, scaled to 0..1.

    Args:
        maps: n maps [h, w] (or one array [n, h, w]), rounded to float32.
        masks: n masks [h, w] of the same sizes.
        connectivity: 8 or 4: which anomalous pixels are one region.

    Raises InvalidArgumentError where there is no region or no good pixel, ShapeError, NumericError for NaN."""
    structs, images, keep = _maps_and_masks(maps, masks)
    options = _c.defaults(_c.ad_aupro_options)
    options.fpr_limit = fpr_limit
    options.connectivity = connectivity
    out = _c.c_double()
    check(lib.ad_aupro(structs, images, len(structs), _c.byref(options), _c.byref(out)))
    return out.value


def pixel_auroc(maps: Maps, masks: Maps) -> float:
    """AUROC over the pixels of all maps pooled. Arguments as for aupro()."""
    structs, images, keep = _maps_and_masks(maps, masks)
    out = _c.c_double()
    check(lib.ad_pixel_auroc(structs, images, len(structs), _c.byref(out)))
    return out.value
