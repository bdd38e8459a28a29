"""Long C calls seen from Python: progress, exceptions out of callbacks, and Ctrl-C."""
from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any, Callable, Iterator, List, Optional, TypeVar

from . import _abi
from .errors import Error

Progress = Callable[[float], Optional[bool]]
Result = TypeVar("Result")


@contextlib.contextmanager
def _held_interrupts() -> Iterator[List[Any]]:
    """Collect Ctrl-C instead of raising it. Python would raise it at the first line of the callback, before any `try`
    there, and ctypes would print it and go on."""
    pending: List[Any] = []
    if threading.current_thread() is not threading.main_thread() \
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pending  # not ours to touch
        return
    signal.signal(signal.SIGINT, lambda *arguments: pending.append(arguments))
    try:
        yield pending
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if pending:
            signal.default_int_handler(*pending[0])


def watched(progress: Optional[Progress], call: Callable[[Any], Result]) -> Result:
    """call(callback), where C calls the callback between images. An exception that progress(fraction) raises ends the
    call and comes out as it is; a true value ends it with Cancelled; Ctrl-C ends it with KeyboardInterrupt."""
    raised: List[BaseException] = []
    with _held_interrupts() as pending:

        @_abi.ad_progress_callback
        def step(user: Any, fraction: float) -> int:
            try:
                return 1 if pending or (progress is not None and progress(fraction)) else 0
            except BaseException as error:
                raised.append(error)
                return 1

        try:
            result = call(step)
        except Error:
            if not raised:
                raise
    if raised:
        raise raised.pop()
    return result
