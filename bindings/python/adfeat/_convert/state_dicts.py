"""Where the state dicts are in what a training script saved, and what else is there."""
from __future__ import annotations

import typing

from .pickles import Opaque
from .tensors import ITEM, Choice, Refused, Tensor, add_tensor, strided_bytes
from .views import Parameter, View, holds_tensor, is_tensor

MAX_NESTS = 4       # dicts around a state dict
MAX_DICTS = 10000   # looked into
MAX_SHOWN = 8

PARTS = ("bn", "decoder")  # two that are one network: RD4AD's

Lookup = typing.Callable[[str], bytes]


class Place(typing.NamedTuple):
    """A dict that holds tensors, and the dicts around it with the key to the next."""
    path: tuple[str, ...]
    content: dict
    around: tuple[tuple[dict, str], ...]

    @property
    def key(self) -> str:
        return ".".join(self.path)


# ---- What cannot be read ---------------------------------------------------------------------------

def refuse_object(thing: Opaque, where: str = "") -> typing.NoReturn:
    """Of an object in place of tensors: only its own code could name what it holds."""
    place = " under '%.80s'" % where if where else ""
    if thing.name.endswith(("multiarray._reconstruct", "multiarray.scalar")) and "numpy" in thing.name:
        raise Refused("holds pickled numpy arrays%s; save the weights with numpy.savez() or as a state dict of "
                      "tensors" % place)
    if not holds_tensor(thing):
        raise Refused("asks for '%.160s'%s, which is no part of a state dict of tensors; save the state_dict() of the "
                      "model and nothing else" % (thing.name, place))
    if thing.name.startswith("torch._") or thing.name.endswith("Storage"):
        raise Refused("has a tensor%s made by '%.160s', which is no part of a state dict of plain tensors; convert it "
                      "to float32 where it was saved" % (place, thing.name))
    expression = "model" if not where else "checkpoint[%s]" % "][".join(repr(k) for k in where.split("."))
    raise Refused("holds an object of '%.160s'%s with its tensors, which is no part of a state dict: where it can be "
                  "loaded, torch.save(%s.state_dict(), 'weights.pth') saves what can be converted"
                  % (thing.name, place, expression))


def refuse_without_tensors(state: object) -> typing.NoReturn:
    if isinstance(state, Opaque):
        refuse_object(state)
    if not isinstance(state, dict):
        raise Refused("holds %s, not a state dict" % ("a tensor" if is_tensor(state) else
                                                      "a %s" % type(state).__name__))
    objects = list(opaque_things(state, ""))
    for path, thing in objects:
        if holds_tensor(thing) or "numpy" in thing.name:
            refuse_object(thing, path)
    raise Refused("holds no tensors%s" % (": %s" % listed(objects) if objects else ""))


# ---- What is there ---------------------------------------------------------------------------------

def dicts_with_tensors(state: dict, join_parts: bool) -> list[Place]:
    found = []
    waiting = [Place((), state, ())]
    seen = {id(state)}
    while waiting:
        place = waiting.pop(0)
        content = place.content
        if any(is_tensor(v) for v in content.values()):
            found.append(place)
        merged = join_parts and all(isinstance(content.get(part), dict) for part in PARTS)
        if merged:
            parts = {"%s.%s" % (part, name): value for part in PARTS for name, value in content[part].items()}
            if any(is_tensor(v) for v in parts.values()):
                found.append(place._replace(content=parts))
        if len(place.path) == MAX_NESTS:
            continue
        for key, value in content.items():
            if (not isinstance(key, str) or not isinstance(value, dict) or id(value) in seen
                    or (merged and key in PARTS) or len(seen) > MAX_DICTS):
                continue
            seen.add(id(value))
            waiting.append(Place(place.path + (key,), value, place.around + ((content, key),)))
    return found


