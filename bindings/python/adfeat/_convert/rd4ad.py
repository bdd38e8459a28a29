"""RD4AD's checkpoints: the bottleneck and the decoder that learned together, of any ResNet."""
from __future__ import annotations

import typing

from .tensors import Source, Tensor

FIRST = ("bn.conv1.weight", "bn.bn_layer.0.conv1.weight", "decoder.layer1.0.conv1.weight")
# What libadfeat reads of a student: it says what the file is, so that no option needs to
METADATA = {"kind": "student", "origin_names": "rd4ad", "adfeat.student.kind": "masked_rd",
            "adfeat.student.msff_out": "concat", "adfeat.student.sru": "0", "adfeat.student.cru": "0",
            "adfeat.student.simam": "0", "adfeat.student.fmm": "0"}


def is_one(source: Source) -> bool:
    return any(name in source.tensors for name in FIRST)


def is_called(name: str) -> bool:
    """RD4AD's code defines a fourth convolution that it does not call, and may hold a memory."""
    part = name.split(".")[1]
    return part not in ("conv4", "bn4") and "memory" not in name and not name.endswith(".num_batches_tracked")


def take(source: Source) -> typing.Dict[str, Tensor]:
    return {name: tensor for name, tensor in source.tensors.items()
            if name.split(".")[0] in ("bn", "decoder") and "." in name and is_called(name)}


def counts(tensors: typing.Mapping[str, Tensor]) -> typing.Tuple[int, int]:
    bottleneck = sum(name.startswith("bn.") for name in tensors)
    return bottleneck, len(tensors) - bottleneck
