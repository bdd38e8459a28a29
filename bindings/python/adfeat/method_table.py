"""What methods there are, and their options, as the C library's tables have them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

from . import _c
from ._handle import check, text

__all__ = ["Method", "Option", "methods"]

lib = _c.lib


@dataclass(frozen=True)
class Option:
    """An option of a method."""

    key: str  #: its name, as fit() and Fitter() take it
    kind: str  #: "integer", "real", "choice", "bytes", "seed", "text", "layers" or "triple"
    parts: Tuple[str, ...]  #: what it is of: "preprocess", "student", "training", "scoring"
    default: str  #: as text; "" where `says` tells it
    words: Tuple[str, ...]  #: of a choice, or that a number may be instead
    low: float  #: of numbers, both included
    high: float
    says: str  #: one line

    @property
    def values(self) -> str:
        """What is possible, in a few words."""
        if self.kind == "choice":
            return ", ".join(self.words)
        if self.kind == "integer" and (self.low, self.high) == (0, 1):
            return "0 or 1"
        if self.kind in ("integer", "real"):
            return ", ".join(("%.10g to %.10g" % (self.low, self.high),) + self.words)
        return {"bytes": "bytes", "seed": "a seed", "layers": "names of layers",
                "triple": "three numbers R, G, B"}.get(self.kind, ", ".join(self.words) or "text")

    def __str__(self) -> str:
        default = "; default %s" % self.default if self.default else ""
        return "%s: %s (%s%s)" % (self.key, self.says, self.values, default)


@dataclass(frozen=True)
class Method:
    """A method. str() of it is a page of help."""

    name: str
    source: str  #: the paper
    needs: str  #: backbone and images that it is for
    has_maps: bool  #: its scorers say where, unless options say otherwise
    takes_depth: bool  #: it may use the images' depth
    merges: bool  #: its fits can be merged
    trains: bool  #: it trains a student
    options: Dict[str, Option]
    presets: Dict[str, str]  #: names for the option "preset", and what they mean

    def __str__(self) -> str:
        lines = ["%s (%s)" % (self.name, self.source), "    For %s." % self.needs]
        if self.presets:
            lines.append("    preset: several settings at once, which other options change")
            lines += ["        %s: %s" % pair for pair in self.presets.items()]
        lines += ["    %s" % option for option in self.options.values()]
        return "\n".join(_folded(line) for line in lines)


def _folded(line: str) -> str:
    """In lines of 92 columns; textwrap would take ten times as long, at every import."""
    indent = len(line) - len(line.lstrip())
    lines = [" " * indent]
    for word in line.split():
        if len(lines[-1]) + len(word) > 92:
            lines.append(" " * (indent + 4))
        lines[-1] += word + " "
    return "\n".join(each.rstrip() for each in lines)


def _parts(bits: int) -> Tuple[str, ...]:
    return tuple(part.name[len("AD_OPTION_"):].lower() for part in _c.ad_option_part if bits & part)


def _options(method: bytes, count: int) -> List[Option]:
    found = []
    for i in range(count):
        info = _c.sized(_c.ad_option_info)
        check(lib.ad_method_get_option(method, i, _c.byref(info)))
        words = text(info.words)
        found.append(Option(text(info.key),
                            _c.ad_option_kind(info.kind).name[len("AD_OPTION_"):].lower(),
                            _parts(info.part), text(info.fallback),
                            tuple(words.split("|")) if words else (), info.low, info.high,
                            text(info.says)))
    return found


def _presets(method: bytes, count: int) -> Dict[str, str]:
    found = {}
    for i in range(count):
        name, says = _c.c_char_p(), _c.c_char_p()
        check(lib.ad_method_get_preset(method, i, _c.byref(name), _c.byref(says)))
        found[text(name.value)] = text(says.value)
    return found


def methods() -> Dict[str, Method]:
    """Every method by its name, with all of its options.

        print(adfeat.methods()["padim"])"""
    found = {}
    for i in range(lib.ad_method_count()):
        info = _c.sized(_c.ad_method_info)
        check(lib.ad_method_get_info(i, _c.byref(info)))
        options = {option.key: option for option in _options(info.name, info.option_count)}
        method = Method(text(info.name), text(info.source), text(info.needs), bool(info.has_maps),
                        bool(info.takes_depth), bool(info.merges), bool(info.trains), options,
                        _presets(info.name, info.preset_count))
        found[method.name] = method
    return found


def help_text() -> str:
    """Every method with its options, for docstrings."""
    pages = "\n\n".join(map(str, methods().values()))
    return "    " + pages.replace("\n", "\n    ").replace("\n    \n", "\n\n")
