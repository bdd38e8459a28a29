"""Tensors and their bytes as a pickle describes them."""
from __future__ import annotations

import typing

from .pickles import Inert, Opaque


class Storage(typing.NamedTuple):
    """Elements `first` onwards of the bytes that the file holds under `key`."""
    key: str
    dtype: str
    first: int


class OddStorage(Opaque):
    """Of a type that no network here has."""
    __slots__ = ("key",)

    def __init__(self, name: str, key: str) -> None:
        super().__init__(name)
        self.key = key


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


def is_tensor(value: object) -> bool:
    return isinstance(value, (View, Parameter))


def holds_tensor(value: object) -> bool:
    """Whether a tensor is anywhere in it. Each thing is looked at once, and none by a call of its own: they may nest
    as deep as a file likes, and hold each other."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        thing = waiting.pop()
        if is_tensor(thing) or isinstance(thing, (Storage, OddStorage)):
            return True
        if not isinstance(thing, (dict, list, tuple, Opaque)) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            waiting += thing.values()
            waiting += (key for key in thing if isinstance(key, Opaque))
        else:
            waiting += thing.parts if isinstance(thing, Opaque) else thing
    return False
