"""Masked reverse distillation in PyTorch, in any precision: the student, masks, losses, maps, scores. NCHW inside.

The inputs are a dictionary {1: E1, 2: E2, 3: E3}, E1 being layer1's, the widest map; so are masks, outputs and maps, which
have only the levels that are compared. Names and masks count the other way, as MRKD does: generation1 is level 3's.
Run as a program it tests itself against the numbers of the method card.
"""
import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from scipy.ndimage import gaussian_filter
from torch import nn

OPTIONS = {"msff_out": "conv", "sru": 1, "gate": "hard", "gn_groups": 4, "cru": 1, "cru_softmax": "two_way", "simam": 1,
           "fmm": 1, "fmm_align": 1, "mask_rate": 0.2, "levels": "123", "loss": "per_position", "combine": "sum",
           "lr": 1e-3, "weight_decay": 1e-5}
RD4AD = {"msff_out": "concat", "sru": 0, "cru": 0, "simam": 0, "fmm": 0, "loss": "flat", "lr": 5e-3, "weight_decay": 0.0}
PRESETS = {"masked_rd": {}, "rd4ad": RD4AD, "mrkd_flm": {**RD4AD, "fmm": 1, "fmm_align": 0}}
BETAS, ADAM_EPS = (0.5, 0.999), 1e-8
# Channels of E1..E3 and of the embedding, factor of a bottleneck's inner width or 0 for basic blocks, blocks of the OCE
# and of the decoder's stages.
ARCHS = {
    "resnet18": ((64, 128, 256), 512, 0, 2, (2, 2, 2)),
    "resnet50": ((256, 512, 1024), 2048, 1, 3, (3, 4, 6)),
    "wide_resnet50_2": ((256, 512, 1024), 2048, 2, 3, (3, 4, 6)),
}


def levels_of(options):
    """Levels that are compared, ascending: [2, 3] of "23"."""
    return [int(k) for k in options["levels"]]


def mirrored(level):
    """MRKD's number of a level, in names and in the masks' key."""
    return 4 - level


# ---- Masks ----

def mix(z):
    u64 = np.uint64
    with np.errstate(over="ignore"):
        z = z + u64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> u64(30))) * u64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> u64(27))) * u64(0x94D049BB133111EB)
    return z ^ (z >> u64(31))


def masks(seed, step, level, n, h, w, rate):
    """float64 [n, 1, h, w] of 0 and 1; level counts as MRKD's names do, 1 being the deepest."""
    def one(value):
        return np.array([value], np.uint64)
    with np.errstate(over="ignore"):
        draw = mix(mix(one(seed)) + one(step))
        key = mix(draw + one(level))
        r = (mix(key + np.arange(n * h * w, dtype=np.uint64)) >> np.uint64(40)).astype(np.float64) * 2.0 ** -24
    return np.where(r < rate, 0.0, 1.0).reshape(n, 1, h, w)


# ---- Networks ----

def conv(cin, cout, kernel, stride=1, **more):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, **{"bias": False, **more})


def deconv(cin, cout):
    return nn.ConvTranspose2d(cin, cout, 2, 2, bias=False)


class Block(nn.Module):
    """A basic block, or with a factor a bottleneck. scale: "down", "up" (transposed convolutions) or None."""

    def __init__(self, cin, cout, factor, scale=None):
        super().__init__()
        inner = cout // 4 * factor if factor else cout
        self.last = "bn3" if factor else "bn2"
        shapes = [(cin, inner, 1), (inner, inner, 3), (inner, cout, 1)] if factor else [(cin, inner, 3), (inner, cout, 3)]
        scaled = 1 if factor else 0
        for i, (a, b, kernel) in enumerate(shapes):
            stride = 2 if scale == "down" and i == scaled else 1
            up = scale == "up" and i == scaled
            setattr(self, "conv%d" % (i + 1), deconv(a, b) if up else conv(a, b, kernel, stride))
            setattr(self, "bn%d" % (i + 1), nn.BatchNorm2d(b))
            setattr(self, "relu%d" % (i + 1), nn.ReLU())
        self.shortcut = scale and scale + "sample"
        if scale:
            first = deconv(cin, cout) if scale == "up" else conv(cin, cout, 1, 2)
            setattr(self, self.shortcut, nn.Sequential(first, nn.BatchNorm2d(cout)))

    def forward(self, x):
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.last == "bn3":
            y = self.bn3(self.conv3(self.relu2(y)))
        y = y + (getattr(self, self.shortcut)(x) if self.shortcut else x)
        return (self.relu3 if self.last == "bn3" else self.relu2)(y)


