"""Temporary files, named and locked as libadfeat's own (lib/core/leftover.c), so that what a killed process left is
removed by whichever of the two saves there next."""
from __future__ import annotations

import fcntl
import os
import re
import stat
import time

NAME = re.compile(r"\.adfeat-[0-9a-f]{16}\.tmp")
MAX_ENTRIES = 1000000
DAY = 24 * 60 * 60
# Where a lock is seen by all who write there
LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "f2fs", "vfat", "msdos", "exfat", "overlay", "zfs"}


def lock(fd: int) -> str:
    """"taken", "held" by another, or "none" where there are no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "held"
    except OSError:
        return "none"
    return "taken"


def is_that_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def create(folder: str) -> tuple[int, str]:
    """A new file that is locked while its descriptor is open, and its name."""
    while True:
        name = os.path.join(folder, ".adfeat-%s.tmp" % os.urandom(8).hex())
        try:
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
        state = lock(fd)
        if state == "none" or (state == "taken" and is_that_file(fd, name)):
            return fd, name
        os.close(fd)  # another process took it for a leftover


def is_local(device: int) -> bool:
    wanted = "%d:%d" % (os.major(device), os.minor(device))
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return False
    return any(m[2] == wanted and m[m.index("-") + 1] in LOCAL for m in mounts if len(m) > 4 and "-" in m[:-1])


def remove_left(folder: str) -> None:
    """What cannot be looked at or removed stays."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for _, e in zip(range(MAX_ENTRIES), entries) if NAME.fullmatch(e.name)]
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            status, state = os.fstat(fd), lock(fd)
            old = status.st_mtime < time.time() - DAY
            if (stat.S_ISREG(status.st_mode) and state != "held" and (old or (state == "taken" and is_local(status.st_dev)))
                    and is_that_file(fd, path)):
                os.unlink(path)
        except OSError:
            pass
        finally:
            os.close(fd)
