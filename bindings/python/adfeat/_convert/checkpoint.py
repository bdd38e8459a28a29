"""PyTorch checkpoints, of the zip format (1.6 and later) and of the one before, without PyTorch and without
trusting them: a file that asks for anything but plain tensors is refused."""
from __future__ import annotations

import typing
import zipfile

from .pickles import Function, Inert, Machine
from .tensors import ITEM, Refused, Source, Tensor, add_tensor, is_size, strided_bytes

STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

# Where training scripts put a state dict, the likeliest first
NESTS = ("state_dict", "model_state_dict", "model", "net", "network", "module",
         "state_dict_ema", "model_ema", "ema_state_dict", "ema")
MAX_NESTS = 4

Lookup = typing.Callable[[str], bytes]

# Two that are one network: RD4AD's
PARTS = ("bn", "decoder")

# ---- What a state dict is made of -------------------------------------------------------------------

class Storage(typing.NamedTuple):
    """Elements `first` onwards of the bytes that the file holds under `key`."""
    key: str
    dtype: str
    first: int


class StorageType:
    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class View(typing.NamedTuple):
    """A tensor as it was pickled."""
    storage: Storage
    offset: int
    size: tuple
    stride: tuple


class Parameter(Inert):
    """torch.nn.parameter.Parameter as PyTorch before 0.4 pickled it: data, then a state to ignore."""
    __slots__ = ("data",)

    def __init__(self, data: View) -> None:
        self.data = data


def rebuild_tensor(*arguments: object) -> View:
    """storage, offset, size, stride[, requires_grad, hooks[, metadata]]"""
    if not 4 <= len(arguments) <= 7:
        raise Refused("has a malformed tensor")
    storage, offset, size, stride = arguments[:4]
    if not (isinstance(storage, Storage) and is_size(offset) and are_sizes(size) and are_sizes(stride)
            and len(size) == len(stride)):
        raise Refused("has a malformed tensor")
    return View(storage, offset, size, stride)


def rebuild_parameter(*arguments: object) -> View:
    """data, requires_grad, hooks"""
    if not (1 <= len(arguments) <= 3 and isinstance(arguments[0], View)):
        raise Refused("has a malformed parameter")
    return arguments[0]


def ordered_dict(*arguments: object) -> dict:
    """Empty, or the list of pairs that Python 2 wrote."""
    pairs = arguments[0] if arguments else []
    if len(arguments) > 1 or not isinstance(pairs, list):
        raise Refused("has a malformed OrderedDict")
    result = {}
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str)):
            raise Refused("has a malformed OrderedDict")
        result[pair[0]] = pair[1]
    return result


def are_sizes(values: object) -> bool:
    return isinstance(values, tuple) and all(is_size(v) for v in values)


