"""What no tensor tells: how an EfficientNet is padded, its batch-norm eps, and which mean and std its images
had. Each is taken from the first source that knows it, and sources that contradict each other are refused.

The values of timm's models are those of its default_cfgs (0.6.13 and 1.0): bn_eps and pad_type 'same' for tf_*,
mean and std 0.5 for AdvProp ("ap"), for the recipe "ra4" and for tf_efficientnet_lite*.
"""
from __future__ import annotations

import os
import re
import typing

from .networks import EFFICIENTNET_PYTORCH, TIMM, TORCHVISION, Network, networks
from .tensors import Refused

PADDINGS = ("same_dynamic", "same_static", "same_static_v063", "symmetric")
FIELDS = ("padding", "batchnorm_eps", "mean", "std")

Triple = tuple[float, float, float]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)
TENSORFLOW_LITE = ((0.498039216,) * 3, (0.501960784,) * 3)  # (x - 127) / 128, in units of rgb / 255

DIALECT_SAYS = "the kind of its names"

Facts = dict[str, object]  # of FIELDS, those that are known


def facts(padding: typing.Optional[str] = None, eps: typing.Optional[float] = None,
          images: typing.Optional[tuple[Triple, Triple]] = None) -> Facts:
    every = {"padding": padding, "batchnorm_eps": eps, "mean": images and images[0], "std": images and images[1]}
    return {key: value for key, value in every.items() if value is not None}


def default_images(network: Network) -> tuple[Triple, Triple]:
    """What libadfeat's own graph says: the metadata need not."""
    return TENSORFLOW_LITE if network.name.startswith("efficientnet_lite") else IMAGENET


# ---- Text of metadata and options ----------------------------------------------------------------------

def parse(key: str, text: str) -> object:
    """The value, or ValueError with what is wrong."""
    if key == "padding":
        if text not in PADDINGS:
            raise ValueError("padding is '%.40s': there are %s" % (text, ", ".join(PADDINGS)))
        return text
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if key == "batchnorm_eps":
        if len(values) != 1 or not 0 < values[0] < 1:
            raise ValueError("batchnorm_eps is '%.40s', not a number between 0 and 1" % text)
        return values[0]
    if len(values) == 1:
        values *= 3
    if len(values) != 3 or not all((0 < v <= 10) if key == "std" else (-10 <= v <= 10) for v in values):
        raise ValueError("%s is '%.40s', not one number or three like 0.485,0.456,0.406, of pixels from 0 to 1"
                         % (key, text))
    return tuple(values)


def show(value: object) -> str:
    return value if isinstance(value, str) else ",".join("%.9g" % v for v in
                                                         (value if isinstance(value, tuple) else (value,)))


# ---- Names of models -----------------------------------------------------------------------------------

MODEL = re.compile(r"(?P<maker>tf_|adv-)?(?P<family>efficientnet)(?P<dash>[_-])(?P<size>b[0-5]|lite[0-2])"
                   r"(?:[._](?P<tag>[a-z0-9_]+?))?(?:-[0-9a-f]{8})?")
RESNET = re.compile(r"(?P<name>resnet18|resnet34|resnet50|wide_resnet50_2)(?:[._](?P<tag>[a-z0-9_]+))?"
                    r"(?:-[0-9a-f]{8})?")
TF_TAGS = {"aa", "aa_in1k", "ap", "ap_in1k", "in1k", "ns", "ns_jft_in1k", "ra", "ra_in1k"}
TIMM_TAGS = {"b0": {"ra", "ra_in1k", "ra4_e3600_r224_in1k"}, "b1": {"ft_in1k", "ra4_e3600_r240_in1k"},
             "b2": {"ra", "ra_in1k"}, "b3": {"ra2", "ra2_in1k"}, "b4": {"ra2", "ra2_320", "ra2_in1k"},
             "b5": {"sw_in12k", "sw_in12k_ft_in1k"}, "lite0": {"ra", "ra_in1k"}, "lite1": set(), "lite2": set()}
ENDINGS = (".safetensors", ".pth.tar", ".pth", ".pt", ".bin", ".ckpt", ".npz", ".tar")


