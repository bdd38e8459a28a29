"""What the networks hold: every tensor's name and shape, in the names of each library that has the network.

Sources: He et al. 2015 (arXiv:1512.03385), Zagoruyko and Komodakis 2016 (arXiv:1605.07146), Tan and Le 2019
(arXiv:1905.11946) and TensorFlow's EfficientNet-Lite; the names are those of state dicts.
"""
from __future__ import annotations

import functools
import math
import typing

EFFICIENTNET_PYTORCH, TORCHVISION, TIMM = "efficientnet_pytorch", "torchvision", "timm"
STFPM = "stfpm"  # its authors' students
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")


class Layer(typing.NamedTuple):
    """A convolution and the batch norm behind it. Without one (`norm` is empty) it has a bias."""
    stage: int
    conv: str
    shape: tuple[int, int, int, int]
    norm: str


class Network(typing.NamedTuple):
    """`layers` has a list for each dialect: the same layers in the same order. The first dialect is the one
    that libadfeat's own graphs use."""
    name: str
    stages: tuple[str, ...]
    layers: dict[str, list[Layer]]
    roots: dict[str, tuple[str, ...]]  # first parts of all names that are the network's own

    @property
    def canonical(self) -> str:
        return next(iter(self.layers))

    @property
    def is_efficientnet(self) -> bool:
        return self.name.startswith("efficientnet")


# ---- ResNets: the names of torchvision, which timm shares, and of a student --------------------------

# The authors of STFPM put torchvision's children into a sequence, and so number them (github.com/gdwang08/STFPM,
# main.py at 3bc63bb): 2 and 3 are the ReLU and the pooling.
SEQUENCE = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def in_sequence(name: str) -> str:
    root, dot, rest = name.partition(".")
    return SEQUENCE[root] + dot + rest


def resnet(name: str, counts: tuple[int, ...], bottleneck: bool, inner: int = 1) -> Network:
    layers = [Layer(0, "conv1", (64, 3, 7, 7), "bn1")]
    channels = 64
    for stage, count in enumerate(counts, 1):
        planes = 64 << (stage - 1)
        out = planes * 4 if bottleneck else planes
        for block in range(count):
            prefix = "layer%d.%d." % (stage, block)
            if bottleneck:
                width = planes * inner
                shapes = [(width, channels, 1, 1), (width, width, 3, 3), (out, width, 1, 1)]
            else:
                shapes = [(out, channels, 3, 3), (out, out, 3, 3)]
            for i, shape in enumerate(shapes, 1):
                layers.append(Layer(stage, "%sconv%d" % (prefix, i), shape, "%sbn%d" % (prefix, i)))
            if block == 0 and (stage > 1 or channels != out):
                layers.append(Layer(stage, prefix + "downsample.0", (out, channels, 1, 1),
                                    prefix + "downsample.1"))
            channels = out
    stages = ("stem",) + tuple("layer%d" % (i + 1) for i in range(len(counts)))
    student = [Layer(stage, in_sequence(conv), shape, in_sequence(norm)) for stage, conv, shape, norm in layers]
    return Network(name, stages, {TORCHVISION: layers, STFPM: student},
                   {TORCHVISION: ("conv1", "bn1") + stages[1:], STFPM: tuple(SEQUENCE.values())})


# ---- EfficientNets -----------------------------------------------------------------------------------

# kernel, expansion, channels, repeats of stages 1 to 7
STAGES = ((3, 1, 16, 1), (3, 6, 24, 2), (5, 6, 40, 2), (3, 6, 80, 3), (5, 6, 112, 3), (5, 6, 192, 4),
          (3, 6, 320, 1))

# The parts of a block: convolution and batch norm behind "_blocks.n.", "features.s.j.block." and "blocks.s.j."
BLOCK = {
    EFFICIENTNET_PYTORCH: {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"),
                           "reduce": ("_se_reduce", ""), "excite": ("_se_expand", ""),
                           "project": ("_project_conv", "_bn2")},
    TORCHVISION: {"expand": ("0.0", "0.1"), "depthwise": ("1.0", "1.1"), "reduce": ("2.fc1", ""),
                  "excite": ("2.fc2", ""), "project": ("3.0", "3.1")},
    TIMM: {"expand": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "reduce": ("se.conv_reduce", ""),
           "excite": ("se.conv_expand", ""), "project": ("conv_pwl", "bn3")},
}
# Of stage 1, which has nothing to expand: torchvision and timm number what is left
FIRST_BLOCK = {
    EFFICIENTNET_PYTORCH: BLOCK[EFFICIENTNET_PYTORCH],
    TORCHVISION: {"depthwise": ("0.0", "0.1"), "reduce": ("1.fc1", ""), "excite": ("1.fc2", ""),
                  "project": ("2.0", "2.1")},
    TIMM: {"depthwise": ("conv_dw", "bn1"), "reduce": ("se.conv_reduce", ""), "excite": ("se.conv_expand", ""),
           "project": ("conv_pw", "bn2")},
}
STEM = {EFFICIENTNET_PYTORCH: ("_conv_stem", "_bn0"), TORCHVISION: ("features.0.0", "features.0.1"),
        TIMM: ("conv_stem", "bn1")}
