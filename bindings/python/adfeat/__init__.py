"""Unsupervised visual anomaly detection: show it images of good parts, then ask of every new image how anomalous it
is, and where.

    import adfeat

    net = adfeat.Backbone("resnet18.safetensors")
    scorer = adfeat.fit(net, "screws")                   # a folder of good images, or a list, or a generator of arrays
    scorer.save("screws.safetensors")

    score = scorer.score(frame, format="bgr")            # a frame from OpenCV, not copied
    found = scorer.anomaly_map(frame, format="bgr")      # found.data: float32 [h, w]; found.overlay(): uint8 [h, w, 3]

The work is done by the C library libadfeat, with the GIL released; include/adfeat.h is its manual. This package finds
it through $ADFEAT_LIBRARY, the system's loader, the lib folders of the Python installation and of /usr/local,
$PKG_CONFIG_PATH, and the build tree of the checkout that it was installed from."""
from __future__ import annotations

from . import _c, metrics
from ._handle import text as _text
from ._version import VERSION as __version__
from .backbone import Backbone, BackboneInfo, LayerInfo, Step, architectures
from .context import Context, devices
from .dataset import Dataset, Sample
from .errors import (BackendError, Cancelled, ClosedError, Error, FileError, FormatError, InvalidArgumentError,
                     LibraryError, MismatchError, NumericError, OutOfMemoryError, ShapeError, StateError,
                     UnsupportedError)
from .evaluation import Evaluation, evaluate
from .fitting import Fitter, fit
from .image import DepthImage, ImageView, decode_image, image_view, read_depth, read_image, read_mask, write_png
from .method_table import Method, Option, methods
from .metrics import F1, aupro, auroc, average_precision, f1_max, pixel_auroc
from .overlay import Map, encode_png, overlay
from .scorer import Scorer, ScorerInfo, anomaly_map, file_metadata, score
from .student import Student, StudentInfo
from .training import TrainProgress

__all__ = [
    "Backbone", "BackboneInfo", "BackendError", "Cancelled", "ClosedError", "Context",
    "Dataset", "DepthImage", "Error", "Evaluation", "F1", "FileError", "Fitter", "FormatError",
    "ImageView", "InvalidArgumentError", "LayerInfo", "LibraryError", "Map", "Method",
    "MismatchError", "NumericError", "Option", "OutOfMemoryError", "Sample", "Scorer", "ScorerInfo", "ShapeError",
    "StateError", "Step", "Student", "StudentInfo", "TrainProgress", "UnsupportedError",
    "anomaly_map", "architectures", "aupro", "auroc", "average_precision", "build_info",
    "decode_image", "devices", "encode_png", "evaluate", "f1_max", "file_metadata", "fit", "image_view",
    "library_path", "library_version", "methods", "metrics", "overlay", "pixel_auroc", "read_depth",
    "read_image", "read_mask", "score", "write_png",
]


def library_path() -> str:
    """Where the C library was found: a path, or the bare name that the system's loader knew."""
    return _c.library_path


def library_version() -> str:
    """The C library's version; __version__ is that of these bindings."""
    return _text(_c.lib.ad_version_string())


def build_info() -> str:
    """How the C library was built: compiler, BLAS, image libraries, the kinds of images it reads, in one line."""
    return _text(_c.lib.ad_build_info())
