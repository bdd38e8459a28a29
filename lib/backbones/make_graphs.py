#!/usr/bin/env python3
"""Write the text graphs of this folder.

The graphs are data and may be edited or written by hand; this script only spares the typing, since a
ResNet is the same block many times over. Run it in this folder: python3 make_graphs.py
Sources: He et al. 2015 (arXiv:1512.03385; stride in the 3x3 convolution, as torchvision has it),
Zagoruyko and Komodakis 2016 (arXiv:1605.07146), Tan and Le 2019 (arXiv:1905.11946) and TensorFlow's
EfficientNet-Lite. Names are those of torchvision and of EfficientNet-PyTorch state dicts; lib/nn/dialect.c
knows the others.
"""
import math

IMAGENET = ("0.485 0.456 0.406", "0.229 0.224 0.225")
# TensorFlow trains the Lite networks on (x - 127) / 128; in units of rgb / 255 that is mean 127/255, std 128/255.
LITE = ("0.498039216 0.498039216 0.498039216", "0.501960784 0.501960784 0.501960784")


def header(name, comment, size, mean, std, hints):
    lines = [f"# {comment}", f"network {name}", f"input_size {size}", f"mean {mean}", f"std {std}"]
    return lines + [f"hint {key} {value}" for key, value in hints] + [""]


def resnet(name, comment, block, counts, inner=1):
    # layer3 alone: on MVTec screw the sum over maxpool..layer3 scores 0.59 where layer3 scores 0.84
    hints = [("gaussian.layers", "layer3"), ("gaussian.reduce", "none"), ("padim.layers", "layer1,layer2,layer3"),
             ("ast.layers", "layer3")]
    g = header(name, comment, 224, *IMAGENET, hints)
    g += ["input image : channels=3",
          "conv2d conv1 <- image : out=64 kernel=7 stride=2 pad=3",
          "batchnorm bn1 <- conv1 : eps=1e-5",
          "relu relu <- bn1",
          "maxpool2d maxpool <- relu : kernel=3 stride=2 pad=1",
          "tap maxpool <- maxpool"]
    x, channels = "maxpool", 64
    for stage, count in enumerate(counts):
        planes = 64 << stage
        out = planes if block == "basic" else planes * 4
        for j in range(count):
            p = f"layer{stage + 1}.{j}"
            stride = 2 if j == 0 and stage > 0 else 1
            if block == "basic":
                convs = [(planes, 3, stride), (planes, 3, 1)]
            else:
                convs = [(planes * inner, 1, 1), (planes * inner, 3, stride), (out, 1, 1)]
            y = x
            for i, (c, k, s) in enumerate(convs, 1):
                attrs = f"out={c} kernel={k}" + (f" stride={s}" if s > 1 else "") + (" pad=1" if k == 3 else "")
                g += [f"conv2d {p}.conv{i} <- {y} : {attrs}", f"batchnorm {p}.bn{i} <- {p}.conv{i} : eps=1e-5"]
                y = f"{p}.bn{i}"
                if i < len(convs):
                    g += [f"relu {p}.relu{i} <- {y}"]
                    y = f"{p}.relu{i}"
            if stride > 1 or channels != out:
                attrs = f"out={out} kernel=1" + (f" stride={stride}" if stride > 1 else "")
                g += [f"conv2d {p}.downsample.0 <- {x} : {attrs}",
                      f"batchnorm {p}.downsample.1 <- {p}.downsample.0 : eps=1e-5"]
                x = f"{p}.downsample.1"
            g += [f"add {p}.add <- {y} {x}", f"relu {p}.out <- {p}.add", f"tap {p} <- {p}.out"]
            x, channels = f"{p}.out", out
        g += [f"tap layer{stage + 1} <- {x}"]
    write(name, g)


# kernel, stride, expansion, channels, repeats of EfficientNet-B0's stages
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
          (3, 1, 6, 320, 1)]


