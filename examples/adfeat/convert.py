#!/usr/bin/env python3
"""Convert a PyTorch checkpoint (.pth, .pt) to .safetensors, without PyTorch and without trusting it.

A .pth file is a pickle, which can run any code when it is loaded. Here only the few names that a
state dict needs are known, each as a harmless stand-in; a file that asks for another is refused.
"""
import argparse
import collections
import io
import json
import os
import pickle
import sys
import tempfile
import typing
import zipfile

# Storage class -> safetensors dtype, bytes of an element
STORAGES = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}
ITEM_FORMAT = {1: "B", 2: "H", 4: "I", 8: "Q"}
BUILTINS = {"dict": dict, "list": list, "tuple": tuple, "set": set}

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

# What libadfeat's reader takes
MAX_DIMS = 8
MAX_NAME = 512
MAX_BYTES = 4 << 30


class Refused(Exception):
    """The file cannot be converted; the text says why."""


def say(sentence):
    """One line; names from the file must not move the terminal's cursor."""
    print("convert.py: " + "".join(c if c.isprintable() else "?" for c in sentence), file=sys.stderr)


# ---- Stand-ins: all that a pickle can get hold of. None can be changed by it. ----------------------

class StorageType(typing.NamedTuple):
    dtype: str
    item: int


class Storage(typing.NamedTuple):
    """Elements `first` onwards of the bytes that the file holds under `key`."""
    key: str
    type: StorageType
    first: int


class Tensor(typing.NamedTuple):
    storage: Storage
    offset: int
    size: tuple
    stride: tuple


class RebuildTensor:
    __slots__ = ()

    def __call__(self, storage, offset, size, stride, *_):
        return Tensor(storage, offset, size, stride)


class RebuildParameter:
    __slots__ = ()

    def __call__(self, data, *_):
        return data


class OldParameter:
    """torch.nn.parameter.Parameter as PyTorch before 0.4 pickled it: data, then a state to ignore."""
    __slots__ = ("data",)

    def __init__(self, data=None, *_):
        self.data = data

    def __setstate__(self, state):
        pass


KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): RebuildTensor(),
    ("torch._utils", "_rebuild_tensor_v2"): RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): RebuildParameter(),
    ("torch.nn.parameter", "Parameter"): OldParameter,
}


class Unpickler(pickle.Unpickler):
    """Knows the stand-ins above and nothing else."""

    def find_class(self, module, name):
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        if module in ("builtins", "__builtin__") and name in BUILTINS:
            return BUILTINS[name]
        if module == "torch" and name in STORAGES:
            return StorageType(*STORAGES[name])
        raise Refused("asks for '%s.%s', which is no part of a state dict of tensors" % (module, name))

    def persistent_load(self, pid):
        """("storage", type, key, device, elements[, view]) where view is None or (key, first, elements)."""
        if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"
                and isinstance(pid[1], StorageType) and isinstance(pid[2], str)):
            raise Refused("holds a reference that is no storage")
        first = 0
        if len(pid) == 6 and pid[5] is not None:
            if not (isinstance(pid[5], tuple) and len(pid[5]) == 3 and type(pid[5][1]) is int):
                raise Refused("holds a storage view that is malformed")
            first = pid[5][1]
        return Storage(pid[2], pid[1], first)


# ---- Files -----------------------------------------------------------------------------------------

