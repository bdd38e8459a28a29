"""Where libadfeat may be. Nothing is opened here: _c.py does that."""
from __future__ import annotations

import json
import os
import struct
import sys
import sysconfig
from typing import Iterator, List, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

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


def _prefix_folders() -> Iterator[Place]:
    multiarch = sysconfig.get_config_var("MULTIARCH")
    origins = {"/usr/local": "the usual prefix", sys.base_prefix: "the Python installation",
               sys.prefix: "the Python installation"}
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix, "/usr/local")):
        for folder in ("lib", "lib64", os.path.join("lib", multiarch or "")):
            if folder != os.path.join("lib", ""):
                yield Place(os.path.join(prefix, folder, SONAME), origins[prefix])


def _pkg_config_folders() -> Iterator[str]:
    """What pkg-config would say, without running it: adfeat.pc lies in a folder beside the library."""
    for folder in os.environ.get("PKG_CONFIG_PATH", "").split(os.pathsep):
        if folder and os.path.isfile(os.path.join(folder, "adfeat.pc")):
            yield os.path.abspath(os.path.join(folder, os.pardir))


def _pip_checkout(package: str) -> Optional[str]:
    """The checkout that pip installed this package from. pip notes that beside what it installs, on the machine where
    it does (PEP 610), so that a wheel names no path of the machine where it was built."""
    from importlib import metadata

    try:
        distribution = metadata.distribution("adfeat")
        if not os.path.samefile(str(distribution.locate_file("adfeat")), package):
            return None  # of another copy
        note = json.loads(distribution.read_text("direct_url.json") or "{}")
        url = urlsplit(note["url"]) if "dir_info" in note else None
    except (metadata.PackageNotFoundError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return os.path.dirname(os.path.dirname(unquote(url.path).rstrip("/"))) if url and url.scheme == "file" else None


def places() -> Iterator[Place]:
    """Every place, in the order in which they are tried."""
    if os.environ.get("ADFEAT_LIBRARY"):
        yield Place(os.path.abspath(os.environ["ADFEAT_LIBRARY"]), "$ADFEAT_LIBRARY")
        return
    yield Place(SONAME, "the system's loader")
    yield from _prefix_folders()
    for folder in _pkg_config_folders():
        yield Place(os.path.join(folder, SONAME), "$PKG_CONFIG_PATH")
    try:
        from ._installed import FOLDERS  # setup.py writes it into the wheel, where it was told to
    except ImportError:
        FOLDERS = []
    for folder in FOLDERS:
        yield Place(os.path.join(folder, SONAME), "what was said when it was installed")
    package = os.path.dirname(os.path.abspath(__file__))
    for checkout in (_pip_checkout(package), os.path.abspath(os.path.join(package, *[os.pardir] * 3))):
        for folder in build_folders(checkout) if checkout else []:
            yield Place(os.path.join(folder, SONAME), "the checkout's build tree")
