"""The safetensors container, read and written: 8-byte little-endian header length, JSON header, raw tensors.
The reader takes what libadfeat's takes and refuses the rest in the same words."""
from __future__ import annotations

import json
import os
import typing
import zlib

from . import temporary
from .tensors import ITEM, MAX_BYTES, MAX_TENSORS, Refused, Source, Tensor, add_tensor, is_size

MAX_HEADER = 16 << 20
CRC_KEY = "adfeat.crc32"


def looks_like(data: bytes) -> bool:
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= MAX_HEADER


# ---- Reading ---------------------------------------------------------------------------------------

def once(pairs: list[tuple[str, object]]) -> dict:
    result: dict[str, object] = {}
    for name, value in pairs:
        if name in result:
            raise Refused("has '%.80s' twice in its header" % name)
        result[name] = value
    return result


def parse_integer(text: str) -> int:
    if len(text) > 19:
        raise Refused("has a number of %d digits in its header" % len(text))
    return int(text)


def refuse_number(text: str) -> typing.NoReturn:
    raise Refused("has a number '%.32s' in its header that is no size" % text)


def read(data: bytes) -> Source:
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise Refused("has a header of %d bytes in a file of %d" % (length, len(data)))
    text = data[8:8 + length]
    if text.count(b"[") + text.count(b"{") > 4 * MAX_TENSORS or text.count(b",") > 16 * MAX_TENSORS:
        raise Refused("has a header for more than %d tensors" % MAX_TENSORS)  # before it becomes objects
    try:
        header = json.loads(text.decode(), object_pairs_hook=once, parse_int=parse_integer,
                            parse_float=refuse_number, parse_constant=refuse_number)
    except (ValueError, RecursionError) as e:
        raise Refused("has a header that is no JSON (%s)" % type(e).__name__) from None
    if not isinstance(header, dict):
        raise Refused("has a header that is no object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Refused("has metadata that is not of strings")
    body = memoryview(data)[8 + length:]
    tensors: dict[str, Tensor] = {}
    places = []
    for name, entry in header.items():
        first, last, tensor = read_entry(name, entry, body)
        add_tensor(tensors, name, tensor)
        places.append((first, last, name))
    place = 0
    for first, last, name in sorted(places):
        if first != place:
            raise Refused("has a tensor '%.80s' that begins at byte %d of the data, expected %d"
                          % (name, first, place))
        place = last
    if place != len(body):
        raise Refused("has tensors of %d bytes, and %d bytes of data" % (place, len(body)))
    if not tensors:
        raise Refused("holds no tensors")
    if is_ours(metadata):
        check_header(text, metadata)
        tensors = {name: check_read(name, tensor, metadata) for name, tensor in tensors.items()}
    return Source("safetensors", tensors, metadata, [])


def read_entry(name: str, entry: object, body: memoryview) -> tuple[int, int, Tensor]:
    if not isinstance(entry, dict) or sorted(entry) != ["data_offsets", "dtype", "shape"]:
        raise Refused("has a tensor '%.80s' that is not {dtype, shape, data_offsets}" % name)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM:
        raise Refused("has a tensor '%.80s' of type '%.32s', which is not supported" % (name, dtype))
    if not isinstance(shape, list) or not all(is_size(n) for n in shape):
        raise Refused("has a tensor '%.80s' without a shape" % name)
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(is_size(n) for n in offsets)):
        raise Refused("has a tensor '%.80s' without two data_offsets" % name)
    first, last = offsets
    tensor = Tensor(dtype, tuple(shape), lambda: bytes(body[first:last]))
    if not first <= last <= len(body):
        raise Refused("has a tensor '%.80s' at bytes %d to %d of %d" % (name, first, last, len(body)))
    if last - first != tensor.bytes:
        raise Refused("has a tensor '%.80s' of %d bytes where its shape takes %d"
                      % (name, last - first, tensor.bytes))
    return first, last, tensor


# ---- Checksums -------------------------------------------------------------------------------------

def is_ours(metadata: dict[str, str]) -> bool:
    """Whether libadfeat or this program wrote the file, which then has checksums; see libadfeat's reader."""
    return any(key.startswith("adfeat.") and not key.startswith("adfeat.student.") for key in metadata)


def crc_text(data: bytes) -> str:
    return "%08x" % zlib.crc32(data)


def check_header(text: bytes, metadata: dict[str, str]) -> None:
    """Its checksum is over the header with that one's eight digits as zeros."""
    said = metadata.get(CRC_KEY)
    marker = b'"%s":"' % CRC_KEY.encode()
    place = text.find(marker) + len(marker)
    if said is None or place < len(marker) or crc_text(text[:place] + b"0" * 8 + text[place + 8:]) != said:
        raise Refused("is damaged: its header does not agree with its checksum")


def check_read(name: str, tensor: Tensor, metadata: dict[str, str]) -> Tensor:
    def read() -> bytes:
        data = tensor.read()
        if metadata.get("%s.%s" % (CRC_KEY, name)) != crc_text(data):
            raise Refused("is damaged: tensor '%.80s' does not agree with its checksum" % name)
        return data
    return tensor._replace(read=read)


# ---- Writing ---------------------------------------------------------------------------------------

def header_of(tensors: dict[str, Tensor], metadata: dict[str, str], order: list[str], crcs: dict[str, str]) -> bytes:
    """As libadfeat's own writer has it; its own checksum is left open."""
    said = {CRC_KEY: "0" * 8, **{"%s.%s" % (CRC_KEY, name): crcs[name] for name in tensors}}
    header: dict[str, object] = {"__metadata__": dict(sorted({**metadata, **said}.items()))}
    place = 0
    for name in order:
        dtype, shape, _ = tensors[name]
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [place, place + tensors[name].bytes]}
        place += tensors[name].bytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER or len(text) + 8 + place > MAX_BYTES:
        raise Refused("is too large: a header of %d bytes, limit %d, and %d of tensors, limit %d"
                      % (len(text), MAX_HEADER, place, MAX_BYTES))
    return text


def write_to(file: typing.BinaryIO, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Widest types first, so that every tensor is aligned, then by name. Checksums have their place from the start and
    are known when all is written, so that each tensor is read once."""
    order = sorted(tensors, key=lambda n: (-ITEM[tensors[n].dtype], n))
    crcs = dict.fromkeys(order, "0" * 8)
    text = header_of(tensors, metadata, order, crcs)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in order:
        data = tensors[name].read()
        crcs[name] = crc_text(data)
        file.write(data)
    text = header_of(tensors, metadata, order, crcs)
    marker = b'"%s":"' % CRC_KEY.encode()
    file.seek(8)
    file.write(text.replace(marker + b"0" * 8, marker + crc_text(text).encode(), 1))
    file.seek(0, os.SEEK_END)


def write_atomically(path: str, tensors: dict[str, Tensor], metadata: dict[str, str]) -> int:
    """All or nothing: a temporary file in the same folder takes the name when it is complete."""
    folder = os.path.dirname(path) or "."
    umask = os.umask(0)
    os.umask(umask)
    temporary.remove_left(folder)
    fd, name = temporary.create(folder)
    with os.fdopen(fd, "wb") as file:  # and so locked, until it has its name
        try:
            write_to(file, tensors, metadata)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~umask)
            os.fsync(file.fileno())
            size = file.tell()
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    return size
