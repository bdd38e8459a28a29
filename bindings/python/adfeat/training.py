"""Methods that train a student: STFPM, STFPM with U-Nets, AST, and masked reverse distillation."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Dict, Optional, Tuple

from . import _abi
from ._handle import Handle, Path, check, path_bytes, text
from ._options import set_all
from ._reading import take_read_options
from ._watch import Progress, watched
from .backbone import Backbone
from .dataset import Dataset, as_dataset
from .errors import naming
from .fitting import Fitter, Images, _cancelled
from .image import check_format
from .scorer import Scorer
from .student import Student

__all__ = ["Ast", "MaskedRd", "Stfpm", "StfpmUnet", "StudentFitter", "TrainProgress"]

lib = _abi.lib


@dataclass(frozen=True)
class TrainProgress:
    """Where a training is: after every batch, and after every epoch and its validation (`epoch_done`); of Ast and
    MaskedRd also once before the first batch."""

    phase: str  #: "student", or before it "autoencoders" (StfpmUnet) or "teacher" (Ast: its flow)
    phase_index: int  #: from 0
    phases: int
    epoch: int  #: of this phase, from 1
    epochs: int
    batch: int  #: of this epoch, from 1; 0: nothing is trained yet, seconds_left is from a trial
    batches: int
    epoch_done: bool
    loss: float  #: of this batch, or with epoch_done the mean over the epoch's images
    similarity: float  #: the parts of the loss, before they are weighted; of Ast the student's
    reconstruction: float  #: 0 without U-Nets; of Ast the teacher's
    validation: float  #: error on the held-out images after the latest complete epoch; NaN before the first or without
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
    """A method that trains a student: Stfpm, StfpmUnet, Ast or MaskedRd.

    Threads: as Fitter, and together with its student: one at a time, others wait."""

    __slots__ = ("_student",)
    _student_kind: ClassVar[str]
    _of_student: ClassVar[Tuple[str, ...]]  # options that say what a student is
    _of_both: ClassVar[Tuple[str, ...]] = ("seed",)  # those that do that and say how it is trained

    def __init__(self, backbone: Optional[Backbone] = None, *, student: Optional[Student] = None,
                 **options: Any) -> None:
        if type(self) is StudentFitter:
            raise TypeError("StudentFitter has no method of its own: use Stfpm, StfpmUnet, Ast or MaskedRd")
        self._read = take_read_options(options)
        of_student = {key: options.pop(key) for key in self._of_student if options.get(key) is not None}
        struct = _abi.defaults(self._kind)
        texts = set_all(self._set, struct, options)
        if student is None:
            if not isinstance(backbone, Backbone):
                raise TypeError("backbone is of type %s, a Backbone is needed" % type(backbone).__name__)
            of_student.update((key, options.get(key)) for key in self._of_both)
            student = Student(backbone, self._student_kind, **of_student)
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
            train: Optional[Train] = None, checkpoint_dir: Optional[Path] = None, resume: bool = False,
            skip_damaged: bool = False) -> Scorer:
        """Add every image, then finish().

        Args:
            images: a folder (MVTec AD or 3D-AD layout, or flat), a Dataset, a list of paths, or any iterable of images.
            progress: called as progress(fraction) between images, and while the student is trained between layers. A
                true value cancels; an exception ends the fit and comes out unchanged.
            format: "rgb" or "bgr", of colour arrays.
            train: called as train(TrainProgress) after every batch and every epoch; likewise. It may save the student.
            checkpoint_dir: a folder, made if it is not there, for "checkpoint.safetensors": written after every epoch
                and when the training is cancelled. What is there already is written over, unless
            resume: go on from it, where there is one. The result has the same bits as one long run.
            skip_damaged: go on without files that are missing, damaged or of an impossible size; `skipped` counts them.
                Otherwise they end the fit, with an error that says how many they are. Of folders, datasets and lists of
                paths.

        Ctrl-C ends it within a batch. After a failure the fitter holds the images added so far, and finish() goes on
        where the training stopped; fit() would add the images a second time."""
        check_format(format)
        dataset = as_dataset(images, "train")
        folder = self._folder(checkpoint_dir, resume)
        if dataset is None:
            for done, image in enumerate(images):  # type: ignore[arg-type]
                if progress is not None and progress(0.0):
                    raise _cancelled(done, 0)
                with naming(done):
                    self.add(image, format)
        return self._run(dataset, progress, train, folder, resume, skip_damaged)

    def finish(self, progress: Optional[Progress] = None, *, train: Optional[Train] = None,
               checkpoint_dir: Optional[Path] = None, resume: bool = False) -> Scorer:
        """Train the student on what was added so far; arguments as of fit(). After a failure or a cancelled fit it goes
        on where that one stopped. Raises StateError (too few images), NumericError (a loss that is not finite: the
        student keeps its best parameters), Cancelled."""
        return self._run(None, progress, train, self._folder(checkpoint_dir, resume), resume)

    @staticmethod
    def _folder(checkpoint_dir: Optional[Path], resume: bool) -> Optional[bytes]:
        if checkpoint_dir is None:
            if resume:
                raise ValueError("resume needs checkpoint_dir: where the checkpoint is")
            return None
        folder = path_bytes(checkpoint_dir)
        os.makedirs(folder, exist_ok=True)
        return folder

    def _run(self, dataset: Optional[Dataset], progress: Optional[Progress], train: Optional[Train],
             folder: Optional[bytes], resume: bool, skip_damaged: bool = False) -> Scorer:
        def call(step: Any, batch: Any = None) -> Scorer:
            options = _abi.defaults(_abi.ad_fit_options)
            options.progress = step
            if batch is not None:
                options.train = batch
            options.checkpoint_dir = folder
            options.resume = 1 if resume else 0
            options.skip_damaged = 1 if skip_damaged else 0
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


class Ast(StudentFitter):
    """Asymmetric student-teacher networks (Rudolph et al., WACV 2023, arXiv:2210.07829): a normalising flow learns the
    density of good images' features, depth or both, then a plain network learns to give the flow's result; where an
    image is unlike the good ones the two differ.

        fitter = adfeat.Ast(net, mode="combi")
        scorer = fitter.fit("bagel", train=print)           # MVTec 3D-AD: rgb and xyz
        scorer.score(adfeat.DepthImage(frame, cloud))

    Args:
        backbone: the network that gives features; with mode="depth" only its layer's grid is used.
        student: None: a new one.

    Images need depth for the modes "depth" and "combi": see DepthImage. NumericError: a depth plane without foreground,
    or with a corner where nothing was measured. The features of all images are kept: memory_limit, feature_cache and
    cache_file say how much of them and where.

    Options, by the names of the C library, which checks them; None is the default:
        preset: "ast": the paper's text, the default; "ast_official": the authors' code. Of a new student and of how it
            is trained and scores. Other options change it.
        mode: of a new student: "rgb", the default, "depth", "combi".
        layers: of a new student, one; default: the backbone's own choice.
        flow_blocks, flow_hidden, alpha, student_blocks, student_hidden, positions, leaky: of a new student; see there.
        seed: of a new student and of the order of images.
        teacher_epochs, student_epochs, or epochs for both; default 240, with depth 72.  batch: default 8; what is left
            of an epoch is dropped.
        lr: of Adam, default 2e-4.  weight_decay: default 1e-5.  clip_norm.
        mask: which positions count: "none", "binary": the depth's foreground, "soft": by their share of it; "auto",
            the default: "binary" where there is depth.  mask_norm: losses are means over "foreground", "all".
        score: "student", "teacher": the flow's likelihood alone, a baseline.
        aggregate: of a map to the image's score: "mean", "max"; "auto", the default: "max" with a mask.
            max_after_upsample: True, False.  mask_twice: True, False.
        validation_share: of the images, held out; default 0: the last epoch's parameters are kept.  split_seed.
        feature_cache: bytes of features in memory.  cache_file: bytes of them in a file beyond that, and cache_dir: the
            folder for it, a path; the file has no name and needs no cleaning up.  memory_limit: bytes.
        depth_threshold: metres that the foreground is off the background, default 0.007.  depth_fill: rounds in which
            holes are filled; depth_fill_border: True, False.  depth_corners: "reject", "nearest": what a corner without
            depth means.  depth_dilation: of the foreground.
        size (default: of 24 x 24 positions), crop, resize, aspect, mean, std: as in Backbone.extract_features(). With
            depth, which is taken whole, crop and aspect are not possible."""

    __slots__ = ()
    _kind = _abi.ad_ast_options
    _set = lib.ad_ast_options_set
    _create = lib.ad_ast_fitter_create
    _student_kind = "ast"
    _of_student = ("layers", "mode", "flow_blocks", "flow_hidden", "alpha", "student_blocks", "student_hidden",
                   "positions", "leaky")
    _of_both = ("seed", "preset")


class MaskedRd(StudentFitter):
    """Masked reverse distillation, and with its switches reverse distillation itself (Deng and Li, CVPR 2022,
    arXiv:2201.10703): the student sees nothing but what a bottleneck lets through of a ResNet's features and re-creates
    them, while it is trained behind random masks (Yang et al. 2022, arXiv:2205.01529); where it cannot, there is a
    defect. The map adds up the cosine distances at three layers; the image's score is its maximum.

        fitter = adfeat.MaskedRd(net, epochs=100)
        scorer = fitter.fit("screws", train=print, checkpoint_dir="training", resume=True)
        plain = adfeat.fit(net, "screws", "masked_rd", preset="rd4ad")
        found = adfeat.Student.load("rd4ad.safetensors", net, kind="masked_rd", preset="rd4ad")     # its authors' own
        scorer = adfeat.MaskedRd(student=found, epochs=0).fit("screws")

    Args:
        backbone: the teacher, a ResNet, whose weights may end behind layer3. Not needed with a student, which has its
            own.
        student: None: a new one.

    Options, by the names of the C library, which checks them; None is the default:
        preset: "masked_rd": the text, the default; "rd4ad": the code of reverse distillation; "mrkd_flm": that with
            generators behind masks. Of a new student and of how it is trained. Other options change it.
        levels: of a new student, which of the layers layer1, layer2 and layer3 are compared: "all", the default, "1",
            "2", "12", "3", "13", "23", "123". layers has no other value than these three.
        msff_out, scsatt, sru, cru, simam, gate, gn_groups, cru_softmax, fmm, fmm_align, mask_rate, eval_mask: of a new
            student; see there.
        seed: of a new student, of the order of images and of the masks.
        epochs: default 200; 0: the student is used as it is.  batch: default 16, at least 2.
        loss: "position": the mean distance of positions, the default; "flat": one distance of the whole map, as
            "rd4ad" and "mrkd_flm".
        lr: of Adam, default 1e-3.  beta1: default 0.5.  beta2: default 0.999.  weight_decay: default 1e-5.
        validation_share: of the images, held out, default 0.1; the epoch with the lowest loss on them is kept; 0: none,
            the last epoch is kept.  split_seed.  patience: stop after so many epochs without a lower loss on them;
            default 20; 0: never.
        combine: of the layers' maps: "sum", the default, "product".  blur_sigma: 0..64, of the map, default 4.
        feature_cache, memory_limit: bytes.
        size (default 256), crop, resize, aspect, mean, std: as in Backbone.extract_features(). The side that the
            network sees must be a multiple of 32, or it is a ShapeError."""

    __slots__ = ()
    _kind = _abi.ad_masked_rd_options
    _set = lib.ad_masked_rd_options_set
    _create = lib.ad_masked_rd_fitter_create
    _student_kind = "masked_rd"
    _of_student = ("layers", "levels", "msff_out", "scsatt", "sru", "cru", "simam", "gate", "gn_groups", "cru_softmax",
                   "fmm", "fmm_align", "mask_rate", "eval_mask")
    _of_both = ("seed", "preset")
