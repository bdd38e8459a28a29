"""Fitting: good images in, a scorer out."""
from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Callable, Iterable, Literal, Optional, Union, overload

from . import _c
from ._handle import Handle, Path, check, failure, path_bytes, text_bytes
from ._options import joined
from ._reading import take_read_options
from ._watch import Progress, watched
from .backbone import Backbone
from .dataset import Dataset, as_dataset
from .errors import Cancelled, naming
from .image import ImageLike, check_format, image_view
from .method_table import help_text
from .scorer import Scorer
from .student import Student
from .training import Train, TrainProgress

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import method_options as of

__all__ = ["Fitter", "fit"]

lib = _c.lib
Images = Union[Path, Dataset, Iterable[ImageLike]]


class Fitter(Handle):
    """A method being fitted.

        fitter = adfeat.Fitter(net, "padim", size=256)
        fitter.add(image)                                    # or all at once: fitter.fit("screws")
        scorer = fitter.finish()

        fitter = adfeat.Fitter(net, "stfpm", epochs=100)     # a method that trains a student
        scorer = fitter.fit("screws", train=print, checkpoint_dir="training", resume=True)
        fitter.student.save("student.safetensors")
        student = adfeat.Student.load("student.safetensors", net)
        again = adfeat.Fitter(student, epochs=10)

        part.save("monday.fit")             # in one process: parts that are merged in another
        fitter.merge(adfeat.Fitter.load("monday.fit", net))

    Args:
        backbone: the Backbone whose features are fitted, or a Student to train further.
        method: "gaussian", the default, "padim", "stfpm", "stfpm_unet", "ast" or "masked_rd"; of a
            Student its own.
        options: those of the method, see below; None is the default. The C library checks them. Of
            a method that trains a student they are those of the student and of its training
            together; with a Student only those of the training are possible.
        orientation: "upright", the default, or "raw"; significant_bits: how files are read, which
            the scorer remembers; see read_image().

    Memory does not grow with the number of images beyond `memory`, but for methods that train a
    student: they keep the resized pixels, and features as far as their feature_cache goes.

    Threads: one at a time; others wait, also for the student. Fit parts in several threads with a
    fitter each, then merge()."""

    __slots__ = ("_backbone", "_method", "_own_turn", "_read", "_student")
    _destroy = lib.ad_fitter_destroy
    _instead = "save() it, or the scorer that it gives, to a file, and load() it there"

    # Overloads of Fitter, written by python3 bindings/python/make_options.py:
    @overload
    def __init__(self, backbone: Backbone, method: Optional[Literal["gaussian"]] = None,
                 **options: Unpack[of.GaussianOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Backbone, method: Literal["padim"],
                 **options: Unpack[of.PadimOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Backbone, method: Literal["stfpm"],
                 **options: Unpack[of.StfpmOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Backbone, method: Literal["stfpm_unet"],
                 **options: Unpack[of.StfpmUnetOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Backbone, method: Literal["ast"],
                 **options: Unpack[of.AstOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Backbone, method: Literal["masked_rd"],
                 **options: Unpack[of.MaskedRdOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Student, method: Literal["stfpm"],
                 **options: Unpack[of.StfpmTrainingOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Student, method: Literal["stfpm_unet"],
                 **options: Unpack[of.StfpmUnetTrainingOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Student, method: Literal["ast"],
                 **options: Unpack[of.AstTrainingOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Student, method: Literal["masked_rd"],
                 **options: Unpack[of.MaskedRdTrainingOptions]) -> None: ...
    @overload
    def __init__(self, backbone: Student, method: None = None,
                 **options: Unpack[of.AnyTrainingOptions]) -> None: ...
    # to here
    def __init__(self, backbone: Union[Backbone, Student], method: Optional[str] = None,
                 **options: Any) -> None:
        if not isinstance(backbone, (Backbone, Student)):
            raise TypeError("backbone is of type %s, a Backbone or a Student is needed"
                            % type(backbone).__name__)
        if method is not None and not isinstance(method, str):
            raise TypeError("method is of type %s, a name is needed" % type(method).__name__)
        self._student: Optional[Student] = None
        self._read = take_read_options(options)
        text = joined(options)
        out = _c.c_void_p()
        pointer = backbone._borrow()
        try:
            if isinstance(backbone, Student):
                self._method = backbone.method
                if method not in (None, self._method):
                    raise ValueError("the student is of method %s, not of %s"
                                     % (self._method, method))
                with backbone._turn:
                    check(lib.ad_fitter_create_with(pointer, text, _c.byref(out)))
            else:
                self._method = "gaussian" if method is None else method
                check(lib.ad_fitter_create(pointer, text_bytes(self._method), text,
                                           _c.byref(out)))
        finally:
            backbone._give_back()
        Handle.__init__(self, out.value, backbone._parallel)
        self._backbone = backbone.teacher if isinstance(backbone, Student) else backbone
        if isinstance(backbone, Student):
            self._student = backbone
        else:
            trained = lib.ad_student_retain(lib.ad_fitter_student(out))
            self._student = Student._wrap(trained, backbone) if trained else None
        check(lib.ad_fitter_set_read_options(out, _c.byref(self._read)))

    @classmethod
    def load(cls, path: Path, backbone: Backbone) -> "Fitter":
        """A fitter with the options and images of a file that save() wrote: add() more, merge() it
        into another, or finish(). Raises FileError, FormatError (damaged, or no fit), MismatchError
        (of another backbone), NumericError, UnsupportedError (of a newer version)."""
        if not isinstance(backbone, Backbone):
            raise TypeError("backbone is of type %s, a Backbone is needed" % type(backbone).__name__)
        file, out = path_bytes(path), _c.c_void_p()
        pointer = backbone._borrow()
        try:
            check(lib.ad_fitter_load(pointer, file, _c.byref(out)))
        finally:
            backbone._give_back()
        self = cls.__new__(cls)
        self._student = None
        self._backbone = backbone
        self._method = lib.ad_fitter_method(out).decode()
        self._read = _c.sized(_c.ad_read_options)
        Handle.__init__(self, out.value, backbone._parallel)
        check(lib.ad_fitter_read_options(out, _c.byref(self._read)))
        return self

    def save(self, path: Path) -> None:
        """Save what was added so far as one safetensors file, atomically, so that another process
        can load() and merge() it; the fit can go on. Raises FileError, UnsupportedError (methods
        that train a student: see checkpoint_dir)."""
        file, pointer = path_bytes(path), self._borrow()
        try:
            with self._turn:
                check(lib.ad_fitter_save(pointer, file))
        finally:
            self._give_back()

    def _new_locks(self) -> None:
        super()._new_locks()
        self._own_turn = threading.RLock()

    @property
    def _turn(self) -> Any:
        """Held during C calls; reentrant for their callbacks. Fitters of one student share it."""
        return self._own_turn if self._student is None else self._student._turn

    @property
    def backbone(self) -> Backbone:
        """The backbone whose features are fitted."""
        return self._backbone

    @property
    def method(self) -> str:
        """Its name."""
        return self._method

    @property
    def student(self) -> Optional[Student]:
        """What is trained; None where the method trains nothing. Save it after the fit, or give it
        to another fitter, to continue. It outlives the fitter."""
        return self._student

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
        """Upper limit in bytes of what the fitter holds, however many images are added; of a method
        that trains a student, with those added so far."""
        return self._ask(lib.ad_fitter_memory)

    def _ask(self, function: Callable[[Any], int]) -> int:
        pointer = self._borrow()
        try:
            with self._turn:
                return function(pointer)
        finally:
            self._give_back()

    def add(self, image: ImageLike, format: str = "rgb") -> None:
        """Add one good image; see adfeat.image for what an image may be. On failure the fitter is
        as before."""
        view = image_view(image, format, None, self._read)
        pointer = self._borrow_to_compute()
        try:
            with self._turn:
                status = lib.ad_fitter_add(pointer, _c.byref(view.struct))
            if status:
                raise failure(status)
        finally:
            self._give_back()

    def merge(self, other: "Fitter") -> None:
        """Add all that `other` has seen, fitted with the same backbone and options; `other` is
        unchanged. Raises MismatchError, UnsupportedError (methods that train a student)."""
        if not isinstance(other, Fitter):
            raise TypeError("merge() takes a fitter, not %s" % type(other).__name__)
        pointer = self._borrow()
        try:
            theirs = other._borrow()
            try:
                # In one order: two threads that merge a into b and b into a would else wait for
                # each other.
                first, second = sorted((self._turn, other._turn), key=id)
                with first, second:
                    check(lib.ad_fitter_merge(pointer, theirs))
            finally:
                other._give_back()
        finally:
            self._give_back()

    def fit(self, images: Images, progress: Optional[Progress] = None, format: str = "rgb", *,
            train: Optional[Train] = None, checkpoint_dir: Optional[Path] = None,
            resume: bool = False, skip_damaged: bool = False) -> Scorer:
        """Add every image, then finish().

        Args:
            images: a folder (MVTec AD or 3D-AD layout, or flat), a Dataset, a list of paths, or any
                iterable of images: arrays, paths, a generator. Iterables are read one image at a
                time.
            progress: called as progress(fraction) between images on this thread, fraction 0..1 (0
                until the end where the iterable has no len()), and while a student is trained
                between layers. A true value cancels; an exception ends the fit and comes out
                unchanged.
            format: "rgb" or "bgr", of colour arrays.
            skip_damaged: go on without files that are missing, damaged or of an impossible size;
                `skipped` counts them. Otherwise they end the fit, with an error that says how many
                they are. Of folders, datasets and lists of paths.

        Args of methods that train a student:
            train: called as train(TrainProgress) after every batch and every epoch; as progress. It
                may save the student.
            checkpoint_dir: a folder, made if it is not there, for "checkpoint.safetensors": written
                after every epoch and when the training is cancelled. What is there already is
                written over, unless
            resume: go on from it, where there is one. The result has the same bits as one long run.

        Ctrl-C ends a fit between images, or within a batch. After a failure the fitter holds the
        images added before it: finish() goes on where a training stopped; fit() would add the
        images a second time."""
        check_format(format)
        folder = self._folder(train, checkpoint_dir, resume)
        dataset = as_dataset(images, "train")
        if dataset is None:
            self._add_each(images, progress, format)
        return self._run(dataset, progress, train, folder, resume, skip_damaged)

    def _add_each(self, images: Any, progress: Optional[Progress], format: str) -> None:
        total = len(images) if hasattr(images, "__len__") else 0
        share = 0 if self._student is not None or not total else 1 / total
        for done, image in enumerate(images):
            if progress is not None and progress(share * done):
                raise Cancelled("the fit was cancelled after %d%s images"
                                % (done, " of %d" % total if total else ""))
            with naming(done):
                self.add(image, format)

    def finish(self, progress: Optional[Progress] = None, *, train: Optional[Train] = None,
               checkpoint_dir: Optional[Path] = None, resume: bool = False) -> Scorer:
        """A scorer of what was added so far; the fitter can go on. Arguments as of fit(). A method
        that trains a student trains it here; after a failure or a cancelled fit it goes on where
        that one stopped. Raises StateError (too few images), NumericError (images without any
        variation; a loss that is not finite: the student keeps its best parameters), Cancelled."""
        folder = self._folder(train, checkpoint_dir, resume)
        return self._run(None, progress, train, folder, resume)

    def _folder(self, train: Optional[Train], checkpoint_dir: Optional[Path],
                resume: bool) -> Optional[bytes]:
        if self._student is None and (train is not None or checkpoint_dir is not None or resume):
            raise TypeError("%s trains no student: there is no train, checkpoint_dir or resume"
                            % self._method)
        if checkpoint_dir is None:
            if resume:
                raise ValueError("resume needs checkpoint_dir: where the checkpoint is")
            return None
        folder = path_bytes(checkpoint_dir)
        os.makedirs(folder, exist_ok=True)
        return folder

    def _run(self, dataset: Optional[Dataset], progress: Optional[Progress],
             train: Optional[Train], folder: Optional[bytes], resume: bool,
             skip_damaged: bool = False) -> Scorer:
        def call(step: Any, batch: Any = None) -> Scorer:
            options = _c.defaults(_c.ad_fit_options)
            options.progress = step
            if batch is not None:
                options.train = batch
            options.checkpoint_dir = folder
            options.resume = 1 if resume else 0
            options.skip_damaged = 1 if skip_damaged else 0
            out = _c.c_void_p()
            with self._turn:
                check(lib.ad_fit(pointer, good, _c.byref(options), _c.byref(out)))
            return Scorer._wrap(out.value, self._parallel)

        wrapped = None if train is None else lambda struct: train(TrainProgress._of(struct))
        pointer = self._borrow_to_compute()
        try:
            good = None if dataset is None else dataset._borrow()
            try:
                return watched(progress, call, wrapped)
            finally:
                if dataset is not None:
                    dataset._give_back()
        finally:
            self._give_back()

    def __repr__(self) -> str:
        if self.closed:
            return "<Fitter, closed>"
        return "<Fitter %s, %d images>" % (self._method, self.count)


if Fitter.__doc__:  # there is none with -OO
    Fitter.__doc__ += "\n\n    Methods and their options:\n\n" + help_text()


# Overloads of fit, written by python3 bindings/python/make_options.py:
@overload
def fit(backbone: Union[Backbone, Path], images: Images, method: Literal["gaussian"] = "gaussian",
        *, progress: Optional[Progress] = None, format: str = "rgb", skip_damaged: bool = False,
        **options: Unpack[of.GaussianOptions]) -> Scorer: ...
@overload
def fit(backbone: Union[Backbone, Path], images: Images, method: Literal["padim"], *,
        progress: Optional[Progress] = None, format: str = "rgb", skip_damaged: bool = False,
        **options: Unpack[of.PadimOptions]) -> Scorer: ...
@overload
def fit(backbone: Union[Backbone, Path], images: Images, method: Literal["stfpm"], *,
        progress: Optional[Progress] = None, format: str = "rgb", train: Optional[Train] = None,
        checkpoint_dir: Optional[Path] = None, resume: bool = False, skip_damaged: bool = False,
        **options: Unpack[of.StfpmOptions]) -> Scorer: ...
@overload
def fit(backbone: Union[Backbone, Path], images: Images, method: Literal["stfpm_unet"], *,
        progress: Optional[Progress] = None, format: str = "rgb", train: Optional[Train] = None,
        checkpoint_dir: Optional[Path] = None, resume: bool = False, skip_damaged: bool = False,
        **options: Unpack[of.StfpmUnetOptions]) -> Scorer: ...
@overload
def fit(backbone: Union[Backbone, Path], images: Images, method: Literal["ast"], *,
        progress: Optional[Progress] = None, format: str = "rgb", train: Optional[Train] = None,
        checkpoint_dir: Optional[Path] = None, resume: bool = False, skip_damaged: bool = False,
        **options: Unpack[of.AstOptions]) -> Scorer: ...
@overload
def fit(backbone: Union[Backbone, Path], images: Images, method: Literal["masked_rd"], *,
        progress: Optional[Progress] = None, format: str = "rgb", train: Optional[Train] = None,
        checkpoint_dir: Optional[Path] = None, resume: bool = False, skip_damaged: bool = False,
        **options: Unpack[of.MaskedRdOptions]) -> Scorer: ...
# to here
def fit(backbone: Union[Backbone, Path], images: Images, method: str = "gaussian", *,
        progress: Optional[Progress] = None, format: str = "rgb", train: Optional[Train] = None,
        checkpoint_dir: Optional[Path] = None, resume: bool = False, skip_damaged: bool = False,
        **options: Any) -> Scorer:
    """Fit a method on good images: Fitter(backbone, method, **options).fit(images) in one call.

    backbone is a Backbone or the path of its weights; the other arguments are those of Fitter and
    of Fitter.fit(). print(adfeat.methods()["padim"]) lists the options of a method."""
    if not isinstance(method, str):
        raise TypeError("method is a name; a fitter of one's own has fit(images)")
    if isinstance(images, Backbone):
        raise TypeError("images is a Backbone: the backbone comes first, then the images")
    if not isinstance(backbone, Backbone):
        backbone = Backbone(backbone)
    make: Any = Fitter
    with make(backbone, method, **options) as fitter:
        return fitter.fit(images, progress, format, train=train, checkpoint_dir=checkpoint_dir,
                          resume=resume, skip_damaged=skip_damaged)
