"""EfficientNet-Lite0 in PyTorch with EfficientNet-PyTorch's state-dict names."""
import torch
import torch.nn.functional as F
from torch import nn

# kernel, stride, expand, channels, repeats
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
          (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]


class SameConv(nn.Conv2d):
    """TF SAME from the actual input size, the extra row and column at the bottom and right."""

    def forward(self, x):
        pad = []
        for axis in (3, 2):
            k, s, n = self.kernel_size[axis - 2], self.stride[axis - 2], x.shape[axis]
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pad += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pad), self.weight, None, self.stride, 0, 1, self.groups)


def norm(c):
    return nn.BatchNorm2d(c, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    def __init__(self, c_in, c_out, k, s, expand):
        super().__init__()
        mid = c_in * expand
        if expand != 1:
            self._expand_conv = SameConv(c_in, mid, 1, bias=False)
            self._bn0 = norm(mid)
        self._depthwise_conv = SameConv(mid, mid, k, s, groups=mid, bias=False)
        self._bn1 = norm(mid)
        self._project_conv = SameConv(mid, c_out, 1, bias=False)
        self._bn2 = norm(c_out)
        self.expand, self.residual = expand != 1, s == 1 and c_in == c_out

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expand else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Lite0(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = norm(32)
        self._blocks = nn.ModuleList()
        c = 32
        self.last = []  # index of the last block of each stage
        for k, s, expand, out, repeats in STAGES:
            for r in range(repeats):
                self._blocks.append(Block(c, out, k, s if r == 0 else 1, expand))
                c = out
            self.last.append(len(self._blocks) - 1)
        self._conv_head = SameConv(c, 1280, 1, bias=False)
        self._bn1 = norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def taps(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        out = {"level0": x}
        for n, block in enumerate(self._blocks):
            x = block(x)
            if n in self.last:
                out["level%d" % (self.last.index(n) + 1)] = x
        out["level8"] = F.relu6(self._bn1(self._conv_head(x)))
        return out

    def forward(self, x):
        return self._fc(self.taps(x)["level8"].mean((2, 3)))
