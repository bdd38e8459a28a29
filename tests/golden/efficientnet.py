"""EfficientNet-B0..B5 and -Lite0..Lite2 in PyTorch with EfficientNet-PyTorch's state-dict names.

Tan and Le 2019 (arXiv:1905.11946); Lite as TensorFlow defines it: ReLU6 for SiLU, no squeeze-excitation, stem and head
of fixed width, first and last stage of fixed depth. Drop-connect is a matter of training and left out.
"""
import math

import torch.nn.functional as F
from torch import nn

# kernel, stride, expand, channels, repeats
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
          (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
# width factor, depth factor, nominal input side
SCALES = {"efficientnet_b0": (1.0, 1.0, 224), "efficientnet_b1": (1.0, 1.1, 240), "efficientnet_b2": (1.1, 1.2, 260),
          "efficientnet_b3": (1.2, 1.4, 300), "efficientnet_b4": (1.4, 1.8, 380), "efficientnet_b5": (1.6, 2.2, 456),
          "efficientnet_lite0": (1.0, 1.0, 224), "efficientnet_lite1": (1.0, 1.1, 240),
          "efficientnet_lite2": (1.1, 1.2, 260)}
PADDINGS = ("same_dynamic", "same_static", "same_static_v063", "symmetric")


def round8(c):
    """The nearest multiple of 8, but never below 90 per cent of c."""
    r = max(8, int(c + 4) // 8 * 8)
    return r + 8 if r < 0.9 * c else r


class PaddedConv(nn.Conv2d):
    """Zeros before and after each axis by one of PADDINGS; side is what the static ones take for the input size."""

    def __init__(self, c_in, c_out, kernel, stride, groups, padding, side):
        super().__init__(c_in, c_out, kernel, stride, groups=groups, bias=False)
        self.rule, self.side = padding, side

    def pads(self, n):
        """(before, after) of an axis of n."""
        k, s = self.kernel_size[0], self.stride[0]
        if self.rule == "symmetric":
            return (k - 1) // 2, (k - 1) // 2
        if self.rule != "same_dynamic":
            n = self.side
        total = max((-(-n // s) - 1) * s + k - n, 0)
        return total // 2, total - total // 2

    def out_size(self, n):
        return (n + sum(self.pads(n)) - self.kernel_size[0]) // self.stride[0] + 1

    def forward(self, x):
        h, w = x.shape[2:]
        return F.conv2d(F.pad(x, self.pads(w) + self.pads(h)), self.weight, None, self.stride, 0, 1, self.groups)


class Block(nn.Module):
    """MBConv; se is the width of the squeeze, 0 for none."""

    def __init__(self, c_in, c_out, kernel, stride, expand, se, act, conv, norm):
        super().__init__()
        mid = c_in * expand
        if expand != 1:
            self._expand_conv = conv(c_in, mid, 1)
            self._bn0 = norm(mid)
        self._depthwise_conv = conv(mid, mid, kernel, stride, mid)
        self._bn1 = norm(mid)
        if se:
            self._se_reduce = nn.Conv2d(mid, se, 1)
            self._se_expand = nn.Conv2d(se, mid, 1)
        self._project_conv = conv(mid, c_out, 1)
        self._bn2 = norm(c_out)
        self.expand, self.se, self.act = expand != 1, se, act
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.act(self._bn0(self._expand_conv(x))) if self.expand else x
        y = self.act(self._bn1(self._depthwise_conv(y)))
        if self.se:
            gate = self._se_expand(self.act(self._se_reduce(y.mean((2, 3), keepdim=True))))
            y = y * gate.sigmoid()
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    def __init__(self, name, padding="same_dynamic", eps=1e-3):
        super().__init__()
        if padding not in PADDINGS:
            raise ValueError("padding %r is none of %s" % (padding, ", ".join(PADDINGS)))
        width, depth, side = SCALES[name]
        lite = "lite" in name
        stem, head = (32, 1280) if lite else (round8(32 * width), round8(1280 * width))
        self.act = F.relu6 if lite else F.silu

        def norm(c):
            return nn.BatchNorm2d(c, eps=eps, momentum=0.01)

        def conv(c_in, c_out, kernel, stride=1, groups=1):
            nonlocal side
            layer = PaddedConv(c_in, c_out, kernel, stride, groups, padding, side)
            if padding == "same_static":
                side = -(-side // stride)
            return layer

        self._conv_stem = conv(3, stem, 3, 2)
        self._bn0 = norm(stem)
        self._blocks = nn.ModuleList()
        self.first, self.last = [], []  # index of the first and last block of each stage
        c = stem
        for stage, (kernel, stride, expand, out, repeats) in enumerate(STAGES):
            out = round8(out * width)
            if not (lite and stage in (0, len(STAGES) - 1)):
                repeats = math.ceil(depth * repeats)
            self.first.append(len(self._blocks))
            for r in range(repeats):
                se = 0 if lite else max(1, int(0.25 * c))
                self._blocks.append(Block(c, out, kernel, stride if r == 0 else 1, expand, se, self.act, conv, norm))
                c = out
            self.last.append(len(self._blocks) - 1)
        self._conv_head = conv(c, head, 1)
        self._bn1 = norm(head)
        self._fc = nn.Linear(head, 1000)

    def blocks(self, x):
        """level0 (stem), block0, block1, ..., level8 (head)."""
        x = self.act(self._bn0(self._conv_stem(x)))
        out = {"level0": x}
        for n, block in enumerate(self._blocks):
            x = out["block%d" % n] = block(x)
        out["level8"] = self.act(self._bn1(self._conv_head(x)))
        return out

    def taps(self, x):
        """level0, ..., level8; level1 to level7 are the last blocks of the stages."""
        blocks = self.blocks(x)
        out = {"level0": blocks["level0"]}
        for level, n in enumerate(self.last, 1):
            out["level%d" % level] = blocks["block%d" % n]
        out["level8"] = blocks["level8"]
        return out

    def geometry(self, h, w):
        """Without running: [H, W, C] of each level, and [top, bottom, left, right] of the padded layer that opens it."""
        shapes, pads = [], []

        def follow(conv, opens, channels):
            nonlocal h, w
            if opens:
                pads.append(conv.pads(h) + conv.pads(w))
                shapes.append(None)
            h, w = conv.out_size(h), conv.out_size(w)
            shapes[-1] = (h, w, channels)

        follow(self._conv_stem, True, self._conv_stem.out_channels)
        for n, block in enumerate(self._blocks):
            follow(block._depthwise_conv, n in self.first, block._project_conv.out_channels)
        follow(self._conv_head, True, self._conv_head.out_channels)
        return shapes, pads

    def forward(self, x):
        return self._fc(self.blocks(x)["level8"].mean((2, 3)))