class Model(typing.NamedTuple):
    """What a model's name says. A bare one, like 'efficientnet_b4', is timm's and torchvision's and, as
    libadfeat's own name, nobody's."""
    name: str
    architecture: str
    maker: typing.Optional[str]   # None: timm or torchvision
    facts: Facts
    bare: bool


def model_of(name: str) -> typing.Optional[Model]:
    """None for a name that is not known in full: an unknown tag may mean anything."""
    match = RESNET.fullmatch(name)
    if match:
        half = (match["tag"] or "").startswith("ra4_")
        return Model(name, match["name"], None, facts(images=HALF if half else None), match["tag"] is None)
    match = MODEL.fullmatch(name)
    if not match:
        return None
    maker, size, tag = match["maker"], match["size"], match["tag"]
    architecture = "efficientnet_" + size
    lite = size.startswith("lite")
    if match["dash"] == "-" or maker == "adv-":
        if tag or match["dash"] != "-" or maker == "tf_" or (maker and lite):
            return None
        images = HALF if maker else None if lite else IMAGENET
        return Model(name, architecture, EFFICIENTNET_PYTORCH, facts("same_dynamic", 1e-3, images), False)
    if maker == "tf_":
        if tag and tag not in ({"in1k"} if lite else TF_TAGS):
            return None
        half = lite or tag in ("ap", "ap_in1k")
        return Model(name, architecture, TIMM, facts("same_dynamic", 1e-3, HALF if half else IMAGENET), False)
    if tag and tag not in TIMM_TAGS[size]:
        return None
    images = HALF if tag and tag.startswith("ra4_") else IMAGENET
    if size == "b1" and not tag:
        images = None  # timm changed which weights this name means, and their mean and std with them
    return Model(name, architecture, TIMM if tag else None, facts("symmetric", 1e-5, images), tag is None)


def model_of_file(path: str) -> typing.Optional[Model]:
    name = os.path.basename(path)
    for ending in ENDINGS:
        if name.endswith(ending):
            name = name[:-len(ending)]
            break
    return model_of(name)


# ---- Sources, the first one first ----------------------------------------------------------------------

def facts_of_dialect(network: Network, dialect: str) -> Facts:
    """What the names of the tensors leave one possibility for."""
    if not network.is_efficientnet or dialect == TIMM:
        return {}
    if dialect == EFFICIENTNET_PYTORCH:
        return facts("same_dynamic", 1e-3)
    return facts("symmetric", 1e-3 if network.name == "efficientnet_b5" else 1e-5, IMAGENET)


def facts_of_model(model: Model, network: Network, dialect: str) -> Facts:
    """A bare name means the weights of the library whose names the tensors have."""
    if model.maker is None and dialect == TORCHVISION and network.is_efficientnet:
        return facts_of_dialect(network, dialect)
    return model.facts


def resolve(network: Network, dialect: str, options: Facts, metadata: Facts, named: typing.Optional[Model],
            file_model: typing.Optional[Model]) -> tuple[Facts, dict[str, str], list[str]]:
    """(value of every field, where it is from, what should be told). @param named: asked for by the user"""
    if not network.is_efficientnet:
        for key in ("padding", "batchnorm_eps"):
            if key in options:
                raise Refused("is %s, which leaves %s no choice" % (network.name, key))
    for model in (named, file_model):
        if model and model.architecture != network.name:
            if model is named:
                raise Refused("is %s, not %s as '%s' is" % (network.name, model.architecture, model.name))
            file_model = None
    if file_model and network.is_efficientnet and not may_name(file_model, dialect, metadata):
        file_model = None
    sources = [("given", options), ("the file's metadata", metadata)]
    if named:
        sources.append(("the name '%s'" % named.name, facts_of_model(named, network, dialect)))
    sources.append((DIALECT_SAYS, facts_of_dialect(network, dialect)))
    notes = []
    if file_model and not named:
        notes += told_by_file_name(file_model, {key for _, known in sources for key in known}, network)
        sources.append(("the file's name, '%s'" % file_model.name, facts_of_model(file_model, network, dialect)))
    notes += check_agreement(sources)
    values, origin = first_of(sources)
    if network.is_efficientnet:
        require(network, dialect, values)
        complete(network, dialect, named or file_model, values, origin, notes)
    for key, default in zip(("mean", "std"), default_images(network)):
        if key not in values:
            values[key], origin[key] = default, "default of %s" % network.name
    return values, origin, notes