def scaled(channels, width):
    """To a multiple of 8, never more than a tenth below."""
    c = channels * width
    rounded = max(8, int(c + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * c else rounded


def efficientnet(name, comment, size, width, depth, lite=False, torchvision_eps=None):
    """Lite: ReLU6 for SiLU, no squeeze-excitation, and stem, head and the ends' repeats as in Lite0."""
    hints = [("gaussian.layers", "level3,level4,level5,level6,level7"), ("gaussian.reduce", "npca:0.95"),
             ("padim.layers", "level2,level4,level5"), ("ast.layers", "level6")]
    if lite:  # with symmetric padding it is timm's own training, not TensorFlow's
        hints += [("symmetric.mean", IMAGENET[0].replace(" ", ",")), ("symmetric.std", IMAGENET[1].replace(" ", ","))]
    if torchvision_eps:
        hints.append(("torchvision.batchnorm_eps", torchvision_eps))
    g = header(name, comment, size, *(LITE if lite else IMAGENET), hints)
    g[-1:] = ["padding same_dynamic", "eps 1e-3", "", "input image : channels=3"]
    act = "relu6" if lite else "silu"

    def conv_bn(conv, bn, x, attrs, active, op="conv2d"):
        g.extend([f"{op} {conv} <- {x} : {attrs}", f"batchnorm {bn} <- {conv}"])
        if not active:
            return bn
        g.append(f"{act} {bn}.act <- {bn}")
        return f"{bn}.act"

    def squeeze_excite(p, x, channels, reduced):
        g.extend([f"globalavgpool2d {p}.squeeze <- {x}",
                  f"conv2d {p}._se_reduce <- {p}.squeeze : out={reduced} kernel=1 bias=1",
                  f"silu {p}._se_reduce.act <- {p}._se_reduce",
                  f"conv2d {p}._se_expand <- {p}._se_reduce.act : out={channels} kernel=1 bias=1",
                  f"sigmoid {p}.gate <- {p}._se_expand",
                  f"mul {p}.excite <- {x} {p}.gate"])
        return f"{p}.excite"

    channels = 32 if lite else scaled(32, width)
    x = conv_bn("_conv_stem", "_bn0", "image", f"out={channels} kernel=3 stride=2 pad=same", True)
    g.append(f"tap level0 <- {x}")
    block = 0
    for level, (kernel, stride, expand, base, repeats) in enumerate(STAGES, 1):
        out = scaled(base, width)
        if not (lite and level in (1, len(STAGES))):
            repeats = math.ceil(depth * repeats)
        for j in range(repeats):
            p, y, s = f"_blocks.{block}", x, stride if j == 0 else 1
            if expand != 1:
                y = conv_bn(f"{p}._expand_conv", f"{p}._bn0", y, f"out={channels * expand} kernel=1", True)
            y = conv_bn(f"{p}._depthwise_conv", f"{p}._bn1", y, f"kernel={kernel} stride={s} pad=same", True,
                        "dwconv2d")
            if not lite:
                y = squeeze_excite(p, y, channels * expand, max(1, channels // 4))
            y = conv_bn(f"{p}._project_conv", f"{p}._bn2", y, f"out={out} kernel=1", False)
            if s == 1 and channels == out:
                g.append(f"add {p}.add <- {y} {x}")
                y = f"{p}.add"
            g.append(f"tap block{block} <- {y}")
            x, channels = y, out
            block += 1
        g.append(f"tap level{level} <- {x}")
    x = conv_bn("_conv_head", "_bn1", x, f"out={1280 if lite else scaled(1280, width)} kernel=1", True)
    g.append(f"tap level8 <- {x}")
    write(name, g)


def write(name, lines):
    with open(f"{name}.graph", "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")


resnet("resnet18", "ResNet-18, torchvision names", "basic", [2, 2, 2, 2])
resnet("resnet34", "ResNet-34, torchvision names", "basic", [3, 4, 6, 3])
resnet("resnet50", "ResNet-50 v1.5, torchvision names", "bottleneck", [3, 4, 6, 3])
resnet("wide_resnet50_2", "Wide ResNet-50-2, torchvision names", "bottleneck", [3, 4, 6, 3], inner=2)
for n, (size, width, depth, eps) in enumerate([(224, 1.0, 1.0, "1e-5"), (240, 1.0, 1.1, "1e-5"), (260, 1.1, 1.2, "1e-5"),
                                               (300, 1.2, 1.4, "1e-5"), (380, 1.4, 1.8, "1e-5"),
                                               (456, 1.6, 2.2, "1e-3")]):
    efficientnet(f"efficientnet_b{n}", f"EfficientNet-B{n}, EfficientNet-PyTorch names", size, width, depth,
                 torchvision_eps=eps)
for n, (size, width, depth) in enumerate([(224, 1.0, 1.0), (240, 1.0, 1.1), (260, 1.1, 1.2)]):
    efficientnet(f"efficientnet_lite{n}", f"EfficientNet-Lite{n}, EfficientNet-PyTorch names", size, width, depth, lite=True)
