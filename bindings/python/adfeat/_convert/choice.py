"""Which of several state dicts is meant: the only one that holds a whole network. Two are no choice of ours."""
from __future__ import annotations

import shlex
import typing

from .tensors import Choice, Refused, Source

MAX_SHOWN = 8


def option(key: str) -> str:
    return "--key %s" % shlex.quote(key)


def settle(source: Source, examine: typing.Callable[[Source], str]) -> Source:
    """`examine` names what a state dict holds, or raises Refused."""
    if not source.choices:
        return source
    whole: list[tuple[Choice, str]] = []
    refusals: list[tuple[Choice, Refused]] = []
    for choice in source.choices:
        try:
            whole.append((choice, examine(source.choose(choice))))
        except Refused as e:
            refusals.append((choice, e))
    if not whole:
        choice, refusal = max(refusals, key=lambda r: len(r[0].tensors))
        raise Refused("%s (this is of the state dict under '%.80s'; another can be taken with %s)" % (
            refusal, choice.key, " or ".join(option(c.key) for c in source.choices[:MAX_SHOWN] if c is not choice)))
    first = whole[0][0]
    if all(are_equal(first, other) for other, _ in whole[1:]):
        notes = ["equal to the one under '%.80s'" % other.key for other, _ in whole[1:MAX_SHOWN]]
        return source.choose(first, *notes)
    raise Refused("holds more than one state dict: %s; one must be chosen: %s" % (
        ", ".join("%s under '%.80s'" % (what, choice.key) for choice, what in whole[:MAX_SHOWN]),
        " or ".join(option(choice.key) for choice, _ in whole[:MAX_SHOWN])))


def are_equal(a: Choice, b: Choice) -> bool:
    if {n: (t.dtype, t.shape) for n, t in a.tensors.items()} != {n: (t.dtype, t.shape) for n, t in b.tensors.items()}:
        return False
    return all(tensor.read() == b.tensors[name].read() for name, tensor in a.tensors.items())
