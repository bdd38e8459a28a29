"""What all objects of the C library share: they are destroyed once, and never while a call uses them."""
from __future__ import annotations

import operator
import os
import threading
import weakref
from typing import Any, ClassVar, Optional, Type, TypeVar, Union

from . import _c
from .errors import ClosedError, Error, StateError, from_status

lib = _c.lib
Path = Union[str, "os.PathLike[str]"]
Self = TypeVar("Self", bound="Handle")

_alive: "weakref.WeakSet[Handle]" = weakref.WeakSet()


def failure(status: int) -> Error:
    """The exception for a call that just failed on this thread: the sentence is thread-local."""
    return from_status(status, (lib.ad_last_error_message() or b"").decode("utf-8", "replace"))


def check(status: int) -> None:
    if status:
        raise failure(status)


def path_bytes(path: Path) -> bytes:
    """A path for C. One with a NUL would be cut there."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError("a path is of type %s: str or os.PathLike is needed" % type(path).__name__)
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("the path %r contains a NUL" % (path,))
    return encoded


def text_bytes(text: str) -> bytes:
    if not isinstance(text, str):
        raise TypeError("a text is of type %s: str is needed" % type(text).__name__)
    encoded = text.encode("utf-8")
    if b"\0" in encoded:
        raise ValueError("the text %r contains a NUL" % (text,))
    return encoded


def int32(value: int, name: str) -> int:
    """A whole number that a C int32_t holds: ctypes would wrap another silently. C checks the range that it wants."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError("%s is of type %s: a whole number is needed" % (name, type(value).__name__)) from None
    if not -2**31 <= number < 2**31:
        raise ValueError("%s is %d, more than a 32-bit number holds" % (name, number))
    return number


Kind = TypeVar("Kind")


def expect(value: Any, kind: Type[Kind], name: str) -> Kind:
    """The argument of that name, where it is of the class that it must be."""
    if not isinstance(value, kind):
        raise TypeError("%s is of type %s, a %s is needed" % (name, type(value).__name__, kind.__name__))
    return value


def text(value: Optional[bytes]) -> str:
    """A C string that may hold a path: what os.fsencode() gave comes back as it was."""
    return os.fsdecode(value) if value else ""


class Handle:
    """An object of the C library. Closed by close(), at the end of a `with` block, or when it is collected.

    Closing is safe while other threads are inside calls with the object: it is destroyed when the last of them has
    returned, and every later call raises ClosedError."""

    __slots__ = ("_pointer", "_parallel", "_users", "_closed", "_guard", "__weakref__")

    _destroy: ClassVar[Any]  # the C function; a ctypes function does not bind
    _instead: ClassVar[str] = "make it there"  # of what pickle and copy cannot do

    def __init__(self, pointer: Any, parallel: bool) -> None:
        self._pointer = pointer
        self._parallel = parallel  # calls may use several threads
        self._users = 0
        self._closed = False
        self._new_locks()
        _alive.add(self)

    def _new_locks(self) -> None:
        # Reentrant: a signal handler may close what the interrupted code is about to use.
        self._guard = threading.RLock()

    def _borrow(self) -> Any:
        """The C pointer, which stays valid until _give_back()."""
        with self._guard:
            if self._closed:
                raise ClosedError("%s is closed" % type(self).__name__)
            self._users += 1
            return self._pointer

    _borrow_to_compute = _borrow

    def _give_back(self) -> None:
        with self._guard:
            self._users -= 1
            if not self._closed or self._users > 0:
                return
            pointer, self._pointer = self._pointer, None
        if pointer:
            self._destroy(pointer)

    def close(self) -> None:
        """Release the C object. Harmless when it is closed already."""
        with self._guard:
            self._closed = True
            if self._users > 0:
                return
            pointer, self._pointer = self._pointer, None
        if pointer:
            self._destroy(pointer)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def __enter__(self: Self) -> Self:
        if self._closed:
            raise ClosedError("%s is closed" % type(self).__name__)
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __del__(self) -> None:
        # No lock: nobody else can have the object any more. An object whose __init__ failed has no pointer, and at
        # the interpreter's end anything may be gone: the process' memory is about to be.
        try:
            pointer, self._pointer = self._pointer, None
            if pointer:
                self._destroy(pointer)
        except Exception:
            pass

    def __reduce__(self) -> Any:
        raise TypeError("a %s cannot be pickled or copied: %s; threads may share this one"
                        % (type(self).__name__, self._instead))


def _after_fork_in_child() -> None:
    """A lock that another thread held while the process forked would stay locked in the child for ever."""
    for handle in list(_alive):
        handle._new_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
