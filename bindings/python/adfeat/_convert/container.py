"""The safetensors container, read and written: 8-byte little-endian header length, JSON header, raw tensors.
The reader takes what libadfeat's takes and refuses the rest in the same words."""
from __future__ import annotations

import json
import os
import tempfile
import typing

from .tensors import ITEM, MAX_BYTES, MAX_TENSORS, Refused, Source, Tensor, add_tensor, is_size

MAX_HEADER = 16 << 20


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


# ---- Writing ---------------------------------------------------------------------------------------

def pieces(tensors: dict[str, Tensor], metadata: dict[str, str]) -> typing.Iterator[bytes]:
    """The file: widest types first, so that every tensor is aligned, then by name."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    order = sorted(tensors, key=lambda n: (-ITEM[tensors[n].dtype], n))
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
    yield len(text).to_bytes(8, "little")
    yield text
    for name in order:
        yield tensors[name].read()


def write_atomically(path: str, content: typing.Iterable[bytes]) -> int:
    """All or nothing: a temporary file in the same folder takes the name when it is complete."""
    folder = os.path.dirname(path) or "."
    umask = os.umask(0)
    os.umask(umask)
    fd, temporary = tempfile.mkstemp(dir=folder, prefix=".convert-", suffix=".tmp")
    try:
        with os.fdopen(fd, "wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~umask)
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return size