def opaque_things(value: object, path: str) -> typing.Iterator[tuple[str, Opaque]]:
    """With where they stand, as far as dicts and lists lead to them."""
    seen: set[int] = set()
    waiting = [(path, value, 0)]
    while waiting and len(seen) <= MAX_DICTS:
        path, thing, depth = waiting.pop(0)
        if isinstance(thing, Opaque):
            yield path, thing
        if not isinstance(thing, (dict, list, tuple)) or is_tensor(thing) or id(thing) in seen or depth > MAX_NESTS:
            continue
        seen.add(id(thing))
        items = thing.items() if isinstance(thing, dict) else enumerate(thing)
        for key, inner in items:
            if isinstance(inner, (dict, list, tuple, Opaque)) and len(waiting) <= MAX_DICTS:
                name = "a key" if isinstance(key, Opaque) else "%.60s" % (key,)
                waiting.append(("%.200s.%s" % (path, name) if path else name, inner, depth + 1))


def listed(objects: list[tuple[str, Opaque]]) -> str:
    shown = ["'%.80s' (%.80s)" % (path, thing.name) for path, thing in objects[:MAX_SHOWN]]
    more = len(objects) - len(shown)
    return ", ".join(shown + ["and %d more" % more] * (more > 0))


def beside(place: Place) -> list[str]:
    """Notes of what else the file holds."""
    keys, objects = [], []
    for content, taken in place.around:
        for key, value in content.items():
            if key == taken:
                continue
            name = key if isinstance(key, str) else "%.60s" % ("a key" if isinstance(key, Opaque) else key,)
            keys.append("'%.60s'" % name)
            objects += opaque_things(value, name)
    notes = []
    if keys:
        notes.append("the state dict is the one under '%.80s'; ignored beside it: %s%s"
                     % (place.key, ", ".join(keys[:MAX_SHOWN]), " ..." if len(keys) > MAX_SHOWN else ""))
    if objects:
        notes.append("of no use here and not looked into: %s" % listed(objects))
    return notes


def read(place: Place, lookup: Lookup) -> Choice:
    tensors: dict[str, Tensor] = {}
    skipped = []
    for name, value in place.content.items():
        if isinstance(name, str) and is_tensor(value):
            view = value.data if isinstance(value, Parameter) else value
            add_tensor(tensors, name, Tensor(view.storage.dtype, view.size, reader(name, view, lookup)))
        elif isinstance(value, Opaque) and holds_tensor(value):
            refuse_object(value, ".".join(place.path + ("%.80s" % (name,),)))
        else:
            kind = " (%.80s)" % value.name if isinstance(value, Opaque) else ""
            skipped.append("%.80s%s" % ("a key" if isinstance(name, Opaque) else name, kind))
    notes = beside(place)
    if skipped:
        notes.append("%d entries are no tensors: %s" % (len(skipped), ", ".join(skipped[:5])
                                                         + (" ..." if len(skipped) > 5 else "")))
    return Choice(place.key, tensors, notes)


def reader(name: str, view: View, lookup: Lookup) -> typing.Callable[[], bytes]:
    storage, offset, size, stride = view
    return lambda: b"" if 0 in size else strided_bytes(lookup(storage.key), ITEM[storage.dtype],
                                                       storage.first + offset, size, stride, name)


def find_choices(state: object, lookup: Lookup, key: typing.Optional[str]) -> list[Choice]:
    """All state dicts, or the one that is asked for; at least one."""
    places = dicts_with_tensors(state, key is None) if isinstance(state, dict) else []
    if key is not None:
        places = places_under(places, key)
    elif not places:
        refuse_without_tensors(state)
    choices, refusals = [], []
    for place in places:
        try:
            choices.append(read(place, lookup))
        except Refused as e:  # it may be one that is not meant
            refusals.append(e)
    if not choices:
        raise refusals[0]
    return choices


def places_under(places: list[Place], key: str) -> list[Place]:
    exact = [p for p in places if p.key == key]
    last = [p for p in places if p.path and p.path[-1] == key]
    if exact or len(last) == 1:
        return (exact or last)[:1]
    raise Refused("has %s under '%.80s'; it has them under %s" % (
        "several dicts of tensors" if last else "no dict of tensors", key,
        ", ".join("'%.80s'" % p.key for p in (last or places)[:MAX_SHOWN]) or "no key"))
