"""numpy's .npz archives, read without numpy: .npy members of numbers, stored or deflated."""
from __future__ import annotations

import re
import typing
import zipfile

from .tensors import ITEM, Refused, Source, Tensor, add_tensor, c_strides, room_for, strided_bytes

DTYPES = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "<i8": "I64", "<i4": "I32", "<i2": "I16", "|i1": "I8",
          "|u1": "U8", "|b1": "BOOL"}
MAX_HEADER = 10000  # numpy's own limit
HEADER = re.compile(r"\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9L, ]*)\), *\} *\n?")


def open_zip(file: typing.BinaryIO) -> zipfile.ZipFile:
    """With every name once: which of two members counts depends on who reads."""
    archive = zipfile.ZipFile(file)
    seen: set[str] = set()
    for name in archive.namelist():
        if name in seen:
            raise Refused("has two members '%.80s'" % name)
        seen.add(name)
    return archive


def is_npz(archive: zipfile.ZipFile) -> bool:
    names = archive.namelist()
    return bool(names) and all(n.endswith(".npy") for n in names)


def read_npz(archive: zipfile.ZipFile, file_size: int) -> Source:
    total = sum(info.file_size for info in archive.infolist())
    if total > room_for(file_size):
        raise Refused("unfolds to %d bytes from a file of %d, more than the %d that can be meant"
                      % (total, file_size, room_for(file_size)))
    tensors: dict[str, Tensor] = {}
    for info in archive.infolist():
        name = info.filename[:-len(".npy")]
        add_tensor(tensors, name, read_npy(archive, info, name))
    return Source("NumPy archive", tensors, {}, [])


def read_npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Tensor:
    with archive.open(info) as file:
        start = file.read(8)
        if start[:6] != b"\x93NUMPY" or start[6:7] not in (b"\1", b"\2", b"\3"):
            raise Refused("has a member '%.80s' that is no array" % info.filename)
        width = 2 if start[6] == 1 else 4
        length = int.from_bytes(file.read(width), "little")
        if length > MAX_HEADER:
            raise Refused("has an array '%.80s' with a header of %d bytes" % (name, length))
        header = file.read(length)
    skip = 8 + width + length
    match = HEADER.fullmatch(header.decode("latin-1"))
    if match is None:
        raise Refused("has an array '%.80s' that is not of numbers" % name)
    descr, fortran, sizes = match.groups()
    if descr not in DTYPES:
        raise Refused("has an array '%.80s' of type '%.16s', which is %s" % (
            name, descr, "Python objects in a pickle" if "O" in descr else "not supported"))
    shape = tuple(parse_size(name, n) for n in sizes.split(",") if n.strip())
    dtype = DTYPES[descr]
    tensor = Tensor(dtype, shape, lambda: b"")
    if tensor.bytes != info.file_size - skip:
        raise Refused("has an array '%.80s' of %d bytes where its shape takes %d"
                      % (name, info.file_size - skip, tensor.bytes))
    strides = c_strides(shape) if fortran == "False" else tuple(reversed(c_strides(shape[::-1])))

    def read() -> bytes:
        return strided_bytes(archive.read(info)[skip:], ITEM[dtype], 0, shape, strides, name)

    return tensor._replace(read=read)


def parse_size(name: str, text: str) -> int:
    digits = text.strip().rstrip("L")  # as Python 2 wrote it
    if not digits.isdigit() or len(digits) > 18:
        raise Refused("has an array '%.80s' with a malformed shape" % name)
    return int(digits)
