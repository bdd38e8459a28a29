"""Device and threads of everything made from a context."""
from __future__ import annotations

import logging
import threading
from typing import Any, List, Optional, Tuple

from . import _c
from ._handle import Handle, check, expect, int32, text_bytes
from .errors import InvalidArgumentError

__all__ = ["Context", "default_context", "devices"]

lib = _c.lib
_logger = logging.getLogger("adfeat")


@_c.ad_log_callback
def _log(user: Any, level: int, line: bytes) -> None:
    # One for all contexts and for ever: what was made from a context may log after it was closed.
    _logger.log(logging.WARNING if level == _c.ad_log_level.AD_LOG_WARNING else logging.DEBUG, "%s",
                line.decode("utf-8", "replace"))


class Context(Handle):
    """Device and threads. Everything made without a context shares one with the defaults.

    Args:
        threads: threads that one call may use, 1 to 256; 0: one to a core, or $OMP_NUM_THREADS. Scores do not depend on it.
        device: "auto" (the CPU), "cpu", "cuda" or "cuda:N": a GPU, or "ref": plain loops, slow, the specification of the
            others. A GPU needs the module libadfeat-cuda.so and a driver; devices() tells which there are.
        precision: of a GPU: "exact", scores within 1e-4 of the CPU's, or "fast" (TF32), within 2e-3.
        memory_limit: bytes that all that is made from it may hold at once; 0: no limit. More raises OutOfMemoryError
            with both numbers, before it is asked for.
        max_side, max_pixels, max_file_bytes: of files with images, masks or depth; 0: 2**20, 2**28 and 2**30, which are
            the most. Larger ones raise ShapeError, or of more bytes FormatError, before they are decoded.

    Threads: any number may use it at once. What the library has to say (files skipped in a folder, options that
    contradict a file) goes to the logger "adfeat".
    Fork: a forked child may use what was made before, if no other thread of its parent was in a call meanwhile; it makes
    threads of its own."""

    __slots__ = ("_what",)
    _destroy = lib.ad_context_destroy
    _instead = "make one there"

    def __init__(self, threads: int = 0, device: str = "auto", memory_limit: int = 0, *,
                 precision: str = "exact", max_side: int = 0, max_pixels: int = 0, max_file_bytes: int = 0) -> None:
        options = _c.defaults(_c.ad_context_options)
        options.num_threads = int32(threads, "threads")
        if not 0 <= threads <= 256:
            raise InvalidArgumentError("threads is %d, 0 to 256 is possible" % threads)
        if not 0 <= memory_limit < 1 << 64:
            raise ValueError(f"memory_limit is {memory_limit}, bytes from 0 on are possible")
        options.memory_limit = memory_limit
        for key, value in (("max_side", max_side), ("max_pixels", max_pixels), ("max_file_bytes", max_file_bytes)):
            if not -(1 << 63) <= value < 1 << 63:
                raise ValueError(f"{key} is {value}, which is no 64-bit number")
            setattr(options, key, value)
        if precision not in ("exact", "fast"):
            raise InvalidArgumentError("precision is %r, 'exact' and 'fast' are possible" % (precision,))
        options.precision = int(precision == "fast")
        name = text_bytes(device)
        options.device = name
        options.log = _log
        out = _c.c_void_p()
        check(lib.ad_context_create(_c.byref(options), _c.byref(out)))
        super().__init__(out.value, parallel=threads != 1)
        self._what = "%s, threads %s" % (device, threads or "by default")

    def __repr__(self) -> str:
        return "<Context, closed>" if self.closed else "<Context %s>" % self._what


def devices() -> List[Tuple[str, str, int]]:
    """The GPUs of this machine: what Context(device=...) takes, a name, and the bytes of memory. Raises BackendError,
    which says why, where there can be none: no module, no driver."""
    count = _c.c_int32()
    check(lib.ad_device_count(_c.byref(count)))
    found = []
    for index in range(count.value):
        info = _c.sized(_c.ad_device_info)
        check(lib.ad_device_get_info(index, _c.byref(info)))
        found.append(("cuda:%d" % index, info.name.decode(), info.total_bytes))
    return found


_default: Optional[Context] = None
_default_guard = threading.Lock()


def default_context(given: Optional[Context] = None) -> Context:
    """The context that was given, or that of everything that was made without one, which this package never closes."""
    global _default
    if given is not None:
        return expect(given, Context, "context")
    context = _default
    if context is None or context.closed:
        with _default_guard:
            if _default is None or _default.closed:
                _default = Context()
            context = _default
    return context
