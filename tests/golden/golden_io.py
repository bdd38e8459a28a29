"""Safetensors reader and writer and the seeded generator shared by the golden scripts (numpy only)."""
import json
import struct
import zlib

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1"}


def save(path, tensors, source, **metadata):
    """Write a name -> array mapping in its own order; source and further strings go to __metadata__."""
    header = {"__metadata__": {"source": source, **metadata}}
    blobs, offset = [], 0
    for name, value in tensors.items():
        value = np.asarray(value)
        code = next(k for k, v in DTYPES.items() if np.dtype(v) == value.dtype)
        raw = value.astype(DTYPES[code]).tobytes()
        header[name] = {"dtype": code, "shape": list(value.shape),
                        "data_offsets": [offset, offset + len(raw)]}
        blobs.append(raw)
        offset += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load(path):
    """Return (name -> array, metadata)."""
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    meta = header.pop("__metadata__", {})
    body = memoryview(data)[8 + size:]
    out = {}
    for name, e in header.items():
        lo, hi = e["data_offsets"]
        out[name] = np.frombuffer(body[lo:hi], DTYPES[e["dtype"]]).reshape(e["shape"]).copy()
    return out, meta


def bits(name, count):
    """count 64-bit words: splitmix64 of (crc32(name) << 32) + i."""
    u64 = np.uint64
    with np.errstate(over="ignore"):
        z = (u64(zlib.crc32(name.encode("ascii"))) << u64(32)) + np.arange(count, dtype=u64)
        z += u64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> u64(30))) * u64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> u64(27))) * u64(0x94D049BB133111EB)
    return z ^ (z >> u64(31))


def uniform(name, shape):
    """float64 in [0,1), 53 bits."""
    count = int(np.prod(shape))
    return ((bits(name, count) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53).reshape(shape)


def symmetric(name, shape):
    """float64 in [-1,1)."""
    return 2.0 * uniform(name, shape) - 1.0


def seeded_bytes(name, shape):
    """uint8: the top byte of each word."""
    return (bits(name, int(np.prod(shape))) >> np.uint64(56)).astype(np.uint8).reshape(shape)
