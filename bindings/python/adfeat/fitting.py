"""Fitting: good images in, a scorer out."""
from __future__ import annotations

import threading
from typing import Any, Callable, ClassVar, Iterable, Optional, Type, Union

from . import _abi
from ._handle import Handle, Path, check, failure
from ._options import set_all
from ._reading import take_read_options
from ._watch import Progress, watched
from .backbone import Backbone
from .dataset import Dataset, as_dataset
from .errors import naming
from .image import ImageLike, check_format, image_view
from .scorer import Scorer

__all__ = ["Fitter", "Gaussian", "Padim"]

lib = _abi.lib
Images = Union[Path, Dataset, Iterable[ImageLike]]


class Fitter(Handle):
    """A method being fitted: Gaussian, Padim, Stfpm, StfpmUnet, Ast or MaskedRd. Memory does not grow with the number
    of images beyond `memory`, but for those that train a student, Stfpm, StfpmUnet, Ast and MaskedRd.

    Every fitter takes, beside its own options, those of reading files, which its scorer remembers: orientation
    ("upright", default, or "raw") and significant_bits; see read_image().

    Threads: one at a time; others wait. Fit parts in several threads with a fitter each, then merge()."""

    __slots__ = ("_backbone", "_read", "_turn")
    _destroy = lib.ad_fitter_destroy
    _instead = "save() the scorer that it gives to a file, and load() it there"
    _kind: ClassVar[Type[Any]]
    _set: ClassVar[Callable[..., int]]
    _create: ClassVar[Callable[..., int]]

    def __init__(self, backbone: Backbone, **options: Any) -> None:
        if type(self) is Fitter:
            raise TypeError("Fitter has no method of its own: use Gaussian or Padim")
        if not isinstance(backbone, Backbone):
            raise TypeError("backbone is of type %s, a Backbone is needed" % type(backbone).__name__)
        self._read = take_read_options(options)
        struct = _abi.defaults(self._kind)
        texts = set_all(self._set, struct, options)
        self._open(backbone, struct, backbone)
        del texts  # the struct has pointed to them until now

    def _open(self, parent: Handle, struct: Any, backbone: Backbone) -> None:
        out = _abi.c_void_p()
        pointer = parent._borrow()
        try:
            check(self._create(pointer, _abi.byref(struct), _abi.byref(out)))
        finally:
            parent._give_back()
        Handle.__init__(self, out.value, backbone._parallel)
        self._backbone = backbone
        check(_abi.lib.ad_fitter_set_read_options(out, _abi.byref(self._read)))

    def _new_locks(self) -> None:
        super()._new_locks()
        self._turn = threading.RLock()  # held during C calls; reentrant for progress callbacks

    @property
    def backbone(self) -> Backbone:
        """The backbone whose features are fitted."""
        return self._backbone

    @property
    def count(self) -> int:
        """Images added so far, merged ones included."""
        return self._ask(lib.ad_fitter_count)

    @property
    def skipped(self) -> int:
        """Damaged images that fit(..., skip_damaged=True) left out so far."""
        return self._ask(lib.ad_fitter_skipped)

    @property
    def memory(self) -> int:
        """Upper limit in bytes of what the fitter holds, however many images are added."""
        return self._ask(lib.ad_fitter_memory)

    def _ask(self, function: Callable[[Any], int]) -> int:
        pointer = self._borrow()
        try:
            with self._turn:
                return function(pointer)
        finally:
            self._give_back()

    def add(self, image: ImageLike, format: str = "rgb") -> None:
        """Add one good image; see adfeat.image for what an image may be. On failure the fitter is as before."""
        view = image_view(image, format, None, self._read)
        pointer = self._borrow_to_compute()
        try:
            with self._turn:
                status = lib.ad_fitter_add(pointer, _abi.byref(view.struct))
            if status:
                raise failure(status)
        finally:
            self._give_back()

    def merge(self, other: "Fitter") -> None:
        """Add all that `other` has seen, fitted with the same backbone and options; `other` is unchanged. Raises
        MismatchError."""
        if not isinstance(other, Fitter):
            raise TypeError("merge() takes a fitter, not %s" % type(other).__name__)
        pointer = self._borrow()
        try:
            theirs = other._borrow()
            try:
                # Always in one order: two threads that merge a into b and b into a would wait for each other.
                first, second = sorted((self._turn, other._turn), key=id)
                with first, second:
                    check(lib.ad_fitter_merge(pointer, theirs))
            finally:
                other._give_back()
        finally:
            self._give_back()

    def finish(self) -> Scorer:
        """A scorer of what was added so far; the fitter is unchanged and can go on. Raises StateError (too few
        images), NumericError (images without any variation)."""
        out = _abi.c_void_p()
        pointer = self._borrow_to_compute()
        try:
            with self._turn:
                check(lib.ad_fitter_finish(pointer, _abi.byref(out)))
        finally:
            self._give_back()
        return Scorer._wrap(out.value, self._parallel)

    def fit(self, images: Images, progress: Optional[Progress] = None, format: str = "rgb", *,
            skip_damaged: bool = False) -> Scorer:
        """Add every image, then finish().

        Args:
            images: a folder (MVTec AD or 3D-AD layout, or flat), a Dataset, a list of paths, or any iterable of images:
                arrays, paths, a generator. Iterables are read one image at a time.
            progress: called as progress(fraction) between images on this thread, fraction 0..1 (0 until the end where
                the iterable has no len()). A true value cancels; an exception ends the fit and comes out unchanged.
            format: "rgb" or "bgr", of colour arrays.
            skip_damaged: go on without files that are missing, damaged or of an impossible size; `skipped` counts them.
                Otherwise they end the fit, with an error that says how many they are. Of folders, datasets and lists of
                paths.

        After a failure the fitter holds the images added before it; called again it adds to them."""
        check_format(format)
        dataset = as_dataset(images, "train")
        if dataset is not None:
            return self._fit_dataset(dataset, progress, skip_damaged)
        total = len(images) if hasattr(images, "__len__") else 0  # type: ignore[arg-type]
        for done, image in enumerate(images):  # type: ignore[arg-type]
            if progress is not None and progress(done / total if total else 0.0):
                raise _cancelled(done, total)
            with naming(done):
                self.add(image, format)
        scorer = self.finish()
        if progress is not None and progress(1.0):
            raise _cancelled(self.count, total)
        return scorer

    def _fit_dataset(self, dataset: Dataset, progress: Optional[Progress], skip_damaged: bool) -> Scorer:
        pointer = self._borrow_to_compute()
        try:
            good = dataset._borrow()
            try:
                def call(step: Any) -> Scorer:
                    options = _abi.defaults(_abi.ad_fit_options)
                    options.progress = step
                    options.skip_damaged = 1 if skip_damaged else 0
                    out = _abi.c_void_p()
                    with self._turn:
                        check(lib.ad_fit(pointer, good, _abi.byref(options), _abi.byref(out)))
                    return Scorer._wrap(out.value, self._parallel)

                return watched(progress, call)
            finally:
                dataset._give_back()
        finally:
            self._give_back()

    def __repr__(self) -> str:
        name = type(self).__name__
        return "<%s, closed>" % name if self.closed else "<%s, %d images>" % (name, self.count)