def may_name(model: Model, dialect: str, metadata: Facts) -> bool:
    """A file's name may be anybody's choice, so it counts for less than --name does: 'tf_', 'adv-' and a tag
    say who made the weights, a bare name does so under timm's names only, and metadata is more sure."""
    if "padding" in metadata or (model.maker is None and dialect != TIMM):
        return False
    return model.maker != EFFICIENTNET_PYTORCH or dialect == EFFICIENTNET_PYTORCH


def told_by_file_name(model: Model, known: set[str], network: Network) -> list[str]:
    defaults = dict(zip(("mean", "std"), default_images(network)))
    decided = [key for key in FIELDS if key in model.facts and key not in known
               and model.facts[key] != defaults.get(key)]
    return ["%s: from the file's name, taken to mean %s's '%s'; --name says otherwise"
            % (" and ".join(decided), model.maker or "timm", model.name)] if decided else []


def first_of(sources: list[tuple[str, Facts]]) -> tuple[Facts, dict[str, str]]:
    values: Facts = {}
    origin: dict[str, str] = {}
    for what, known in sources:
        for key, value in known.items():
            if key not in values:
                values[key], origin[key] = value, what
    return values, origin


def check_agreement(sources: list[tuple[str, Facts]]) -> list[str]:
    """Only an option may contradict, and is told so. The names of the tensors are weaker than metadata:
    converting changes them."""
    given, metadata = sources[0][1], sources[1][1]
    notes = []
    for key in FIELDS:
        said = [(what, show(known[key])) for what, known in sources[1:] if key in known
                and not (what == DIALECT_SAYS and key in metadata)]
        option = "--" + key.replace("_", "-")
        if key in given:
            notes += ["%s %s is taken, though %s says %s" % (option, show(given[key]), what, value)
                      for what, value in said if value != show(given[key])]
        elif len({value for _, value in said}) > 1:
            raise Refused("leaves %s open: %s; %s decides"
                          % (key, ", but ".join("%s says %s" % pair for pair in said), option))
    return notes


def require(network: Network, dialect: str, values: Facts) -> None:
    if "padding" in values:
        return
    raise Refused("is %s under timm's names, which both '%s' (symmetric padding, eps 1e-5) and 'tf_%s' "
                  "(same_dynamic, 1e-3) have: --name with the model's full name decides, or --padding"
                  % (network.name, network.name, network.name))


def complete(network: Network, dialect: str, model: typing.Optional[Model], values: Facts,
             origin: dict[str, str], notes: list[str]) -> None:
    """The padding of a file of timm's tells which of its two kinds of weights these are, and so the rest."""
    if dialect != TIMM:
        if "mean" not in values and dialect == EFFICIENTNET_PYTORCH and "lite" not in network.name:
            notes.append("mean and std are taken to be ImageNet's; those of AdvProp weights (adv-efficientnet-*) "
                         "are 0.5")
        return
    if model and "mean" not in values and model.name.startswith("efficientnet_b1"):
        raise Refused("is timm's efficientnet_b1, which is 'efficientnet_b1.ft_in1k' (ImageNet's mean and std) or "
                      "'efficientnet_b1.ra4_e3600_r240_in1k' (0.5): --name decides, or --mean and --std")
    tensorflow = values["padding"] != "symmetric"
    if "batchnorm_eps" not in values:
        values["batchnorm_eps"] = 1e-3 if tensorflow else 1e-5
        origin["batchnorm_eps"] = "goes with %s in timm" % values["padding"]
        notes.append("batchnorm_eps %s goes with the padding; --batchnorm-eps says otherwise"
                     % show(values["batchnorm_eps"]))
    images = HALF if tensorflow and "lite" in network.name else IMAGENET
    for key, value in zip(("mean", "std"), images):
        if key not in values:
            values[key], origin[key] = value, "most weights of this kind in timm"
            if value != HALF[0]:
                notes.append("%s is taken to be %s; that of AdvProp and ra4 weights is 0.5" % (key, show(value)))
