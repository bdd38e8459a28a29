"""AST in PyTorch, in any precision: the flow and its inverse, the student, losses, maps, scores. NCHW inside."""
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

KERNELS = (3, 3, 3, 5)
LIMIT = 1e6
ADAM = {"lr": 2e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-5}


def permutation(seed, n):
    """Output channel i is input channel [i]."""
    return np.random.RandomState(seed).permutation(n)


def positional_encoding(h, w, d, dtype=torch.float64):
    """[h, w, d]: sine and cosine of x at d / 4 frequencies, then of y."""
    if d % 4:
        raise ValueError("sine and cosine of two axes: a multiple of 4 channels")
    out = np.zeros((h, w, d))
    for k in range(d // 4):
        f = math.exp(-math.log(1e4) * 2 * k / (d // 2))
        for y in range(h):
            for x in range(w):
                out[y, x, 2 * k:2 * k + 2] = math.sin(x * f), math.cos(x * f)
                out[y, x, d // 2 + 2 * k:d // 2 + 2 * k + 2] = math.sin(y * f), math.cos(y * f)
    return torch.from_numpy(out).to(dtype)


def soft_clamp(s, alpha):
    """e-hat, the exponent of a coupling: within +-alpha."""
    return 0.636 * alpha * torch.atan(s / alpha)


class SubNet(nn.Module):
    """What a coupling computes s and t with; gamma scales both and is 0 in a new flow."""

    def __init__(self, cin, hidden, cout, kernel):
        super().__init__()
        pad = {"padding": kernel // 2, "padding_mode": "replicate"}
        self.conv1 = nn.Conv2d(cin, hidden, kernel, **pad)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(hidden, cout, kernel, **pad)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.gamma * self.conv2(self.relu(self.conv1(x)))


class Permute(nn.Module):
    def __init__(self, seed, n):
        super().__init__()
        self.register_buffer("index", torch.from_numpy(permutation(seed, n)).float())

    def forward(self, x):
        return x[:, self.index.long()]

    def inverse(self, y):
        return y[:, torch.argsort(self.index.long())]


class Coupling(nn.Module):
    """Of an odd number of channels the first half is the smaller. The second half's terms come from the new first."""

    def __init__(self, n, d, hidden, kernel, alpha):
        super().__init__()
        self.first, self.alpha = n // 2, alpha
        rest = n - self.first
        self.r1 = SubNet(self.first + d, hidden, 2 * rest, kernel)
        self.r2 = SubNet(rest + d, hidden, 2 * self.first, kernel)

    def terms(self, net, x, c):
        """e-hat(s) and t."""
        s, t = net(torch.cat([x, c], 1)).chunk(2, 1)
        return soft_clamp(s, self.alpha), t

    def forward(self, x, c):
        x1, x2 = x[:, :self.first], x[:, self.first:]
        e2, t2 = self.terms(self.r2, x2, c)
        y1 = torch.exp(e2) * x1 + t2
        e1, t1 = self.terms(self.r1, y1, c)
        y2 = torch.exp(e1) * x2 + t1
        return torch.cat([y1, y2], 1).clamp(-LIMIT, LIMIT), e1.sum(1) + e2.sum(1)

    def inverse(self, y, c):
        y1, y2 = y[:, :self.first], y[:, self.first:]
        e1, t1 = self.terms(self.r1, y1, c)
        x2 = (y2 - t1) * torch.exp(-e1)
        e2, t2 = self.terms(self.r2, x2, c)
        return torch.cat([(y1 - t2) * torch.exp(-e2), x2], 1)


class Flow(nn.Module):
    """The teacher. Gives z and the log-determinant of every position, [B, h, w]."""

    def __init__(self, n, d, hidden, alpha, couplings=4):
        super().__init__()
        self.permute = nn.ModuleList(Permute(k, n) for k in range(couplings))
        self.coupling = nn.ModuleList(Coupling(n, d, hidden, KERNELS[k], alpha) for k in range(couplings))

    def forward(self, x, c):
        logdet = 0
        for permute, coupling in zip(self.permute, self.coupling):
            x, part = coupling(permute(x), c)
            logdet = logdet + part
        return x, logdet

    def inverse(self, z, c):
        for permute, coupling in zip(reversed(self.permute), reversed(self.coupling)):
            z = permute.inverse(coupling.inverse(z, c))
        return z


class Residual(nn.Module):
    """The activation comes before the addition, none after it."""

    def __init__(self, width, slope):
        super().__init__()
        self.l1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.l2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.act1, self.act2 = nn.LeakyReLU(slope), nn.LeakyReLU(slope)

    def forward(self, x):
        return x + self.act2(self.bn2(self.l2(self.act1(self.bn1(self.l1(x))))))


class Student(nn.Module):
    def __init__(self, n, d, width, blocks, slope):
        super().__init__()
        self.conv1, self.act = nn.Conv2d(d + n, width, 3, padding=1), nn.LeakyReLU(slope)
        self.res = nn.ModuleList(Residual(width, slope) for _ in range(blocks))
        self.conv2 = nn.Conv2d(width, n, 3, padding=1)

    def forward(self, x, c):
        x = self.act(self.conv1(torch.cat([c, x], 1)))
        for block in self.res:
            x = block(x)
        return self.conv2(x)


def weight_sum(mask, norm):
    """What a loss is divided by: positions of the foreground, or all."""
    return mask.sum() if norm == "foreground" else mask.numel()


def likelihood_map(z, logdet):
    """[B, h, w], the teacher's own score of a position."""
    return 0.5 * z.pow(2).sum(1) - logdet


def distance_map(zt, zs):
    return (zt - zs).pow(2).mean(1)


def weighted_mean(values, mask, norm):
    """Either loss from its map."""
    return (mask * values).sum() / weight_sum(mask, norm)


def image_scores(values, kind, mask):
    """[B]: without a mask the mean, else the maximum; a soft mask counts twice, as the official script has it."""
    if kind == "none":
        return values.mean((1, 2))
    return ((mask if kind == "soft" else 1) * (mask * values)).amax((1, 2))


def enlarge(maps, factor=8):
    """Bicubic, a = -0.75."""
    return F.interpolate(maps[:, None], scale_factor=factor, mode="bicubic", align_corners=False)[:, 0]
