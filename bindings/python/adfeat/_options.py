"""Options as the C library takes them: names and text, checked there."""
from __future__ import annotations

import os
from typing import Any, Callable, List, Mapping

from . import _abi
from ._handle import check, path_bytes, text_bytes


def to_text(value: Any) -> str:
    """True is "1", 0.95 is "0.95", ["layer1", "layer2"] is "layer1,layer2", (0.5, 0.5, 0.5) is "0.5,0.5,0.5"."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
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


_SET_OTHERS = ("preset", "scsatt")  # in this order: options that set several


def set_all(setter: Callable[..., int], struct: Any, options: Mapping[str, Any]) -> List[bytes]:
    """Give every option that is not None to the C library's setter, presets and such first since they set others.
    Returns the texts, which must live until the struct has been used."""
    texts = []
    first = [key for key in _SET_OTHERS if key in options]
    for key in first + [key for key in options if key not in first]:
        if options[key] is None:
            continue
        value = options[key]
        value = path_bytes(value) if isinstance(value, os.PathLike) else text_bytes(to_text(value))
        texts.append(value)
        check(setter(_abi.byref(struct), text_bytes(key), value))
    return texts
