"""Methods that train a student: STFPM, and STFPM with U-Nets."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Dict, Optional, Tuple

from . import _abi
from ._handle import Handle, Path, check, path_bytes, text
from ._options import set_all
from ._watch import Progress, watched
from .backbone import Backbone
from .dataset import Dataset
from .fitting import Fitter, Images, _cancelled, as_dataset
from .scorer import Scorer
from .student import Student

__all__ = ["Stfpm", "StfpmUnet", "StudentFitter", "TrainProgress"]

lib = _abi.lib


@dataclass(frozen=True)
class TrainProgress:
    """Where a training is: after every batch, and after every epoch and its validation (`epoch_done`)."""

    phase: str  #: "student", or before it "autoencoders"
    phase_index: int  #: from 0
    phases: int
    epoch: int  #: of this phase, from 1
    epochs: int
    batch: int  #: of this epoch, from 1
    batches: int
    epoch_done: bool
    loss: float  #: of this batch, or with epoch_done the mean over the epoch's images
    similarity: float  #: the parts of the loss, before they are weighted
    reconstruction: float  #: 0 without U-Nets
    validation: float  #: error on the held-out images after the latest complete epoch; NaN before the first
    best_validation: float  #: the lowest so far; NaN before the first
    best_epoch: int  #: where that was; 0 before the first
    resumed: bool  #: this run began with a checkpoint
    seconds: float  #: since this run began
    seconds_left: float  #: what remains if it goes on as it went

    @classmethod
    def _of(cls, struct: Any) -> "TrainProgress":
        values = {name: getattr(struct, name) for name in cls.__dataclass_fields__}
        values.update(phase=text(struct.phase), epoch_done=bool(struct.epoch_done), resumed=bool(struct.resumed))
        return cls(**values)


Train = Callable[[TrainProgress], Optional[bool]]


class StudentFitter(Fitter):
    """A method that trains a student: Stfpm or StfpmUnet.

    Threads: as Fitter, and together with its student: one at a time, others wait."""

    __slots__ = ("_student",)
    _student_kind: ClassVar[str]
    _of_student: ClassVar[Tuple[str, ...]]  # options that say what a student is; the seed does that too

    def __init__(self, backbone: Optional[Backbone] = None, *, student: Optional[Student] = None,
                 **options: Any) -> None:
        if type(self) is StudentFitter:
            raise TypeError("StudentFitter has no method of its own: use Stfpm or StfpmUnet")
        of_student = {key: options.pop(key) for key in self._of_student if options.get(key) is not None}
        struct = _abi.defaults(self._kind)
        texts = set_all(self._set, struct, options)
        if student is None:
            if not isinstance(backbone, Backbone):
                raise TypeError("backbone is of type %s, a Backbone is needed" % type(backbone).__name__)
            student = Student(backbone, self._student_kind, seed=options.get("seed"), **of_student)
        else:
            self._check_student(student, backbone, of_student)
        self._student = student
        self._open(student, struct, student.teacher)
        del texts  # the struct has pointed to them until now

    def _check_student(self, student: Any, backbone: Optional[Backbone], of_student: Dict[str, Any]) -> None:
        if not isinstance(student, Student):
            raise TypeError("student is of type %s, a Student is needed" % type(student).__name__)
        if student.kind != self._student_kind:
            raise ValueError("the student is of kind %s, %s needs %s"
                             % (student.kind, type(self).__name__, self._student_kind))
        if backbone is not None and backbone is not student.teacher:
            raise ValueError("the student has another teacher than this backbone")
        if of_student:
            raise ValueError("option %s is of a new student: this one has its own" % next(iter(of_student)))

    def _new_locks(self) -> None:
        Handle._new_locks(self)

    @property
    def _turn(self) -> Any:  # type: ignore[override]
        return self._student._turn

    @property
    def student(self) -> Student:
        """What is trained. Save it after the fit, or give it to another fitter, to continue."""
        return self._student

    def fit(self, images: Images, progress: Optional[Progress] = None, format: str = "rgb", *,
            train: Optional[Train] = None, checkpoint_dir: Optional[Path] = None, resume: bool = False) -> Scorer:
        """Add every image, then finish().

        Args:
            images: a folder (MVTec AD layout or flat), a Dataset, a list of paths, or any iterable of images.
            progress: called as progress(fraction) between images, and while the student is trained between layers. A
                true value cancels; an exception ends the fit and comes out unchanged.
            format: "rgb" or "bgr", of colour arrays.
            train: called as train(TrainProgress) after every batch and every epoch; likewise. It may save the student.
            checkpoint_dir: a folder, made if it is not there, for "checkpoint.safetensors": written after every epoch
                and when the training is cancelled. What is there already is written over, unless
            resume: go on from it, where there is one. The result has the same bits as one long run.

        Ctrl-C ends it within a batch. After a failure the fitter holds the images added so far, and finish() goes on
        where the training stopped; fit() would add the images a second time."""
        dataset = as_dataset(images, "train")
        if dataset is None:
            for done, image in enumerate(images):  # type: ignore[arg-type]
                if progress is not None and progress(0.0):
                    raise _cancelled(done, 0)
                self.add(image, format)
        return self._run(dataset, progress, train, checkpoint_dir, resume)

    def finish(self, progress: Optional[Progress] = None, *, train: Optional[Train] = None,
               checkpoint_dir: Optional[Path] = None, resume: bool = False) -> Scorer:
        """Train the student on what was added so far; arguments as of fit(). After a failure or a cancelled fit it goes
        on where that one stopped. Raises StateError (too few images), NumericError (a loss that is not finite: the
        student keeps its best parameters), Cancelled."""
        return self._run(None, progress, train, checkpoint_dir, resume)

    def _run(self, dataset: Optional[Dataset], progress: Optional[Progress], train: Optional[Train],
             checkpoint_dir: Optional[Path], resume: bool) -> Scorer:
        if resume and checkpoint_dir is None:
            raise ValueError("resume needs checkpoint_dir: where the checkpoint is")
        folder = None if checkpoint_dir is None else path_bytes(checkpoint_dir)
        if folder is not None:
            os.makedirs(folder, exist_ok=True)

        def call(step: Any, batch: Any = None) -> Scorer:
            options = _abi.defaults(_abi.ad_fit_options)
            options.progress = step
            if batch is not None:
                options.train = batch
            options.checkpoint_dir = folder
            options.resume = 1 if resume else 0
            out = _abi.c_void_p()
            with self._turn:
                check(lib.ad_fit(pointer, good, _abi.byref(options), _abi.byref(out)))
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


class Stfpm(StudentFitter):
    """Student-teacher feature pyramid matching (Wang et al., BMVC 2021, arXiv:2103.04257): a student learns the
    direction of a ResNet's features on good images; where it cannot follow, there is a defect.

        fitter = adfeat.Stfpm(net, epochs=100)
        scorer = fitter.fit("screws", train=print, checkpoint_dir="training", resume=True)
        fitter.student.save("student.safetensors")
        again = adfeat.Stfpm(student=adfeat.Student.load("student.safetensors", net), epochs=10)

    Args:
        backbone: the teacher. Not needed with a student, which has its own.
        student: None: a new one.

    Options, by the names of the C library, which checks them; None is the default:
        preset: "stfpm": the paper's text, the default; "stfpm_official": the authors' code;
            "stfpm_accurate": the whole squared distance, 200 epochs, the most accurate here. Other options change it.
        layers: of a new student, "layer1,layer2,layer3" or a list; default: the backbone's own choice.
        seed: of a new student and of the order of images.
        epochs: default 100.  batch: default 32.  patience: stop after so many epochs without a lower validation error.
        optimizer: "sgd", "adam".  lr, momentum, weight_decay, clip_norm.
        validation_share: of the images, held out; default 0.2.  split_seed.  val: "distance", "product".
        loss_half: True, False.  loss_batch: "mean", "sum".  layer_weights: one a layer.
        combine: "product", "sum".  combine_at: side at which maps are combined.
        feature_cache, memory_limit: bytes.
        size (default 256), crop, resize, aspect, mean, std: as in Backbone.extract_features()."""

    __slots__ = ()
    _kind = _abi.ad_stfpm_options
    _set = lib.ad_stfpm_options_set
    _create = lib.ad_stfpm_fitter_create
    _student_kind = "stfpm"
    _of_student = ("layers",)


class StfpmUnet(StudentFitter):
    """STFPM with a small U-Net auto-encoder at every layer, which first learn the teacher's features alone and then
    together with the student.

    Args and options as those of Stfpm (preset: "stfpm_unet"), and:
        unet_head: "none", "conv1x1".  unet_depth: 1, 2.  unet_convs: 1, 2: of a new student.
        pretrain_epochs: default 50.  pretrain_lr, unet_lr, unet_weight_decay.
        rec_weight, sim_weight: of the two losses.  rec_target: "student", "teacher".  rec_stopgrad: True, False."""

    __slots__ = ()
    _kind = _abi.ad_stfpm_options
    _set = lib.ad_stfpm_options_set
    _create = lib.ad_stfpm_fitter_create
    _student_kind = "stfpm_unet"
    _of_student = ("layers", "unet_head", "unet_depth", "unet_convs")
