"""A small ResNet and pictures for it, and what the tests of reverse distillation share; weights files and what is in
them."""
import json
import pathlib

import helper
import numpy as np

import adfeat

SIDE = 64
CHANNELS = (4, 6, 8, 10)  # of layer1 to layer4

HEAD = """network residual
input_size 64
mean 0.5 0.5 0.5
std 0.25 0.25 0.25
input image : channels=3
conv2d conv1 <- image : out=%d kernel=5 stride=%d pad=2 bias=1
relu relu1 <- conv1
"""
STAGE = """conv2d {0}.0.conv1 <- {1} : out={2} kernel=3 stride={3} pad=1 bias=1
relu {0}.0.relu1 <- {0}.0.conv1
conv2d {0}.0.conv2 <- {0}.0.relu1 : out={2} kernel=3 pad=1 bias=1
conv2d {0}.0.downsample.0 <- {1} : out={2} kernel=1 stride={3} bias=1
add {0}.0.add <- {0}.0.conv2 {0}.0.downsample.0
relu {0}.0.out <- {0}.0.add
tap {0} <- {0}.0.out
"""


def graph(channels=CHANNELS, stem=4):
    """The text of a ResNet of one block a stage; with a stem of stride 4 layer1 is at a quarter of the side."""
    text, before = HEAD % (channels[0], stem), "relu1"
    for i, out in enumerate(channels):
        name = "layer%d" % (i + 1)
        text += STAGE.format(name, before, out, 2 if i else 1)
        before = name + ".0.out"
    return text


def convolutions(channels=CHANNELS):
    """Names and shapes of its weights to layer3."""
    yield "conv1", (channels[0], 3, 5, 5)
    before = channels[0]
    for i, out in enumerate(channels[:3]):
        name = "layer%d.0." % (i + 1)
        yield name + "conv1", (out, before, 3, 3)
        yield name + "conv2", (out, out, 3, 3)
        yield name + "downsample.0", (out, before, 1, 1)
        before = out


def resnet18():
    """Those of the built-in network, to layer3 too, with batch norm folded."""
    yield "conv1", (64, 3, 7, 7)
    before = 64
    for i, out in enumerate((64, 128, 256)):
        for block in (0, 1):
            name = "layer%d.%d." % (i + 1, block)
            yield name + "conv1", (out, before, 3, 3)
            yield name + "conv2", (out, out, 3, 3)
            if before != out:
                yield name + "downsample.0", (out, before, 1, 1)
            before = out


def safetensors(tensors, **metadata):
    """Arrays by their names as the bytes of a file."""
    header, body = {"__metadata__": metadata} if metadata else {}, b""
    for name, values in tensors.items():
        values = np.ascontiguousarray(values, "<f4")
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [len(body), len(body) + values.nbytes]}
        body += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def tensors(data):
    """The arrays in the bytes of a file."""
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    return {name: np.frombuffer(body[slice(*of["data_offsets"])], "<f4").reshape(of["shape"])
            for name, of in header.items() if name != "__metadata__"}


def weights(shapes, seed=1):
    """Seeded noise that keeps the signal's size through the layers; the biases leave few features at zero."""
    rng, made = np.random.default_rng(seed), {}
    for name, shape in shapes:
        made[name + ".weight"] = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        made[name + ".bias"] = rng.random(shape[0])
    return made


def backbone(channels=CHANNELS, seed=1, **options):
    options.setdefault("context", adfeat.Context(threads=1))
    options.setdefault("graph", graph(channels))
    return adfeat.Backbone.from_bytes(safetensors(weights(convolutions(channels), seed)), "residual", **options)


def picture(seed, spot=False):
    """uint8 [h, w, 3]: stripes and noise. spot: a patch of another colour."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    wave = np.sin(x / 4)
    colour = np.dstack([128 + 60 * wave, 100 + y, 150 - 60 * wave]) + rng.integers(-8, 9, (SIDE, SIDE, 3))
    if spot:
        colour[20:36, 28:44] = 255, 0, 255
    return colour.astype(np.uint8)


def conv(kernel, before, out, bias=False):
    return kernel * kernel * before * out + (out if bias else 0)


def stage(inner, before, out, blocks, kernel):
    """A stage of basic blocks with batch norm, whose first changes the side: by 3x3 and 1x1, or by transposed 2x2."""
    first = conv(kernel, before, inner) + conv(3, inner, out) + conv(1 if kernel == 3 else 2, before, out) + 6 * out
    return first + (blocks - 1) * (2 * conv(3, out, out) + 4 * out)


def parameters(channels=CHANNELS, blocks=(1, 1, 1, 1), msff_out="conv", sru=True, gate="hard", cru=True,
               simam=True, fmm=True, fmm_align=True, levels="123"):
    """Trainable parameters of a student, as the method's text has them. SimAM has none, and a hard gate no gradient."""
    c1, c2, c3 = channels[:3]
    c = c3 if msff_out == "conv" else 3 * c3
    count = conv(3, c1, c2) + 2 * c2 + conv(3, c2, c3) + 2 * c3 + conv(3, c2, c3) + 2 * c3
    count += conv(1, 3 * c3, c3) + 2 * c3 if msff_out == "conv" else 0
    count += 2 * c if sru and gate == "soft" else 0
    if cru:
        quarter = c // 4
        count += 2 * conv(1, c // 2, quarter) + conv(3, quarter // 2, c, True) + conv(1, quarter, c)
        count += conv(1, quarter, c - quarter)
    count += stage(2 * c3, c, 2 * c3, blocks[3], 3)
    before = 2 * c3
    for level in (3, 2, 1):
        out = channels[level - 1]
        if level >= min(map(int, levels)):  # none that nobody looks at
            count += stage(out, before, out, blocks[level - 1], 2)
        if fmm and str(level) in levels:
            count += 2 * conv(3, out, out, True) + (conv(1, out, out, True) if fmm_align else 0)
        before = out
    return count


#: of a fit: two epochs of three steps, two of the eight images held out
TINY = {"size": SIDE, "batch": 2, "epochs": 2, "validation_share": 0.25, "blur_sigma": 1.5}


def tiny(**options):
    return {**TINY, **options}


class MaskedRd(helper.Case):
    """A teacher, images, and what is made of them."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(helper.scratch())
        cls.net = backbone()
        cls.images = [picture(i) for i in range(8)]
        cls.good, cls.spot = picture(100), picture(100, spot=True)

    def path(self, name):
        """A name that no other test uses."""
        return self.folder / ("%s-%s" % (self.id().split(".")[-1], name))

    def fit(self, **options):
        return adfeat.fit(self.net, self.images, "masked_rd", **tiny(**options))

    def make(self, **options):
        return adfeat.Student(self.net, "masked_rd", **options)

    def kept(self, student):
        """What a student says of itself in a file."""
        path = self.path("kept")
        student.save(path)
        return {key[len("adfeat.student."):]: value for key, value in adfeat.file_metadata(path).items()
                if key.startswith("adfeat.student.")}
