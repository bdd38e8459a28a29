"""Exceptions: one class for every status of the C library, each of them also the builtin that fits it."""
from __future__ import annotations

import contextlib
from typing import Dict, Iterator, Optional, Type

__all__ = ["BackendError", "Cancelled", "ClosedError", "Error", "FileError", "FormatError", "InvalidArgumentError",
           "LibraryError", "MismatchError", "NumericError", "OutOfMemoryError", "ShapeError", "StateError",
           "UnsupportedError"]


class Error(Exception):
    """What every failure of the library raises. `str(error)` is the library's one sentence. What is no image at all, or
    no option, never reaches it: that is a TypeError or ValueError.

    Attributes:
        message: that sentence.
        status: the C library's ad_status as a number; None for failures that never reached it.
    """

    status: Optional[int] = None

    @property
    def message(self) -> str:
        """The sentence."""
        return str(self)


class LibraryError(Error, ImportError):
    """libadfeat was not found, cannot be loaded, or is of another ABI version than these bindings."""


class InvalidArgumentError(Error, ValueError):
    """An option, size or name that the call does not take."""

    status = 1


class OutOfMemoryError(Error, MemoryError):
    """The C library's allocator returned nothing, or a memory limit would be passed."""

    status = 2


class FileError(Error, OSError):
    """A file could not be opened, read or written."""

    status = 3


class FormatError(Error, ValueError):
    """A file is malformed, truncated or damaged."""

    status = 4


class MismatchError(Error, ValueError):
    """Weights, backbone or scorer that do not belong together."""

    status = 5


class ShapeError(Error, ValueError):
    """An image or map of an impossible size."""

    status = 6


class UnsupportedError(Error, NotImplementedError):
    """Well-formed, but not something that this build or object does."""

    status = 7


class NumericError(Error, ArithmeticError):
    """NaN, infinity or a singular matrix."""

    status = 8


class StateError(Error, RuntimeError):
    """The object is not in a state that allows the call."""

    status = 9


class Cancelled(Error, RuntimeError):
    """A progress callback asked to stop."""

    status = 10


class BackendError(Error, RuntimeError):
    """A compute backend failed or does not exist."""

    status = 11


class ClosedError(Error, ValueError):
    """The object was closed, and is used again."""


_BY_STATUS: Dict[int, Type[Error]] = {
    cls.status: cls
    for cls in (InvalidArgumentError, OutOfMemoryError, FileError, FormatError, MismatchError, ShapeError,
                UnsupportedError, NumericError, StateError, Cancelled, BackendError)
    if cls.status is not None
}


def from_status(status: int, message: str) -> Error:
    """The exception for a status and its sentence. A status that is newer than these bindings is a plain Error."""
    error = _BY_STATUS.get(status, Error)(message)
    error.status = status
    return error


@contextlib.contextmanager
def naming(index: int) -> Iterator[None]:
    """What is refused within says which image of several it was."""
    try:
        yield
    except (Error, TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError) or (isinstance(error, Error) and not isinstance(error, ClosedError)):
            error.args = ("image %d: %s" % (index, error),)
        raise
