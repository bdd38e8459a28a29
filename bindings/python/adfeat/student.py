"""Students: the trainable networks of a student-teacher method."""
from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Optional, Tuple, overload

from . import _c
from ._handle import Handle, Path, check, path_bytes, text, text_bytes
from ._options import joined
from .backbone import Backbone

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import method_options as of

__all__ = ["Student", "StudentInfo"]

lib = _c.lib


@dataclass(frozen=True)
class StudentInfo:
    """What a student is."""

    method: str  #: "stfpm", "stfpm_unet", "ast" or "masked_rd"
    architecture: str  #: of teacher and student
    teacher_digest: str  #: identity of the teacher
    #: that it learns from, shallow to deep; of "ast" one, also where only depth is looked at
    layers: Tuple[str, ...]
    parameter_count: int  #: trainable ones, of "ast" the flow's too
    #: over its whole life, also before it was saved and loaded; of "ast" without the flow's
    epochs_trained: int
    seed: int  #: of its first parameters


class Student(Handle):
    """The networks that a student-teacher method trains, with seeded random parameters at first. A
    Fitter makes one of its own, or trains this one.

    Args:
        teacher: the Backbone; kept.
        method: "stfpm", "stfpm_unet", "ast" or "masked_rd".
        options: those of the method that say what a student is: adfeat.methods() names them with
            the part "student". None is the default; the C library checks them.

    Threads: one at a time; others wait, also for a fitter that trains it. Raises
    InvalidArgumentError, UnsupportedError (a layer that cannot be trained; "masked_rd" of a teacher
    that is no ResNet)."""

    __slots__ = ("_teacher", "_turn")
    _destroy = lib.ad_student_destroy
    _instead = "save() it to a file, and load() it there"

    # Overloads of Student, written by python3 bindings/python/make_options.py:
    @overload
    def __init__(self, teacher: Backbone, method: Literal["stfpm"] = "stfpm",
                 **options: Unpack[of.StfpmStudentOptions]) -> None: ...
    @overload
    def __init__(self, teacher: Backbone, method: Literal["stfpm_unet"],
                 **options: Unpack[of.StfpmUnetStudentOptions]) -> None: ...
    @overload
    def __init__(self, teacher: Backbone, method: Literal["ast"],
                 **options: Unpack[of.AstStudentOptions]) -> None: ...
    @overload
    def __init__(self, teacher: Backbone, method: Literal["masked_rd"],
                 **options: Unpack[of.MaskedRdStudentOptions]) -> None: ...
    # to here
    def __init__(self, teacher: Backbone, method: str = "stfpm", **options: Any) -> None:
        name, settings = text_bytes(method), joined(options)
        self._open(teacher,
                   lambda pointer, out: lib.ad_student_create(pointer, name, settings, out))

    # Overloads of Student.load, written by python3 bindings/python/make_options.py:
    @overload
    @classmethod
    def load(cls, path: Path, teacher: Backbone, method: Literal["stfpm"],
             **options: Unpack[of.StfpmStudentOptions]) -> "Student": ...
    @overload
    @classmethod
    def load(cls, path: Path, teacher: Backbone, method: Literal["stfpm_unet"],
             **options: Unpack[of.StfpmUnetStudentOptions]) -> "Student": ...
    @overload
    @classmethod
    def load(cls, path: Path, teacher: Backbone, method: Literal["ast"],
             **options: Unpack[of.AstStudentOptions]) -> "Student": ...
    @overload
    @classmethod
    def load(cls, path: Path, teacher: Backbone, method: Literal["masked_rd"],
             **options: Unpack[of.MaskedRdStudentOptions]) -> "Student": ...
    @overload
    @classmethod
    def load(cls, path: Path, teacher: Backbone, method: None = None,
             **options: Unpack[of.AnyStudentOptions]) -> "Student": ...
    # to here
    @classmethod
    def load(cls, path: Path, teacher: Backbone, method: Optional[str] = None,
             **options: Any) -> "Student":
        """Load a student that save() wrote, or the authors' own checkpoint of STFPM or AST as
        `adfeat convert` writes it, or of RD4AD (tensors "bn.*" and "decoder.*"), which takes
        method="masked_rd", preset="rd4ad". Options, as of a new student, say what it is; what they
        leave open is as the file says. Raises FileError, FormatError, MismatchError (of another
        architecture, or not what method and options say), NumericError."""
        self = cls.__new__(cls)
        name = None if method is None else text_bytes(method)
        file, settings = path_bytes(path), joined(options)
        self._open(teacher,
                   lambda pointer, out: lib.ad_student_load(pointer, file, name, settings, out))
        return self

    @classmethod
    def _wrap(cls, pointer: Any, teacher: Backbone) -> "Student":
        """Own a reference of the C library."""
        self = cls.__new__(cls)
        Handle.__init__(self, pointer, teacher._parallel)
        self._teacher = teacher
        return self

    def _open(self, teacher: Backbone, make: Any) -> None:
        if not isinstance(teacher, Backbone):
            raise TypeError("teacher is of type %s, a Backbone is needed" % type(teacher).__name__)
        out = _c.c_void_p()
        pointer = teacher._borrow()
        try:
            check(make(pointer, _c.byref(out)))
        finally:
            teacher._give_back()
        Handle.__init__(self, out.value, teacher._parallel)
        self._teacher = teacher

    def _new_locks(self) -> None:
        super()._new_locks()
        # Held during C calls, the fitter's too; reentrant for their callbacks.
        self._turn = threading.RLock()

    def save(self, path: Path) -> None:
        """Save all parameters and running statistics as one safetensors file, atomically; load() it
        and go on training another day."""
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
        info = _c.sized(_c.ad_student_info)
        pointer = self._borrow()
        try:
            with self._turn:
                check(lib.ad_student_get_info(pointer, _c.byref(info)))
                return StudentInfo(text(info.method), text(info.architecture), text(info.teacher_digest),
                                   tuple(text(info.layers).split(",")), info.parameter_count,
                                   info.epochs_trained, info.seed)
        finally:
            self._give_back()

    @property
    def method(self) -> str:
        """ "stfpm", "stfpm_unet", "ast" or "masked_rd"."""
        return self.info.method

    def __repr__(self) -> str:
        if self.closed:
            return "<Student, closed>"
        info = self.info
        return "<Student %s of %s, %d epochs>" % (info.method, info.architecture,
                                                  info.epochs_trained)