def stage(cin, cout, factor, scale, blocks):
    return nn.Sequential(Block(cin, cout, factor, scale), *[Block(cout, cout, factor) for _ in range(blocks - 1)])


class Msff(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        c1, c2, c3 = channels
        shapes = [(c1, c2, 3, 2), (c2, c3, 3, 2), (c2, c3, 3, 2)] + ([(3 * c3, c3, 1, 1)] if out == "conv" else [])
        for i, (a, b, kernel, stride) in enumerate(shapes, 1):
            setattr(self, "conv%d" % i, conv(a, b, kernel, stride))
            setattr(self, "bn%d" % i, nn.BatchNorm2d(b))
            setattr(self, "relu%d" % i, nn.ReLU())
        self.out = out

    def unit(self, i, x):
        return getattr(self, "relu%d" % i)(getattr(self, "bn%d" % i)(getattr(self, "conv%d" % i)(x)))

    def forward(self, e):
        x = torch.cat([self.unit(2, self.unit(1, e[1])), self.unit(3, e[2]), e[3]], 1)
        return self.unit(4, x) if self.out == "conv" else x


class Sru(nn.Module):
    """seen: what the gate looks at the sign of."""

    def __init__(self, channels, groups, gate):
        super().__init__()
        self.gn, self.gate, self.seen = nn.GroupNorm(groups, channels), gate, None
        if gate == "hard":  # no gradient at all: Adam must not decay them
            self.gn.requires_grad_(False)

    def forward(self, x):
        g = self.gn.weight
        t = (g / g.sum()).view(1, -1, 1, 1) * self.gn(x)
        above = t > 0
        self.seen = t.detach()
        if self.gate == "hard":
            w1 = above.to(x.dtype)
            w2 = 1 - w1
        else:
            r = torch.sigmoid(t)
            w1, w2 = torch.where(above, torch.ones_like(r), r), torch.where(above, torch.zeros_like(r), r)
        x11, x12 = (w1 * x).chunk(2, 1)
        x21, x22 = (w2 * x).chunk(2, 1)
        return torch.cat([x11 + x22, x12 + x21], 1)


class Cru(nn.Module):
    def __init__(self, channels, softmax):
        super().__init__()
        half, quarter, self.softmax = channels // 2, channels // 4, softmax
        self.squeeze1, self.squeeze2 = conv(half, quarter, 1), conv(half, quarter, 1)
        self.GWC = conv(quarter, channels, 3, groups=2, bias=True)
        self.PWC1, self.PWC2 = conv(quarter, channels, 1), conv(quarter, channels - quarter, 1)

    def forward(self, x):
        up, low = x.chunk(2, 1)
        u, low = self.squeeze1(up), self.squeeze2(low)
        y = [self.GWC(u) + self.PWC1(u), torch.cat([self.PWC2(low), low], 1)]
        s = [v.mean((2, 3), keepdim=True) for v in y]
        if self.softmax == "joint":
            b1, b2 = torch.softmax(torch.cat(s, 1), 1).chunk(2, 1)
        else:
            b1, b2 = torch.softmax(torch.stack(s), 0).unbind()
        return b1 * y[0] + b2 * y[1]


class ScConv(nn.Module):
    """A unit that is switched off does not exist, and passes on what it is given."""

    def __init__(self, channels, o):
        super().__init__()
        self.SRU = Sru(channels, o["gn_groups"], o["gate"]) if o["sru"] else nn.Identity()
        self.CRU = Cru(channels, o["cru_softmax"]) if o["cru"] else nn.Identity()


def simam(x, coefficient=1e-4):
    n = x.shape[2] * x.shape[3] - 1
    d = (x - x.mean((2, 3), keepdim=True)).pow(2)
    v = d.sum((2, 3), keepdim=True) / max(n, 1)
    return x * torch.sigmoid(d / (4 * (v + coefficient)) + 0.5)


class Fmm(nn.Module):
    """Align, mask, generate; no mask: all ones."""

    def __init__(self, channels, align):
        super().__init__()
        if align:
            self.align = nn.Conv2d(channels, channels, 1)
        self.add_module("0", nn.Conv2d(channels, channels, 3, padding=1))
        self.add_module("1", nn.ReLU())
        self.add_module("2", nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x, mask=None):
        m = self._modules
        x = m["align"](x) if "align" in m else x
        return m["2"](m["1"](m["0"](x if mask is None else x * mask)))


class Student(nn.Module):
    """All that is trained. The decoder's stages end at the widest level that is compared."""

    def __init__(self, arch, options):
        super().__init__()
        channels, embedding, factor, oce, blocks = ARCHS[arch]
        o = {**OPTIONS, **options}
        self.levels, self.simam, self.fmm = levels_of(o), o["simam"], o["fmm"]
        width = channels[2] * (3 if o["msff_out"] == "concat" else 1)
        self.msff = Msff(channels, o["msff_out"])
        self.scconv = ScConv(width, o)
        self.bn_layer = stage(width, embedding, factor, "down", oce)
        self.decoder = nn.ModuleDict()
        cin = embedding
        for level in range(3, min(self.levels) - 1, -1):
            cout = channels[level - 1]
            self.decoder["layer%d" % mirrored(level)] = stage(cin, cout, factor, "up", blocks[mirrored(level) - 1])
            cin = cout
        if self.fmm:
            for level in reversed(self.levels):
                self.add_module("generation%d" % mirrored(level), Fmm(channels[level - 1], o["fmm_align"]))

    def forward(self, e, masks=None):
        """Generated maps by level, and what is on the way there by name."""
        seen = {"msff": self.msff(e)}
        seen["sru"] = self.scconv.SRU(seen["msff"])
        seen["cru"] = self.scconv.CRU(seen["sru"])
        seen["simam"] = simam(seen["cru"]) if self.simam else seen["cru"]
        x = seen["embedding"] = self.bn_layer(seen["simam"])
        out = {}
        for level in range(3, min(self.levels) - 1, -1):
            x = seen["D%d" % level] = self.decoder["layer%d" % mirrored(level)](x)
            if level in self.levels:
                fmm = self._modules.get("generation%d" % mirrored(level))
                out[level] = fmm(x, masks and masks[level]) if fmm else x
        return {level: out[level] for level in self.levels}, seen


class Teacher(nn.Module):
    """A torchvision ResNet up to layer3; returns the three stages by level."""

    def __init__(self, arch):
        super().__init__()
        net = getattr(torchvision.models, arch)()
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"):
            setattr(self, name, getattr(net, name))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        e1 = self.layer1(x)
        e2 = self.layer2(e1)
        return {1: e1, 2: e2, 3: self.layer3(e2)}


def initialise(student):
    """Convolutions normal by fan-out, but in SCConv and where transposed; the rest is PyTorch's default."""
    for name, m in student.named_modules():
        if isinstance(m, nn.Conv2d) and not name.startswith("scconv"):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    return student


def optimizer(student, lr=OPTIONS["lr"], weight_decay=OPTIONS["weight_decay"]):
    trained = [p for p in student.parameters() if p.requires_grad]
    return torch.optim.Adam(trained, lr, betas=BETAS, eps=ADAM_EPS, weight_decay=weight_decay)


# ---- Distances, losses, maps ----

def distance(e, g):
    """1 - cosine over dimension 1."""
    return 1 - (e * g).sum(1) / (e.norm(dim=1) * g.norm(dim=1)).clamp_min(1e-8)


def distance_maps(e, g):
    """[B, h, w] a level."""
    return {level: distance(e[level], g[level]) for level in g}


def losses(e, g, kind):
    """A part a level; the loss is their sum."""
    if kind == "flat":
        return {level: distance(e[level].flatten(1), g[level].flatten(1)).mean() for level in g}
    return {level: m.mean() for level, m in distance_maps(e, g).items()}


def combined_map(maps, side, combine="sum"):
    """[B, side, side], not yet blurred."""
    up = [F.interpolate(m[:, None], (side, side), mode="bilinear", align_corners=True)[:, 0] for m in maps.values()]
    out = up[0]
    for other in up[1:]:
        out = out * other if combine == "product" else out + other
    return out


def blurred(maps, sigma=4.0):
    return torch.from_numpy(np.stack([gaussian_filter(m.numpy(), sigma) for m in maps]))


def image_scores(maps):
    return maps.flatten(1).max(1)[0]


# ---- The card's numbers ----

class Macs:
    """Multiplications of convolutions by the first part of their name."""

    def __init__(self, module):
        self.count = {}
        for name, m in module.named_modules():
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                m.register_forward_hook(lambda m, x, y, top=name.split(".")[0]: self.add(top, m, x[0], y))

    def add(self, top, m, x, y):
        cost = (x.numel() // m.in_channels if m.transposed else y.numel() // m.out_channels) * m.weight.numel()
        self.count[top] = self.count.get(top, 0) + cost

    def of(self, top):
        return sum(v for k, v in self.count.items() if k.startswith(top)) / 1e9


def counted(student, top):
    return sum(p.numel() for k, p in student.named_parameters() if k.startswith(top))


def near(what, got, want, unit):
    assert abs(got - want) <= 0.5001 * unit, "%s is %.6g, not %g" % (what, got, want)
    print("  %-34s %.8g (card: %.8g)" % (what, got, want))


def check_units():
    got = simam(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], dtype=torch.float64)).flatten()
    want = torch.tensor([0.6979342, 1.2624602, 1.8936903, 2.7917366], dtype=torch.float64)
    assert float((got - want).abs().max()) < 1.5e-7, got  # the card's are float32
    assert torch.isfinite(simam(torch.ones(1, 2, 1, 1))).all()
    x = torch.randn(1, 3, 5, 7, dtype=torch.float64)
    d = (x - x.mean((2, 3), keepdim=True)).pow(2)
    v = d.sum((2, 3), keepdim=True) / 34
    energy = 4 * (v + 1e-4) / (d + 2 * v + 2e-4)
    assert torch.allclose(simam(x), x * torch.sigmoid(1 / energy), rtol=1e-12)
    m = masks(7, 3, 2, 4, 32, 32, 0.2)
    assert m.shape == (4, 1, 32, 32) and abs(m.mean() - 0.8) < 0.02 and np.array_equal(np.unique(m), [0, 1])
    assert not masks(7, 3, 2, 1, 8, 8, 1.0).any() and masks(7, 3, 2, 1, 8, 8, 0.0).all()
    assert not np.array_equal(m, masks(7, 4, 2, 4, 32, 32, 0.2)) and not np.array_equal(m, masks(7, 3, 1, 4, 32, 32, 0.2))
    # The normalised value changes its sign with g, w_g does not: the halves change places.
    sru = Sru(8, 4, "hard")
    x = torch.randn(2, 8, 3, 3)
    y = sru(x)
    sru.gn.weight.data.fill_(-3.0)
    assert torch.equal(sru(x), y.roll(4, 1))
    zero = torch.zeros(1, 4, 2, 2)
    assert torch.equal(distance(zero, torch.randn(1, 4, 2, 2)), torch.ones(1, 2, 2))
    impulse = torch.zeros(1, 40, 40, dtype=torch.float64)
    impulse[0, 20, 20] = 1
    assert abs(float(blurred(impulse)[0, 20, 20]) - 0.0099479) < 5.1e-8


