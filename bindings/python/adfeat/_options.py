"""Options as the C library takes them: names and text, checked there."""
from __future__ import annotations

import os
import re
from typing import Any, Callable, List, Mapping, Optional

import numpy as np

from . import _c
from ._handle import check, path_bytes, text_bytes
from .errors import InvalidArgumentError


def to_text(value: Any) -> str:
    """True is "1", 0.95 is "0.95", ["layer1", "layer2"] is "layer1,layer2", (0.5, 1) is "0.5,1"."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (bytes, Mapping)):
        raise TypeError("an option of type %s is not possible: text, numbers and lists of them are"
                        % type(value).__name__)
    try:
        items = list(value)
    except TypeError:
        pass
    else:
        return ",".join(to_text(item) for item in items)
    if hasattr(value, "__index__"):
        return str(value.__index__())
    return repr(float(value))


def _bytes(value: Any) -> bytes:
    return path_bytes(value) if isinstance(value, os.PathLike) else text_bytes(to_text(value))


_KEY = re.compile("[a-z0-9_]+")
_PLAIN = re.compile(rb"[\w.:+/-]+(,[\w.:+/-]+)*")


def joined(options: Mapping[str, Any]) -> Optional[bytes]:
    """The options that are not None as "key=value, key=value"; None where there is none."""
    pairs = []
    for key, given in options.items():
        if given is None:
            continue
        if not _KEY.fullmatch(key):
            raise InvalidArgumentError("no option %r: names are of small letters, digits and '_'"
                                       % key)
        value = _bytes(given)
        if not _PLAIN.fullmatch(value):
            value = b'"' + value.replace(b'"', b'""') + b'"'
        pairs.append(key.encode() + b"=" + value)
    return b", ".join(pairs) if pairs else None


def set_all(setter: Callable[..., int], struct: Any, options: Mapping[str, Any]) -> List[bytes]:
    """Give every option that is not None to a setter of the C library. Returns the texts, which
    must live until the struct has been used."""
    texts = []
    for key, value in options.items():
        if value is not None:
            texts.append(_bytes(value))
            check(setter(_c.byref(struct), text_bytes(key), texts[-1]))
    return texts