KNOWN = {
    ("collections", "OrderedDict"): Function(ordered_dict),
    ("torch._utils", "_rebuild_tensor"): Function(rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Function(rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Function(rebuild_parameter),
    ("torch.nn.parameter", "Parameter"): Function(lambda *a: Parameter(rebuild_parameter(*a[:1]))),
}


def find(module: str, name: str) -> object:
    if module == "torch" and name in STORAGES:
        return StorageType(STORAGES[name])
    if (module, name) not in KNOWN:
        if module.startswith(("numpy.core", "numpy._core")):
            raise Refused("holds pickled numpy arrays; save the weights with numpy.savez() or as a state dict "
                          "of tensors")
        raise Refused("asks for '%.80s.%.80s', which is no part of a state dict of tensors; save the state_dict() of the "
                      "model and nothing else" % (module, name))
    return KNOWN[module, name]


def refer(pid: object) -> Storage:
    """("storage", type, key, device, elements[, view]) where view is None or (key, first, elements)."""
    if not (isinstance(pid, tuple) and len(pid) in (5, 6) and isinstance(pid[0], str) and pid[0] == "storage"
            and isinstance(pid[1], StorageType) and isinstance(pid[2], str)):
        raise Refused("holds a reference that is no storage")
    first = 0
    if len(pid) == 6 and pid[5] is not None:
        if not (isinstance(pid[5], tuple) and len(pid[5]) == 3 and is_size(pid[5][1])):
            raise Refused("holds a storage view that is malformed")
        first = pid[5][1]
    return Storage(pid[2], pid[1].dtype, first)


# ---- The two formats -------------------------------------------------------------------------------

def read_zip(archive: zipfile.ZipFile, key: typing.Optional[str]) -> Source:
    names = archive.namelist()
    roots = [n[:-len("data.pkl")] for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(roots) != 1:
        raise Refused("is a zip archive, but not one that torch.save() writes")
    root = roots[0]
    if root + "constants.pkl" in names:
        raise Refused("is a TorchScript archive; save the state_dict() of the model instead")

    def member(name: str) -> bytes:
        try:
            info = archive.getinfo(root + name)
        except KeyError:
            raise Refused("has no member '%.80s'" % (root + name)) from None
        if info.compress_type != zipfile.ZIP_STORED:  # torch never does; a small bomb would
            raise Refused("has a compressed member '%.80s'" % (root + name))
        return archive.read(info)

    if root + "byteorder" in names and member("byteorder") != b"little":
        raise Refused("is in big-endian byte order")
    state = Machine(member("data.pkl"), 0, find, refer).run()
    return flatten("PyTorch, zip format", state, lambda name: member("data/" + name), key)


def read_legacy(data: bytes, key: typing.Optional[str]) -> Source:
    """Five pickles in a row, then every storage behind the number of its elements."""
    place = 0
    items: dict[str, int] = {}  # key -> bytes of an element, which only the references tell

    def note(pid: object) -> Storage:
        storage = refer(pid)
        if items.setdefault(storage.key, ITEM[storage.dtype]) != ITEM[storage.dtype]:
            raise Refused("has a storage '%.80s' of two types" % storage.key)
        return storage

    def load() -> object:
        nonlocal place
        machine = Machine(data, place, find, note)
        value = machine.run()
        place = machine.place
        return value

    if load() != LEGACY_MAGIC:
        raise Refused("is a pickle, but not one that torch.save() writes")
    if load() != LEGACY_PROTOCOL:
        raise Refused("has an unknown legacy protocol")
    system = load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("is in big-endian byte order")
    state = load()
    keys = load()
    if not isinstance(keys, list):
        raise Refused("has no list of storages")
    storages: dict[str, tuple[int, int]] = {}
    for name in keys:
        if not isinstance(name, str) or name not in items or name in storages:
            raise Refused("has a storage '%.80s' that nothing refers to, or twice" % (name,))
        count = int.from_bytes(data[place:place + 8], "little", signed=True)
        size = count * items[name]
        if len(data) - place < 8 or not 0 <= size <= len(data) - place - 8:
            raise Refused("is truncated")
        storages[name] = (place + 8, place + 8 + size)
        place += 8 + size

    def lookup(name: str) -> bytes:
        if name not in storages:
            raise Refused("has no storage '%.80s'" % name)
        return data[slice(*storages[name])]

    return flatten("PyTorch, legacy format", state, lookup, key)


# ---- From an object to tensors -----------------------------------------------------------------------

def is_tensor(value: object) -> bool:
    return isinstance(value, (View, Parameter))


def flatten(kind: str, state: object, lookup: Lookup, key: typing.Optional[str]) -> Source:
    """The tensors of the state dict, wherever it is nested."""
    notes: list[str] = []
    state = unnest(state, key, notes)
    tensors: dict[str, Tensor] = {}
    skipped = []
    for name, value in state.items():
        if isinstance(name, str) and is_tensor(value):
            view = value.data if isinstance(value, Parameter) else value
            add_tensor(tensors, name, Tensor(view.storage.dtype, view.size, reader(name, view, lookup)))
        else:
            skipped.append("%.80s" % (name,))
    if not tensors:
        raise Refused("holds no tensors")
    if skipped:
        notes.append("%d entries are no tensors: %s" % (len(skipped), ", ".join(skipped[:5])
                                                         + (" ..." if len(skipped) > 5 else "")))
    return Source(kind, tensors, {}, notes)


def unnest(state: object, key: typing.Optional[str], notes: list[str]) -> dict:
    for _ in range(MAX_NESTS + 1):
        if not isinstance(state, dict):
            raise Refused("holds %s, not a state dict" % ("a tensor" if is_tensor(state) else
                                                          "a %s" % type(state).__name__))
        if key is None and all(isinstance(state.get(part), dict) for part in PARTS):
            return {"%s.%s" % (part, name): value for part in PARTS for name, value in state[part].items()}
        inner = [n for n in NESTS if isinstance(state.get(n), dict) and state[n]]
        if key is not None and isinstance(state.get(key), dict):
            inner, key = [key], None
        elif any(is_tensor(v) for v in state.values()) or not inner:
            break
        others = ", ".join("'%s'" % n for n in inner[1:])
        notes.append("the state dict is the one under '%.80s'%s"
                     % (inner[0], "; --key chooses among it and %s" % others if others else ""))
        state = state[inner[0]]
    if key is not None:
        raise Refused("has no dict under '%.80s'" % key)
    return state


def reader(name: str, view: View, lookup: Lookup) -> typing.Callable[[], bytes]:
    storage, offset, size, stride = view
    return lambda: b"" if 0 in size else strided_bytes(lookup(storage.key), ITEM[storage.dtype],
                                                       storage.first + offset, size, stride, name)
