"""Where libadfeat may be. Nothing is opened here: _abi.py does that."""
from __future__ import annotations

import os
import struct
import sys
import sysconfig
from typing import Iterator, List, NamedTuple, Optional

from ._version import VERSION

SONAME = "libadfeat.so." + ".".join(VERSION.split(".")[:2])


class Place(NamedTuple):
    """A file to load, or a bare name for the system's loader; and how to call it in a sentence."""

    path: str
    origin: str


def damage(path: str) -> Optional[str]:
    """What the system's loader would crash on rather than refuse: it maps segments beyond the end of a cut file.
    None where nothing is wrong, and for what is no 64-bit ELF file, which the loader judges well."""
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:5] != b"\x7fELF\x02":
            return None
        order = ">" if head[5] == 2 else "<"
        table, = struct.unpack_from(order + "Q", head, 32)
        entry, count = struct.unpack_from(order + "HH", head, 54)
        size = os.fstat(file.fileno()).st_size
        file.seek(table)
        segments = file.read(entry * count)
        ends = [table + entry * count]
        for at in range(0, len(segments) - 55, max(entry, 56)):
            _, _, offset, _, _, length = struct.unpack_from(order + "IIQQQQ", segments, at)
            ends.append(offset + length)
    return "the file ends at byte %d, its contents at %d" % (size, max(ends)) if max(ends) > size else None


def build_folders(checkout: str) -> List[str]:
    """Folders of a source checkout that a build may have put the library into; [] where it is no checkout."""
    if not os.path.isfile(os.path.join(checkout, "include", "adfeat.h")):
        return []
    builds = [os.path.join(checkout, "build", preset) for preset in ("release", "dev")]
    if os.environ.get("ADFEAT_BUILD_DIR"):
        builds.insert(0, os.path.abspath(os.environ["ADFEAT_BUILD_DIR"]))
    return [os.path.join(build, "lib") for build in builds]


def _prefix_folders() -> Iterator[str]:
    multiarch = sysconfig.get_config_var("MULTIARCH")
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
        yield os.path.join(prefix, "lib")
        yield os.path.join(prefix, "lib64")
        if multiarch:
            yield os.path.join(prefix, "lib", multiarch)


def places() -> Iterator[Place]:
    """Every place, in the order in which they are tried."""
    if os.environ.get("ADFEAT_LIBRARY"):
        yield Place(os.path.abspath(os.environ["ADFEAT_LIBRARY"]), "$ADFEAT_LIBRARY")
        return
    yield Place(SONAME, "the system's loader")
    for folder in _prefix_folders():
        yield Place(os.path.join(folder, SONAME), "the Python installation")
    try:
        from ._installed import BUILD_FOLDERS, PKG_CONFIG_FOLDERS  # written by setup.py into the wheel alone
    except ImportError:
        BUILD_FOLDERS, PKG_CONFIG_FOLDERS = [], []
    for folder in PKG_CONFIG_FOLDERS:
        yield Place(os.path.join(folder, SONAME), "pkg-config")
    for folder in BUILD_FOLDERS:
        yield Place(os.path.join(folder, SONAME), "the build tree")
    checkout = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3))
    for folder in build_folders(checkout):
        yield Place(os.path.join(folder, SONAME), "the checkout's build tree")
