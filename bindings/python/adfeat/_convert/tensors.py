"""Tensors as bytes in C order, and what may be asked of them whatever file they came from."""
from __future__ import annotations

import itertools
import typing

# dtype -> bytes of an element: what libadfeat's reader takes
ITEM = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOATS = ("F64", "F32", "F16", "BF16")
MAX_DIMS = 8
MAX_NAME = 512
MAX_TENSORS = 65536
MAX_BYTES = 4 << 30

# Strides of 0 and deflate make much of little. Nothing that is no attack gains a factor like this.
GROWTH = 20
GROWTH_FROM = 64 << 20

ITEM_FORMAT = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Refused(Exception):
    """The file cannot be converted; the text says why."""


class Tensor(typing.NamedTuple):
    """`read` gives the bytes, in C order and little-endian; shapes are known before that."""
    dtype: str
    shape: tuple[int, ...]
    read: typing.Callable[[], bytes]

    @property
    def count(self) -> int:
        count = 1
        for n in self.shape:
            count *= n
        return count

    @property
    def bytes(self) -> int:
        return self.count * ITEM[self.dtype]


class Choice(typing.NamedTuple):
    """One of the state dicts in a checkpoint."""
    key: str                      # "model.state_dict": where it is; "": it is the file's own dict
    tensors: dict[str, Tensor]
    notes: list[str]


class Source(typing.NamedTuple):
    """A file that was read. Where it holds several state dicts, `tensors` waits for one to be chosen."""
    kind: str                     # "PyTorch, zip format"
    tensors: dict[str, Tensor]
    metadata: dict[str, str]      # of a safetensors file
    notes: list[str]              # what should be told
    choices: tuple[Choice, ...] = ()

    def choose(self, choice: Choice, *notes: str) -> Source:
        return self._replace(tensors=choice.tensors, notes=self.notes + list(notes) + choice.notes, choices=())


def is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def add_tensor(tensors: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    """Refuses what libadfeat's reader would."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise Refused("has a tensor whose name is no text") from None
    if not name or name == "__metadata__" or "\0" in name or length > MAX_NAME or len(tensor.shape) > MAX_DIMS:
        raise Refused("has a tensor that safetensors cannot hold here: '%.80s' with %d dimensions"
                      % (name, len(tensor.shape)))
    if name in tensors:
        raise Refused("has two tensors '%.80s'" % name)
    if len(tensors) == MAX_TENSORS:
        raise Refused("has more than %d tensors" % MAX_TENSORS)
    tensors[name] = tensor


def room_for(file_size: int) -> int:
    """Bytes that a file of this size may unfold to."""
    return min(MAX_BYTES, max(GROWTH_FROM, GROWTH * file_size))


def check_total(tensors: typing.Iterable[Tensor], file_size: int) -> None:
    total = sum(t.bytes for t in tensors)
    if total > room_for(file_size):
        raise Refused("has %d bytes of tensors in a file of %d, more than the %d that can be meant"
                      % (total, file_size, room_for(file_size)))


# ---- Strides ---------------------------------------------------------------------------------------

def c_strides(shape: typing.Sequence[int]) -> tuple[int, ...]:
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def strided_bytes(data: bytes, item: int, first: int, shape: tuple[int, ...], strides: tuple[int, ...],
                  what: str) -> bytes:
    """The elements in C order, whatever their strides; `first` and strides count elements."""
    count = 1
    for n in shape:
        count *= n
    if count == 0:
        return b""
    last = first + sum((n - 1) * s for n, s in zip(shape, strides))
    if first < 0 or (last + 1) * item > len(data):
        raise Refused("has a tensor '%.80s' that reaches beyond its storage" % what)
    if all(n == 1 or s == c for n, s, c in zip(shape, strides, c_strides(shape))):
        return data[first * item:(first + count) * item]
    return gather(memoryview(data)[:len(data) // item * item].cast(ITEM_FORMAT[item]), first, shape, strides)


def gather(view: memoryview, first: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A slice along the longest dimension at a time, so that few steps are taken in Python."""
    out_strides = c_strides(shape)
    out = memoryview(bytearray(view.itemsize * out_strides[0] * shape[0])).cast(view.format)
    long = max(range(len(shape)), key=lambda d: shape[d])
    others = [d for d in range(len(shape)) if d != long]
    n, step, out_step = shape[long], strides[long], out_strides[long]
    for index in itertools.product(*(range(shape[d]) for d in others)):
        a = first + sum(i * strides[d] for i, d in zip(index, others))
        b = sum(i * out_strides[d] for i, d in zip(index, others))
        if step == 0:  # the same again and again, as expand() leaves it
            source = memoryview(view[a:a + 1].tobytes() * n).cast(view.format)
        else:
            source = view[a:a + (n - 1) * step + 1:step]
        out[b:b + (n - 1) * out_step + 1:out_step] = source
    return out.tobytes()


# ---- Values ----------------------------------------------------------------------------------------

# Of the two highest bytes of an element: the bits that are all ones in NaN and infinity, and only there
EXPONENT = {"F64": (0x7F, 0xF0), "F32": (0x7F, 0x80), "F16": (0x7C, 0x00), "BF16": (0x7F, 0x80)}


def is_finite(dtype: str, data: bytes) -> bool:
    item, (high_mask, next_mask) = ITEM[dtype], EXPONENT[dtype]
    suspect = bytes(1 if b & high_mask == high_mask else 0 for b in range(256))
    marks = data[item - 1::item].translate(suspect)
    place = marks.find(1)
    while place >= 0:
        if data[place * item + item - 2] & next_mask == next_mask:
            return False
        place = marks.find(1, place + 1)
    return True


class Rounding:
    """What storing as F16 did, over all tensors that went through to_half()."""
    SMALLEST_NORMAL = 2.0 ** -14

    def __init__(self) -> None:
        self.relative = 0.0   # largest error of a value that F16 has full precision for
        self.small = 0        # non-zero values below that
        self.absolute = 0.0   # largest error of those

    def to_half(self, name: str, dtype: str, data: bytes) -> bytes:
        try:
            import numpy
        except ImportError:
            raise Refused("cannot be stored as F16 without numpy, which this Python does not have") from None
        if dtype == "BF16":
            values = (numpy.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = numpy.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype])
        values = values.astype("f8")
        with numpy.errstate(over="ignore"):
            half = values.astype("<f2")
        if not numpy.isfinite(half).all():
            raise Refused("has a tensor '%.80s' that F16 cannot hold: its largest value is %.6g, F16's is 65504"
                          % (name, numpy.abs(values).max()))
        size, error = numpy.abs(values), numpy.abs(half.astype("f8") - values)
        full, small = size >= self.SMALLEST_NORMAL, (size > 0) & (size < self.SMALLEST_NORMAL)
        if full.any():
            self.relative = max(self.relative, float((error[full] / size[full]).max()))
        if small.any():
            self.small += int(small.sum())
            self.absolute = max(self.absolute, float(error[small].max()))
        return half.tobytes()
