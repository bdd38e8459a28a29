"""Which network a file's tensors are, under whose names and behind which prefix. One answer or none."""
from __future__ import annotations

import functools
import shlex
import typing

from .networks import (EFFICIENTNET_PYTORCH, NORM_PARTS, SEQUENCE, STEM, STFPM, TIMM, TORCHVISION, Layer, Network,
                       networks)
from .tensors import Refused

MAX_STARTS = 16  # networks in one file: teachers, students, copies with averaged weights

# The tensor that a state dict begins with, and so whose names these are; ResNets are torchvision's in both
FIRST = {"conv1.weight": (TORCHVISION, False), SEQUENCE["conv1"] + ".weight": (STFPM, False),
         **{STEM[d][0] + ".weight": (d, True) for d in (EFFICIENTNET_PYTORCH, TORCHVISION, TIMM)}}

Shapes = typing.Mapping[str, tuple]


class Fit(typing.NamedTuple):
    """How a file's tensors go with a network, or where they first do not (`problem`)."""
    network: Network
    dialect: str
    prefix: str
    names: dict[str, str]            # name in the file -> canonical name
    absent: dict[str, int]           # stage -> tensors that are not there
    folded: int                      # batch norms that are in the convolution before
    problem: typing.Optional[str]

    @property
    def is_student(self) -> bool:
        return self.dialect == STFPM


def wanted(layer: Layer, shapes: Shapes) -> tuple[list[tuple[str, tuple]], list[tuple[str, tuple]]]:
    """(needed, optional) tensors as (name, shape), as far as it depends on whether batch norm was folded."""
    out = layer.shape[:1]
    weight, bias = (layer.conv + ".weight", layer.shape), (layer.conv + ".bias", out)
    norm = [("%s.%s" % (layer.norm, part), out) for part in NORM_PARTS] if layer.norm else []
    if not norm:
        return [weight, bias], []
    if bias[0] in shapes and not any(name in shapes for name, _ in norm):
        return [weight, bias], []
    return [weight] + norm, [bias]


def shape_text(shape: typing.Sequence[int]) -> str:
    return "[%s]" % ",".join(map(str, shape))


def examine(network: Network, dialect: str, prefix: str, shapes: Shapes) -> Fit:
    names: dict[str, str] = {}
    absent: dict[str, int] = {}
    folded = 0
    problem: typing.Optional[str] = None
    gap: typing.Optional[str] = None     # the first tensor of the first stage that is absent

    def object_to(text: str) -> None:
        nonlocal problem
        problem = problem or text

    for stage, stage_name in enumerate(network.stages):
        missing = []
        found = 0
        for layer, target in zip(network.layers[dialect], network.layers[network.canonical]):
            if layer.stage != stage:
                continue
            needed, optional = wanted(layer, shapes)
            folded += bool(layer.norm and not optional)
            for name, shape in needed + optional:
                if name not in shapes:
                    if (name, shape) in needed:
                        missing.append((name, shape))
                    continue
                found += 1
                if shapes[name] != shape:
                    object_to("'%s%s' is %s, %s expects %s" % (prefix, name, shape_text(shapes[name]),
                                                                 network.name, shape_text(shape)))
                    continue
                source, _, part = name.rpartition(".")
                names[prefix + name] = "%s.%s" % (target.conv if source == layer.conv else target.norm, part)
        if missing and (found or stage == 0):
            object_to("it holds no '%s%s' %s, which %s needs"
                      % (prefix, missing[0][0], shape_text(missing[0][1]), network.name))
        elif missing:
            gap = gap or missing[0][0]
            absent[stage_name] = len(missing)
        elif gap:
            object_to("it holds %s but no '%s%s' before it" % (stage_name, prefix, gap))
    # A deeper network of the same family has all our names and more.
    for name in sorted(shapes):
        if (name.split(".")[0] in network.roots[dialect] and prefix + name not in names
                and not name.endswith(".num_batches_tracked")):
            object_to("it holds '%s%s', which %s does not have" % (prefix, name, network.name))
            break
    return Fit(network, dialect, prefix, names, absent, folded, problem)