def check_wide(side=256):
    teacher, student = Teacher("wide_resnet50_2").eval(), Student("wide_resnet50_2", {}).eval()
    costs = Macs(teacher), Macs(student)
    with torch.no_grad():
        e = teacher(torch.randn(1, 3, side, side))
        g, seen = student(e)
    shapes = {"msff": (1024, 16), "sru": (1024, 16), "cru": (1024, 16), "simam": (1024, 16), "embedding": (2048, 8),
              "D3": (1024, 16), "D2": (512, 32), "D1": (256, 64)}
    for name, (c, s) in shapes.items():
        assert seen[name].shape == (1, c, s, s), name
    for level, name in ((1, "D1"), (2, "D2"), (3, "D3")):
        assert e[level].shape == g[level].shape == seen[name].shape
    near("teacher, G", sum(costs[0].count.values()) / 1e9, 12.0, 0.1)
    for top, want, unit in (("msff", 4.43, 0.01), ("scconv", 0.49, 0.01), ("bn_layer", 2.89, 0.01), ("decoder", 11.1, 0.1)):
        near(top + ", G", costs[1].of(top), want, unit)
    align = sum(e[k].shape[1] ** 2 * e[k].shape[2] ** 2 for k in e) / 1e9
    near("FMM without A, G", costs[1].of("generation") - align, 14.5, 0.1)
    near("A, G", align, 0.8, 0.1)
    for top, want in (("msff", 13.8), ("scconv", 1.9), ("bn_layer", 42.0), ("decoder", 24.9), ("generation", 26.2)):
        near(top + ", M parameters", counted(student, top) / 1e6, want, 0.1)
    near("all that is trained, M", sum(p.numel() for p in student.parameters() if p.requires_grad) / 1e6, 108.7, 0.1)
    c = counted(student, "scconv")
    near("SCConv, C 1024", c, 1903616, 1)
    flm = Student("wide_resnet50_2", PRESETS["mrkd_flm"])
    near("FMM without A, M parameters", counted(flm, "generation") / 1e6, 24.8, 0.1)
    rd = Student("wide_resnet50_2", PRESETS["rd4ad"])
    unused = 4096 * 2048 + 2 * 2048
    near("RD4AD's bottleneck, M", (counted(rd, "msff") + counted(rd, "bn_layer") + unused) / 1e6, 67.28, 0.01)
    near("RD4AD's decoder, M", counted(rd, "decoder") / 1e6, 24.92, 0.01)
    assert not any(k.startswith(("scconv", "generation", "msff.conv4", "msff.bn4")) for k in rd.state_dict())
    costs = Macs(rd)
    with torch.no_grad():
        rd.eval()(e)
    near("MSFF and OCE with concat, G", costs.of("msff") + costs.of("bn_layer"), 7.31, 0.01)


def check_others():
    for arch in ("resnet18", "resnet50"):
        teacher = Teacher(arch).eval()
        with torch.no_grad():
            e = teacher(torch.randn(1, 3, 64, 64))
        for name, preset in PRESETS.items():
            student = Student(arch, preset).eval()
            with torch.no_grad():
                g, seen = student(e)
            assert all(g[k].shape == e[k].shape for k in e) and seen["embedding"].shape[2:] == (2, 2)
            print("  %-9s %-9s %s parameters" % (arch, name, format(counted(student, ""), ",")))
        for levels in ("1", "2", "3", "12", "13", "23"):
            student = Student(arch, {"levels": levels})
            names = {k.split(".")[0] if k.startswith("gen") else ".".join(k.split(".")[:2]) for k in student.state_dict()
                     if k.startswith(("decoder", "generation"))}
            want = {"generation%d" % (4 - int(k)) for k in levels}
            want |= {"decoder.layer%d" % k for k in range(1, 5 - int(min(levels)))}
            assert names == want, (levels, names)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    check_units()
    check_others()
    check_wide()


if __name__ == "__main__":
    main()
