"""The C library: what its header declares (_abi.py, _enums.py), and the loading.

Only this file and _abi.py use ctypes. `lib` is the loaded library; its functions know their types.
ctypes releases the GIL around every call."""
from __future__ import annotations

import ctypes
import os
from ctypes import Structure, c_uint32
from ctypes import byref as byref, sizeof as sizeof  # for the other files
from ctypes import c_char_p as c_char_p, c_double as c_double, c_float as c_float
from ctypes import c_int32 as c_int32, c_int64 as c_int64, c_void_p as c_void_p
from typing import Any, Tuple, Type, TypeVar

from ._abi import *  # noqa: F403  # for the other files
from ._abi import AD_VERSION_MAJOR, AD_VERSION_MINOR, FUNCTIONS
from ._enums import *  # noqa: F403
from ._find import SONAME, damage, places
from .errors import LibraryError


def note(value: bytes) -> str:
    """A text in a struct; a long one may have been cut inside a character."""
    return value.decode("utf-8", "replace")


AnyStruct = TypeVar("AnyStruct", bound=Structure)


def sized(kind: Type[AnyStruct]) -> AnyStruct:
    """A zeroed struct whose struct_size is set."""
    return kind(sizeof(kind))


def defaults(kind: Type[AnyStruct]) -> AnyStruct:
    """An options struct as its init function fills it."""
    options = kind()
    getattr(lib, kind.__name__ + "_init")(byref(options), sizeof(kind))
    return options


def array_of(kind: Any, items: Any) -> Any:
    """A C array of the items."""
    return (kind * len(items))(*items)


ABI_VERSION = AD_VERSION_MAJOR * 1000 + AD_VERSION_MINOR
"""What ad_abi_version() must answer: the structs of _abi.py are those of this version."""


def _version_text(abi: int) -> str:
    return "%d.%d" % divmod(abi, 1000)


def _declare(library: ctypes.CDLL, path: str) -> ctypes.CDLL:
    """Check the version before anything else is believed of a library, then tell ctypes the types."""
    try:
        version = library.ad_abi_version
    except AttributeError:
        raise LibraryError("'%s' is not libadfeat: it has no ad_abi_version()" % path) from None
    version.restype, version.argtypes = c_uint32, []
    if version() != ABI_VERSION:
        raise LibraryError("'%s' has ABI version %s, these Python bindings need %s"
                           % (path, _version_text(version()), _version_text(ABI_VERSION)))
    for name, (restype, argtypes) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryError("'%s' has no %s(), which these Python bindings call: it is older than "
                               "they are" % (path, name)) from None
        function.restype, function.argtypes = restype, argtypes
    return library


def load() -> Tuple[ctypes.CDLL, str]:
    """The first library found and its path; see _find.py for the order. One that is found and does
    not fit is an error: a library that was asked for is not passed over in silence."""
    missing = []
    for place in places():
        by_name = os.sep not in place.path
        if by_name or os.path.exists(place.path):
            try:
                problem = None if by_name else damage(place.path)
                if problem:
                    raise OSError(problem)
                return _declare(ctypes.CDLL(place.path), place.path), place.path
            except OSError as error:
                # The loader says "NAME: cannot open ...: No such file ..." both of what it was asked
                # for and of what that needs; only the first means that the library is not there.
                if not (by_name and str(error).startswith(place.path + ":")):
                    raise LibraryError("cannot load '%s': %s" % (place.path, error)) from None
        missing.append("%s (%s)" % (place.origin, place.path))
    raise LibraryError("%s was not found; looked in: %s; install libadfeat, build it (cmake --preset "
                       "release, cmake --build --preset release) or set ADFEAT_LIBRARY to its path"
                       % (SONAME, ", ".join(missing)))


lib, library_path = load()