@functools.lru_cache(maxsize=None)
def first_shapes() -> dict[str, set[tuple]]:
    """By a tensor that a state dict begins with: the shapes that networks have it in."""
    shapes: dict[str, set[tuple]] = {}
    for first, (dialect, efficientnet) in FIRST.items():
        shapes[first] = {n.layers[dialect][0].shape for n in networks().values()
                         if n.is_efficientnet == efficientnet and dialect in n.layers}
    return shapes


def find_starts(shapes: Shapes, asked: typing.Optional[str]) -> list[tuple[str, str, bool]]:
    """(prefix, dialect, is an EfficientNet) of everything in the file that may be a network's beginning, whatever put
    something before its names. Of those with a shape that no network has, one is left where there is no other, so
    that a sentence can name it; not one within a network, whose names have numbers."""
    starts, odd = [], []
    for name, shape in shapes.items():
        for first, (dialect, efficientnet) in FIRST.items():
            prefix = name[:-len(first)]
            if not name.endswith(first) or (prefix != asked if asked is not None
                                            else prefix and not prefix.endswith(".")):
                continue
            if shape in first_shapes()[first]:
                starts.append((prefix, dialect, efficientnet))
            elif asked is not None or not any(c.isdigit() for c in prefix):
                odd.append((prefix, dialect, efficientnet))
    if len(starts) > MAX_STARTS:
        raise Refused("holds more than %d networks; --prefix chooses, for example --prefix %s"
                      % (MAX_STARTS, shlex.quote(starts[0][0])))
    return starts or sorted(odd, key=lambda start: len(start[0]))[:1]


def recognise(shapes: Shapes, architecture: typing.Optional[str], prefix: typing.Optional[str]) -> Fit:
    """The only fit; Refused says what is nearest and what does not fit."""
    possible = [networks()[architecture]] if architecture else list(networks().values())
    starts = find_starts(shapes, prefix)
    fits = []
    for start, dialect, efficientnet in starts:
        own = {name[len(start):]: shape for name, shape in shapes.items() if name.startswith(start)}
        fits += [examine(n, dialect, start, own) for n in possible
                 if n.is_efficientnet == efficientnet and dialect in n.layers]
    if not fits:
        refuse_without_start(shapes, starts, architecture, prefix)
    good = [fit for fit in fits if fit.problem is None]
    if len(good) > 1:
        if len({fit.prefix for fit in good}) > 1:
            raise Refused("holds more than one network: %s; one must be chosen: %s" % (
                ", ".join("%s behind '%s'" % (fit.network.name, fit.prefix) for fit in good),
                " or ".join("--prefix %s" % shlex.quote(fit.prefix) for fit in good)))
        raise Refused("ends too early to tell its network: it may be %s; --architecture decides"
                      % " or ".join(fit.network.name for fit in good))
    if good:
        return good[0]
    nearest = max(fits, key=lambda fit: len(fit.names))
    raise Refused("is not %s: %s" % (nearest.network.name, nearest.problem) if architecture else
                  "fits no known network; the nearest is %s, where %d of %d tensors fit, but %s"
                  % (nearest.network.name, len(nearest.names), len(shapes), nearest.problem))


def refuse_without_start(shapes: Shapes, starts: list, architecture: typing.Optional[str],
                         prefix: typing.Optional[str]) -> typing.NoReturn:
    sample = ", ".join("'%.60s'" % name for name in list(shapes)[:3])
    if starts:
        raise Refused("holds a tensor '%s%s', with which %s does not begin"
                      % (starts[0][0], next(f for f, v in FIRST.items() if v == starts[0][1:]),
                         architecture or "any known network"))
    raise Refused("holds no known network: no %s%s; its tensors are %s, ... (%d)"
                  % (" or ".join("'%s'" % first for first in FIRST),
                     ", behind any prefix" if prefix is None else " behind '%s'" % prefix,
                     sample, len(shapes)))
