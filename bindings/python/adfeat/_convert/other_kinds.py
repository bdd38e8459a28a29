"""Files that are no weights this program reads, told by their first bytes, with what makes them into such."""
from __future__ import annotations

import json
import typing

from .tensors import Refused

KINDS = (
    (b"version https://git-lfs", "is a Git LFS pointer and not the file that it stands for: 'git lfs pull' fetches that"),
    (b"\x93NUMPY", "is a single array; save the weights by name with numpy.savez()"),
    (b"\x89HDF", "is an HDF5 file, as Keras writes them; it reads PyTorch's, NumPy's and safetensors files"),
    (b"GGUF", "is a GGUF file; it reads PyTorch's, NumPy's and safetensors files"),
    (b"\x1f\x8b", "is compressed with gzip: gunzip unpacks it"),
    (b"\xfd7zXZ", "is compressed with xz: unxz unpacks it"),
    (b"BZh", "is compressed with bzip2: bunzip2 unpacks it"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: unzstd unpacks it"),
)
WEB_PAGES = (b"<!doctype", b"<html", b"<?xml")
SAVE = "save the state_dict() of the PyTorch model that it was made from"


def refuse(data: bytes) -> typing.NoReturn:
    for start, sentence in KINDS:
        if data.startswith(start):
            raise Refused(sentence)
    if data[:200].lstrip().lower().startswith(WEB_PAGES):
        raise Refused("is a web page, not the file that its address was to give")
    if data[257:262] == b"ustar":
        raise Refused("is a tar archive: 'tar -xf' unpacks it, and a file in it may be one that is read")
    if data[:1] == b"\x08" and any(name in data[:300] for name in (b"onnx", b"pytorch", b"tf2onnx", b"torch.onnx")):
        raise Refused("is an ONNX model, whose tensors have lost their names and layers: " + SAVE)
    if data[:1] in (b"{", b"["):
        refuse_json(data)
    raise Refused("is no PyTorch checkpoint, safetensors file or NumPy archive")


def refuse_json(data: bytes) -> None:
    """The index of a model in several files, which none here needs to be."""
    try:
        index = json.loads(data[:16 << 20])
        names = sorted(set(index["weight_map"].values()))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return
    if len(names) == 1 and isinstance(names[0], str):
        raise Refused("is an index; the weights are in '%.80s' beside it: convert that" % names[0])
    raise Refused("is the index of weights in %d files; where they are from, save_pretrained(folder, "
                  "max_shard_size='20GB') makes one of them" % len(names))