def read_zip(file):
    """The pickled object and a function from a storage key to its bytes, of PyTorch 1.6's format."""
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    roots = [n[:-len("data.pkl")] for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(roots) != 1:
        raise Refused("is a zip archive, but not one that torch.save() writes")
    root = roots[0]
    if root + "constants.pkl" in names:
        raise Refused("is a TorchScript archive; save the state_dict() of the model instead")

    def member(name):
        try:
            info = archive.getinfo(root + name)
        except KeyError:
            raise Refused("has no member '%s'" % (root + name)) from None
        if info.compress_type != zipfile.ZIP_STORED:  # torch never does; a small bomb would
            raise Refused("has a compressed member '%s'" % (root + name))
        return archive.read(info)

    if root + "byteorder" in names and member("byteorder") != b"little":
        raise Refused("is in big-endian byte order")
    return Unpickler(io.BytesIO(member("data.pkl"))).load(), lambda key: member("data/" + key)


def read_legacy(file):
    """The same of the format before: five pickles in a row, then every storage behind its length."""
    if Unpickler(file).load() != LEGACY_MAGIC:
        raise Refused("is not a PyTorch checkpoint")
    if Unpickler(file).load() != LEGACY_PROTOCOL:
        raise Refused("has an unknown legacy protocol")
    system = Unpickler(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("is in big-endian byte order")
    items = {}  # key -> bytes of an element, which only the storages' types tell

    class Recorder(Unpickler):
        def persistent_load(self, pid):
            storage = super().persistent_load(pid)
            items[storage.key] = storage.type.item
            return storage

    state = Recorder(file).load()
    keys = Unpickler(file).load()
    if not isinstance(keys, list):
        raise Refused("has no list of storages")
    storages = {}
    for key in keys:
        if key not in items:
            raise Refused("has a storage '%s' that nothing refers to" % (key,))
        count = int.from_bytes(file.read(8), "little", signed=True)
        if not 0 <= count * items[key] <= remaining(file):
            raise Refused("is truncated")
        storages[key] = file.read(count * items[key])

    def lookup(key):
        if key not in storages:
            raise Refused("has no storage '%s'" % key)
        return storages[key]

    return state, lookup


def remaining(file):
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def read_checkpoint(path):
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        try:
            if start == b"PK\x03\x04":
                return flatten(*read_zip(file))
            if start[:1] != b"\x80":  # where every pickle of torch.save() begins
                raise Refused("is not a PyTorch checkpoint")
            return flatten(*read_legacy(file))
        except (Refused, OSError):
            raise
        except Exception as e:  # a damaged pickle or archive can fail in any way
            raise Refused("is damaged or not a PyTorch checkpoint (%s)" % (type(e).__name__)) from None


# ---- Tensors ---------------------------------------------------------------------------------------

def flatten(state, lookup):
    """name -> (dtype, shape, bytes) of the state dict, wherever it is nested."""
    for _ in range(4):
        inner = [state[k] for k in ("state_dict", "model")
                 if isinstance(state, dict) and isinstance(state.get(k), dict)]
        if not inner:
            break
        state = inner[0]
    if not isinstance(state, dict):
        raise Refused("holds a %s, not a state dict" % type(state).__name__)
    tensors, skipped, room = {}, [], MAX_BYTES
    for name, value in state.items():
        if isinstance(value, OldParameter):
            value = value.data
        if isinstance(name, str) and isinstance(value, Tensor):
            tensors[name] = materialise(name, value, lookup, room)
            room -= len(tensors[name][2])
        else:
            skipped.append(str(name)[:80])
    if not tensors:
        raise Refused("holds no tensors")
    if skipped:
        say("skipped %d entries that are no tensors: %s"
            % (len(skipped), ", ".join(skipped[:5]) + (" ..." if len(skipped) > 5 else "")))
    return tensors


def are_sizes(values):
    return isinstance(values, tuple) and all(type(v) is int and v >= 0 for v in values)


def materialise(name, tensor, lookup, room):
    """(dtype, shape, bytes) in C order, whatever the strides and whoever shares the storage."""
    storage, offset, size, stride = tensor
    if not (isinstance(storage, Storage) and type(offset) is int and offset >= 0 and storage.first >= 0
            and are_sizes(size) and are_sizes(stride) and len(size) == len(stride)):
        raise Refused("has a malformed tensor '%.80s'" % name)
    if not name or name == "__metadata__" or len(name.encode()) > MAX_NAME or len(size) > MAX_DIMS:
        raise Refused("has a tensor that safetensors cannot hold here: '%.80s' with %d dimensions"
                      % (name, len(size)))
    item = storage.type.item
    count = 1
    for n in size:
        count *= n
    if count * item > room:  # strides of 0 make much of little
        raise Refused("has tensors of more than %d bytes, with '%.80s'" % (MAX_BYTES, name))
    if count == 0:
        return storage.type.dtype, size, b""
    data = lookup(storage.key)
    first = storage.first + offset
    last = first + sum((n - 1) * s for n, s in zip(size, stride))
    if (last + 1) * item > len(data):
        raise Refused("has a tensor '%.80s' that reaches beyond its storage" % name)
    if is_contiguous(size, stride):
        return storage.type.dtype, size, data[first * item:(first + count) * item]
    usable = len(data) // item * item
    view = memoryview(data)[:usable].cast(ITEM_FORMAT[item])
    out = bytearray()
    gather(view, first, size, stride, out)
    return storage.type.dtype, size, bytes(out)


def is_contiguous(size, stride):
    expected = 1
    for n, s in zip(reversed(size), reversed(stride)):
        if n != 1 and s != expected:
            return False
        expected *= n
    return True


def gather(view, first, size, stride, out):
    """Append the elements in C order."""
    if not size:
        out += view[first:first + 1].tobytes()
        return
    n, s = size[0], stride[0]
    if s == 0:  # the same again and again, as expand() leaves it
        once = bytearray()
        gather(view, first, size[1:], stride[1:], once)
        out += once * n
    elif len(size) == 1:
        out += view[first:first + (n - 1) * s + 1:s].tobytes()
    else:
        for i in range(n):
            gather(view, first + i * s, size[1:], stride[1:], out)


# ---- Writing ---------------------------------------------------------------------------------------

def serialise(tensors, metadata):
    """The safetensors bytes in pieces: widest types first, so that every tensor is aligned."""
    item = {dtype: bytes_ for dtype, bytes_ in STORAGES.values()}
    header = {"__metadata__": dict(sorted(metadata.items()))}
    pieces, place = [], 0
    for name in sorted(tensors, key=lambda n: (-item[tensors[n][0]], n)):
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + len(data)]}
        pieces.append(data)
        place += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text] + pieces


