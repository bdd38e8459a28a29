"""AST's checkpoints, of which there are two: the flow, and the student that learned from it. One file is made of both."""
from __future__ import annotations

import typing

from .tensors import Refused, Source, Tensor

FLOW, STUDENT = "module_list.3.s1.conv1.weight", "res.0.l1.weight"  # what either begins with


def prefix_of(source: Source, first: str) -> typing.Optional[str]:
    """What stands before the names of a network that has this tensor; None where it is not there."""
    for name in source.tensors:
        if name.endswith(first):
            return name[:-len(first)]
    return None


def begin(source: Source, what: str, first: str) -> str:
    """The prefix of a network that has this tensor."""
    prefix = prefix_of(source, first)
    if prefix is None:
        raise Refused("has no tensor '%s': it is no %s of AST as its authors save it" % (first, what))
    return prefix


def take(source: Source, what: str, first: str, name: str) -> typing.Dict[str, Tensor]:
    """The tensors of the flow or the student, under a prefix that tells one from the other."""
    prefix = begin(source, what, first)
    counters = ".num_batches_tracked"
    return {name + old[len(prefix):]: tensor for old, tensor in source.tensors.items()
            if old.startswith(prefix) and not old.endswith(counters)}


def widths(flow: typing.Mapping[str, Tensor], student: typing.Mapping[str, Tensor]) -> typing.Dict[str, str]:
    """What the tensors say of the networks, as libadfeat's options of a student."""
    def shape(tensors: typing.Mapping[str, Tensor], name: str) -> typing.Sequence[int]:
        if name not in tensors or len(tensors[name].shape) != 4:
            raise Refused("has no tensor '%s' of four dimensions" % name)
        return tensors[name].shape

    def blocks(tensors: typing.Mapping[str, Tensor], before: str, at: int) -> int:
        return len({name.split(".")[at] for name in tensors if name.startswith(before)})

    first, last = shape(student, "student.conv1.weight"), shape(student, "student.conv2.weight")
    channels, hidden = last[0], shape(flow, "teacher." + FLOW)[0]
    if first[1] <= channels:
        raise Refused("has a student of %d channels that reads %d: no positions are left" % (channels, first[1]))
    return {"flow_blocks": str(blocks(flow, "teacher.module_list.", 2)), "flow_hidden": str(hidden),
            "student_blocks": str(blocks(student, "student.res.", 2)), "student_hidden": str(first[0]),
            "positions": str(first[1] - channels), "channels": str(channels)}