def _cancelled(done: int, total: int) -> Exception:
    from .errors import Cancelled

    return Cancelled("the fit was cancelled after %d%s images" % (done, " of %d" % total if total else ""))


class Gaussian(Fitter):
    """Multivariate Gaussian / Mahalanobis distance on deep features, with PCA or NPCA (Rippel et al. 2020,
    arXiv:2005.14140; Wang, Xu, Chen 2022).

    Options, by the names of the C library, which checks them; None is the default:
        preset: "wang2022", "rippel2020", "resnet18": what a publication did; other options change it.
        layers: "layer1,layer2" or a list; default: the backbone's own choice.
        reduce: "none", "pca:0.95", "npca:0.95", "auto".
        pixel: how maps are fitted: "dense", "gap", or "none": image scores only.
        size, crop, resize, aspect, mean, std: from image to network input, as in Backbone.extract_features().
        ddof: 0 or 1.  squared: False or True.  samples: 256..1048576.  blur_sigma: 0..64, of the map."""

    __slots__ = ()
    _kind = _abi.ad_gaussian_options
    _set = lib.ad_gaussian_options_set
    _create = lib.ad_gaussian_fitter_create


class Padim(Fitter):
    """PaDiM: a Gaussian at every position over a random subset of channels of several layers (Defard et al. 2020,
    arXiv:2011.08785).

    Options, by the names of the C library, which checks them; None is the default:
        dimensions: channels kept of all layers together, or "all".
        layers: "layer1,layer2,layer3" or a list; the first gives the grid.
        preset: "defard2020": the public code's preprocessing; other options change it.
        seed: of the subset.  covariance: "ridge", "ledoit_wolf".  ridge: default 0.01.
        blur_sigma: of the map, default 4.  memory_limit: bytes that fitting may hold.
        size, crop, resize, aspect, mean, std: as in Backbone.extract_features()."""

    __slots__ = ()
    _kind = _abi.ad_padim_options
    _set = lib.ad_padim_options_set
    _create = lib.ad_padim_fitter_create
