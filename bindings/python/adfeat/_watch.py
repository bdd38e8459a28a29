"""Long C calls seen from Python: progress, exceptions out of callbacks, and Ctrl-C."""
from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any, Callable, Iterator, List, Optional, TypeVar

from . import _c
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


def watched(progress: Optional[Progress], call: Callable[..., Result],
            train: Optional[Callable[[Any], Any]] = None) -> Result:
    """call(callback), where C calls the callback between images. An exception that progress(fraction) raises ends the
    call and comes out as it is; a true value ends it with Cancelled; Ctrl-C ends it with KeyboardInterrupt. With
    train, which is given the struct of a training's progress, call(callback, its callback)."""
    raised: List[BaseException] = []
    with _held_interrupts() as pending:

        def stops(function: Optional[Callable[[Any], Any]], value: Any) -> int:
            try:
                return 1 if pending or (function is not None and function(value)) else 0
            except BaseException as error:
                raised.append(error)
                return 1

        callbacks = [_c.ad_progress_callback(lambda user, fraction: stops(progress, fraction))]
        if train is not None:
            callbacks.append(_c.ad_train_callback(lambda user, state: stops(train, state.contents)))
        try:
            result = call(*callbacks)
        except Error:
            if not raised:
                raise
    if raised:
        raise raised.pop()
    return result
