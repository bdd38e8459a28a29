"""Students: the trainable networks of a student-teacher method."""
from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple, Union

from . import _abi
from ._handle import Handle, Path, check, path_bytes, text
from ._options import set_all
from .backbone import Backbone

__all__ = ["Student", "StudentInfo"]

lib = _abi.lib
_KINDS = {_abi.ad_student_kind.AD_STUDENT_STFPM: "stfpm", _abi.ad_student_kind.AD_STUDENT_STFPM_UNET: "stfpm_unet",
          _abi.ad_student_kind.AD_STUDENT_AST: "ast", _abi.ad_student_kind.AD_STUDENT_MASKED_RD: "masked_rd"}


@dataclass(frozen=True)
class StudentInfo:
    """What a student is."""

    kind: str  #: "stfpm", "stfpm_unet", "ast" or "masked_rd"
    architecture: str  #: of teacher and student
    teacher_digest: str  #: identity of the teacher
    layers: Tuple[str, ...]  #: that it learns from, shallow to deep; of "ast" one, also where only depth is looked at
    parameter_count: int  #: trainable ones, of "ast" the flow's too
    epochs_trained: int  #: over its whole life, also before it was saved and loaded; of "ast" without the flow's
    seed: int  #: of its first parameters


class Student(Handle):
    """A network that learns to give its teacher's features on good images, for Stfpm ("stfpm"), the same with a small
    U-Net at every layer, for StfpmUnet ("stfpm_unet"), for Ast ("ast") two: a normalising flow over the teacher's
    features, depth or both, and a student that learns to give the flow's result, or for MaskedRd ("masked_rd") one that
    sees nothing but a ResNet's features through a bottleneck, and re-creates them. A new one has seeded random
    parameters; a fitter trains it.

    Args:
        teacher: the Backbone; kept.
        kind: "stfpm", "stfpm_unet", "ast" or "masked_rd".
        layers: "layer1,layer2,layer3" or a list, of "ast" one; None: the teacher's own choice. Those of "masked_rd" are
            layer1, layer2 and layer3 and no others: see levels.
        seed: of the parameters, default 0.
        unet_head: "none" or "conv1x1".  unet_depth: 1 or 2.  unet_convs: 1 or 2: of "stfpm_unet".
        mode: of "ast", like all to leaky: what is looked at: "rgb": features of the pixels, the default; "depth":
            the depth plane alone; "combi": features and depth.
        flow_blocks: couplings of the flow; default 4.  flow_hidden: channels within their networks; default 1024, with
            depth 64.  alpha: the largest scale of a coupling; default 3, with depth 1.9.
        student_blocks: residual blocks; default 4.  student_hidden: channels of the student; default 1024.
        positions: channels of the positional encoding, a multiple of 4; default 32.
        leaky: slope of the student's leaky ReLU; default 0.2.
        msff_out: of "masked_rd", like all to eval_mask: the fused maps are narrowed by a 1x1 convolution, "conv", the
            default, or stand one behind the other, "concat".
        sru, cru, simam: between fusion and embedding there is a spatial reconstruction unit, a channel reconstruction
            unit, SimAM's attention: True, the default, False.  scsatt: all three at once; the others change it.
        gate: of the SRU: "hard", the default, "soft".  gn_groups: of its normalisation; default 4.
        cru_softmax: "two_way", the default, "joint".
        fmm: generators behind masks: True, the default, or False: the decoder's maps are compared.  fmm_align: a 1x1
            convolution before each mask: True, the default, False.
        levels: which of the three maps are compared: "all", the default, "1" (layer1's alone), "2", "12", "3", "13",
            "23", "123".
        mask_rate: share of positions that a mask hides, default 0.2; 0: none; less than 1.
        eval_mask: "none", the default, or "seeded": images are scored behind masks too, always the same.
        preset: of "ast": "ast": the paper's text, the default; "ast_official": the authors' code: a slope of 0.01. Of
            "masked_rd": "masked_rd": the text, the default; "rd4ad": reverse distillation as its authors' code has it:
            msff_out="concat", scsatt and fmm False; "mrkd_flm": the same with generators behind masks, and fmm_align
            False. Other options change it.

    Threads: one at a time; others wait, also for a fitter that trains it. Raises InvalidArgumentError,
    UnsupportedError (a layer that cannot be trained; "masked_rd" of a teacher that is no ResNet)."""

    __slots__ = ("_teacher", "_turn")
    _destroy = lib.ad_student_destroy
    _instead = "save() it to a file, and load() it there"

    def __init__(self, teacher: Backbone, kind: str = "stfpm", *, layers: Union[str, Sequence[str], None] = None,
                 seed: Optional[int] = None, unet_head: Optional[str] = None, unet_depth: Optional[int] = None,
                 unet_convs: Optional[int] = None, mode: Optional[str] = None, flow_blocks: Optional[int] = None,
                 flow_hidden: Optional[int] = None, student_blocks: Optional[int] = None,
                 student_hidden: Optional[int] = None, positions: Optional[int] = None, alpha: Optional[float] = None,
                 leaky: Optional[float] = None, msff_out: Optional[str] = None, scsatt: Optional[bool] = None,
                 sru: Optional[bool] = None, cru: Optional[bool] = None, simam: Optional[bool] = None,
                 gate: Optional[str] = None, gn_groups: Optional[int] = None, cru_softmax: Optional[str] = None,
                 fmm: Optional[bool] = None, fmm_align: Optional[bool] = None, levels: Optional[str] = None,
                 mask_rate: Optional[float] = None, eval_mask: Optional[str] = None,
                 preset: Optional[str] = None) -> None:
        settings = {"kind": kind, "layers": layers, "seed": seed, "unet_head": unet_head, "unet_depth": unet_depth,
                    "unet_convs": unet_convs, "mode": mode, "flow_blocks": flow_blocks, "flow_hidden": flow_hidden,
                    "student_blocks": student_blocks, "student_hidden": student_hidden, "positions": positions,
                    "alpha": alpha, "leaky": leaky, "msff_out": msff_out, "scsatt": scsatt, "sru": sru, "cru": cru,
                    "simam": simam, "gate": gate, "gn_groups": gn_groups, "cru_softmax": cru_softmax, "fmm": fmm,
                    "fmm_align": fmm_align, "levels": levels, "mask_rate": mask_rate, "eval_mask": eval_mask,
                    "preset": preset}
        self._open(lib.ad_student_create_old, teacher, (), settings)

    @classmethod
    def load(cls, path: Path, teacher: Backbone, **options: Any) -> "Student":
        """Load a student that save() wrote, or the authors' own checkpoint of STFPM or AST as `adfeat convert` writes
        it, or of RD4AD (tensors "bn.*" and "decoder.*"), which takes kind="masked_rd", preset="rd4ad". Options, as of a
        new student, say what it is where the file does not. Raises FileError, FormatError, MismatchError (of another
        architecture), NumericError."""
        self = cls.__new__(cls)
        self._open(lib.ad_student_load_old, teacher, (path_bytes(path),), options)
        return self

    def _open(self, function: Any, teacher: Backbone, source: Tuple[Any, ...], settings: Dict[str, Any]) -> None:
        if not isinstance(teacher, Backbone):
            raise TypeError("teacher is of type %s, a Backbone is needed" % type(teacher).__name__)
        options = _abi.defaults(_abi.ad_student_options)
        texts = set_all(lib.ad_student_options_set, options, settings)
        out = _abi.c_void_p()
        pointer = teacher._borrow()
        try:
            # No options are not the same as defaults: then a file says what it holds.
            check(function(pointer, *source, _abi.byref(options) if texts else None, _abi.byref(out)))
        finally:
            teacher._give_back()
        del texts  # the struct has pointed to them until now
        Handle.__init__(self, out.value, teacher._parallel)
        self._teacher = teacher

    def _new_locks(self) -> None:
        super()._new_locks()
        self._turn = threading.RLock()  # held during C calls, the fitter's too; reentrant for their callbacks

    def save(self, path: Path) -> None:
        """Save all parameters and running statistics as one safetensors file, atomically; load() and go on training
        another day."""
        pointer = self._borrow()
        try:
            with self._turn:
                check(lib.ad_student_save(pointer, path_bytes(path)))
        finally:
            self._give_back()

    @property
    def teacher(self) -> Backbone:
        """The backbone that it learns from."""
        return self._teacher

    @property
    def info(self) -> StudentInfo:
        """What the library says of it, in one go."""
        info = _abi.sized(_abi.ad_student_info)
        pointer = self._borrow()
        try:
            with self._turn:
                check(lib.ad_student_get_info(pointer, _abi.byref(info)))
                return StudentInfo(_KINDS[info.kind], text(info.architecture), text(info.teacher_digest),
                                   tuple(text(info.layers).split(",")), info.parameter_count, info.epochs_trained,
                                   info.seed)
        finally:
            self._give_back()

    @property
    def kind(self) -> str:
        """ "stfpm", "stfpm_unet", "ast" or "masked_rd"."""
        return self.info.kind

    def __repr__(self) -> str:
        if self.closed:
            return "<Student, closed>"
        info = self.info
        return "<Student %s of %s, %d epochs>" % (info.kind, info.architecture, info.epochs_trained)