HEAD = {EFFICIENTNET_PYTORCH: ("_conv_head", "_bn1"), TORCHVISION: ("features.8.0", "features.8.1"),
        TIMM: ("conv_head", "bn2")}
ROOTS = {EFFICIENTNET_PYTORCH: ("_conv_stem", "_bn0", "_blocks", "_conv_head", "_bn1"),
         TORCHVISION: ("features",), TIMM: ("conv_stem", "bn1", "blocks", "conv_head", "bn2")}


def round_channels(channels: int, width: float) -> int:
    """To a multiple of 8 that is not much smaller."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def efficientnet(name: str, width: float, depth: float, lite: bool = False) -> Network:
    dialects = (EFFICIENTNET_PYTORCH, TIMM) if lite else (EFFICIENTNET_PYTORCH, TORCHVISION, TIMM)
    layers: dict[str, list[Layer]] = {dialect: [] for dialect in dialects}
    # A Lite network keeps stem and head, has first and last stage once, and no squeeze-and-excitation.
    channels = 32 if lite else round_channels(32, width)
    flat = 0

    def add(stage: int, names: dict[str, tuple[str, str]], shape: tuple[int, int, int, int],
            prefix: typing.Optional[dict[str, str]] = None) -> None:
        for dialect in dialects:
            before = prefix[dialect] if prefix else ""
            conv, norm = names[dialect]
            layers[dialect].append(Layer(stage, before + conv, shape, before + norm if norm else ""))

    add(0, STEM, (channels, 3, 3, 3))
    for stage, (kernel, expansion, out, repeats) in enumerate(STAGES, 1):
        out = round_channels(out, width)
        if not (lite and stage in (1, 7)):
            repeats = math.ceil(repeats * depth)
        table = BLOCK if expansion > 1 else FIRST_BLOCK
        for block in range(repeats):
            prefix = {EFFICIENTNET_PYTORCH: "_blocks.%d." % flat,
                      TORCHVISION: "features.%d.%d.block." % (stage, block),
                      TIMM: "blocks.%d.%d." % (stage - 1, block)}
            wide, narrow = channels * expansion, max(1, channels // 4)
            parts = [("depthwise", (wide, 1, kernel, kernel)), ("reduce", (narrow, wide, 1, 1)),
                     ("excite", (wide, narrow, 1, 1)), ("project", (out, wide, 1, 1))]
            if expansion > 1:
                parts.insert(0, ("expand", (wide, channels, 1, 1)))
            for part, shape in parts:
                if not (lite and part in ("reduce", "excite")):
                    add(stage, {d: table[d][part] for d in dialects}, shape, prefix)
            channels = out
            flat += 1
    add(8, HEAD, (1280 if lite else round_channels(1280, width), channels, 1, 1))
    return Network(name, tuple("level%d" % i for i in range(9)), layers, {d: ROOTS[d] for d in dialects})


@functools.lru_cache(maxsize=None)
def networks() -> dict[str, Network]:
    every = [
        resnet("resnet18", (2, 2, 2, 2), False), resnet("resnet34", (3, 4, 6, 3), False),
        resnet("resnet50", (3, 4, 6, 3), True), resnet("wide_resnet50_2", (3, 4, 6, 3), True, inner=2),
        efficientnet("efficientnet_b0", 1.0, 1.0), efficientnet("efficientnet_b1", 1.0, 1.1),
        efficientnet("efficientnet_b2", 1.1, 1.2), efficientnet("efficientnet_b3", 1.2, 1.4),
        efficientnet("efficientnet_b4", 1.4, 1.8), efficientnet("efficientnet_b5", 1.6, 2.2),
        efficientnet("efficientnet_lite0", 1.0, 1.0, lite=True),
        efficientnet("efficientnet_lite1", 1.0, 1.1, lite=True),
        efficientnet("efficientnet_lite2", 1.1, 1.2, lite=True),
    ]
    return {network.name: network for network in every}