def write_atomically(path, pieces):
    """All or nothing: a temporary file in the same folder takes the name when it is complete."""
    folder = os.path.dirname(path) or "."
    umask = os.umask(0)
    os.umask(umask)
    fd, temporary = tempfile.mkstemp(dir=folder, prefix=".convert-", suffix=".tmp")
    try:
        with os.fdopen(fd, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~umask)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="convert.py",
        description="Convert a PyTorch checkpoint that holds a state dict (.pth or .pt, also nested under "
                    "'state_dict' or 'model') to a .safetensors file that ad_backbone_open() and other tools "
                    "read. PyTorch is not needed, and no code in the checkpoint is run: a file that asks for "
                    "anything but plain tensors is refused.",
        epilog="example: convert.py efficientnet-lite0.pth -o efficientnet-lite0.safetensors "
               "--architecture efficientnet_lite0")
    parser.add_argument("input", metavar="IN.pth", help="checkpoint written by torch.save(), zip or legacy format")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.safetensors",
                        help="file to write; replaced only when the conversion succeeds")
    parser.add_argument("--architecture", metavar="NAME",
                        help="stored in the file, so that the library knows the network without being told; "
                             "for example resnet18")
    options = parser.parse_args(arguments)
    metadata = {"origin": os.fsencode(os.path.basename(options.input)).decode("utf-8", "replace")}
    if options.architecture:
        metadata["architecture"] = options.architecture
    try:
        tensors = read_checkpoint(options.input)
        write_atomically(options.output, serialise(tensors, metadata))
    except Refused as e:
        say("'%s' %s" % (options.input, e))
        return 1
    except UnicodeEncodeError:
        say("the architecture's name is not valid text")
        return 1
    except OSError as e:
        say("'%s': %s" % (e.filename or options.input, e.strerror or e))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
