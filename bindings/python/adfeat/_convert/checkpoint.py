"""PyTorch checkpoints, of the zip format (1.6 and later) and of the one before, without PyTorch and without
trusting them: of what is no tensor nothing is made."""
from __future__ import annotations

import typing
import zipfile

from .pickles import Function, Inert, Machine, Opaque
from .state_dicts import Lookup, find_choices, opaque_things, refuse_object, refuse_without_tensors
from .tensors import ITEM, Refused, Source, is_size
from .views import OddStorage, Parameter, Storage, View

STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

# Of types that no network here has, with the bytes of an element, which the legacy format does not say
ODD_STORAGES = {"ComplexHalfStorage": 4, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "QInt8Storage": 1,
                "QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1}

# What runs programs or code when it is called. Nothing is called here; but who asks for it means harm.
HARMFUL_MODULES = {"os", "posix", "nt", "subprocess", "sys", "socket", "shutil", "importlib", "runpy", "pty", "ctypes",
                   "webbrowser"}
HARMFUL = {("io", "open"), ("_io", "open"), ("codecs", "open"), ("pickle", "loads"), ("marshal", "loads"),
           *((module, name) for module in ("builtins", "__builtin__") for name in (
               "eval", "exec", "execfile", "compile", "open", "__import__", "input", "breakpoint"))}

MAX_DIMS = 64  # of PyTorch; safetensors has fewer


# ---- What a state dict is made of -------------------------------------------------------------------

class StorageType:
    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


def rebuild_tensor(*arguments: object) -> typing.Union[View, Opaque]:
    """storage, offset, size, stride[, requires_grad, hooks[, metadata]]"""
    if not 4 <= len(arguments) <= 7:
        raise Refused("has a malformed tensor")
    storage, offset, size, stride = arguments[:4]
    if isinstance(storage, Opaque):
        return Opaque(storage.name, storage)
    if (isinstance(size, tuple) and len(size) > MAX_DIMS) or (isinstance(stride, tuple) and len(stride) > MAX_DIMS):
        raise Refused("has a malformed tensor")  # before each is looked at, again and again
    if not (isinstance(storage, Storage) and is_size(offset) and are_sizes(size) and are_sizes(stride)
            and len(size) == len(stride)):
        raise Refused("has a malformed tensor")
    return View(storage, offset, size, stride)


def rebuild_parameter(*arguments: object) -> typing.Union[View, Opaque]:
    """data, requires_grad, hooks[, state]"""
    if not (1 <= len(arguments) <= 4 and isinstance(arguments[0], (View, Opaque))):
        raise Refused("has a malformed parameter")
    return arguments[0]


def rebuild_from_type(*arguments: object) -> object:
    """function, class, its arguments, state: of a tensor that had attributes"""
    if len(arguments) == 4 and isinstance(arguments[0], Function) and isinstance(arguments[2], tuple):
        return arguments[0].call(*arguments[2])
    return Opaque("torch._tensor._rebuild_from_type_v2", arguments)


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


def old_parameter(*arguments: object) -> typing.Union[Parameter, Opaque]:
    data = rebuild_parameter(*arguments[:1])
    return data if isinstance(data, Opaque) else Parameter(data)


KNOWN = {
    ("collections", "OrderedDict"): Function(ordered_dict),
    ("collections", "defaultdict"): Function(lambda *a: {}),  # its items come behind it
    ("torch._utils", "_rebuild_tensor"): Function(rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Function(rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Function(rebuild_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Function(rebuild_parameter),
    ("torch._tensor", "_rebuild_from_type_v2"): Function(rebuild_from_type),
    ("torch.nn.parameter", "Parameter"): Function(old_parameter),
}


def find(module: str, name: str) -> object:
    """Never imported: names that are not known here stay names."""
    if module == "torch" and name in STORAGES:
        return StorageType(STORAGES[name])
    if (module, name) in KNOWN:
        return KNOWN[module, name]
    thing = Opaque("%.80s.%.80s" % (module, name))
    if module.split(".")[0] in HARMFUL_MODULES or (module, name) in HARMFUL:
        refuse_object(thing)
    return thing


def refer(pid: object) -> typing.Union[Storage, Opaque]:
    """("storage", type, key, device, elements[, view]) where view is None or (key, first, elements); and, in old files,
    ("module", class, file, source)."""
    if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module" and isinstance(pid[1], Opaque):
        return pid[1]
    if not (isinstance(pid, tuple) and len(pid) in (5, 6) and isinstance(pid[0], str) and pid[0] == "storage"
            and isinstance(pid[1], (StorageType, Opaque)) and isinstance(pid[2], str)):
        raise Refused("holds a reference that is no storage")
    if isinstance(pid[1], Opaque):
        return OddStorage(pid[1].name, pid[2])
    first = 0
    if len(pid) == 6 and pid[5] is not None:
        if not (isinstance(pid[5], tuple) and len(pid[5]) == 3 and is_size(pid[5][1])):
            raise Refused("holds a storage view that is malformed")
        first = pid[5][1]
    return Storage(pid[2], pid[1].dtype, first)


def item_of(storage: typing.Union[Storage, OddStorage]) -> int:
    if isinstance(storage, Storage):
        return ITEM[storage.dtype]
    name = storage.name.rpartition(".")[2]
    if name not in ODD_STORAGES:
        raise Refused("holds a tensor of '%.80s', whose size is not known" % storage.name)
    return ODD_STORAGES[name]


# ---- The two formats -------------------------------------------------------------------------------

def read_zip(archive: zipfile.ZipFile, key: typing.Optional[str]) -> Source:
    names = archive.namelist()
    roots = [n[:-len("data.pkl")] for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(roots) != 1:
        raise Refused("is a zip archive, but not one that torch.save() writes")
    root = roots[0]
    if root + "constants.pkl" in names:
        raise Refused("is a TorchScript archive, which holds a program: where PyTorch is, "
                      "torch.save(torch.jit.load(path, 'cpu').state_dict(), 'weights.pth') saves what can be converted")

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
    return take("PyTorch, zip format", state, lambda name: member("data/" + name), key)


def read_legacy(data: bytes, key: typing.Optional[str]) -> Source:
    """Five pickles in a row, then every storage behind the number of its elements."""
    place = 0
    items: dict[str, int] = {}  # key -> bytes of an element, which only the references tell

    def note(pid: object) -> object:
        storage = refer(pid)
        if isinstance(storage, (Storage, OddStorage)):
            item = item_of(storage)
            if items.setdefault(storage.key, item) != item:
                raise Refused("has a storage '%.80s' of two types" % storage.key)
        return storage

    def load() -> object:
        nonlocal place
        machine = Machine(data, place, find, note)
        value = machine.run()
        place = machine.place
        return value

    first = load()
    if first != LEGACY_MAGIC:
        if isinstance(first, Opaque) or (isinstance(first, dict) and any(opaque_things(first, ""))):
            refuse_without_tensors(first)  # which says more
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

    return take("PyTorch, legacy format", state, lookup, key)


def take(kind: str, state: object, lookup: Lookup, key: typing.Optional[str]) -> Source:
    choices = find_choices(state, lookup, key)
    source = Source(kind, {}, {}, [], tuple(choices))
    return source.choose(choices[0]) if len(choices) == 1 else source
