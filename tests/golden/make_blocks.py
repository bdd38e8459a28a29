"""Write blocks_<arch>.safetensors: 16 samples of every block's output, and blocks_padding.safetensors: the paddings.

usage: python3 make_blocks.py [--out DIR] [--threads 1] [arch ... | padding]

Weights and input by the rules of make_networks.py (squeeze-excitation too: its weights are convolutions, its biases
.bias), float64 on the float32 values. Taps, in the order of __metadata__.taps:
  EfficientNet  level0 (stem), block0, block1, ... (after the add, if there is one), level8 (head)
  ResNet        maxpool, layer1.0, layer1.1, ... (after the block's last ReLU)
"<h>x<w>.shape" I64 [taps, 3] (H, W, C), "<h>x<w>.value" F32 [taps, 16] at sample(H*W*C, 16) of the HWC array,
"<h>x<w>.absmax" F32 [taps]. EfficientNets here have same_dynamic padding and eps 1e-3. Those with squeeze-excitation also
have "half.<h>x<w>." at two sizes: the same with 0.5 for the factor 0.25 of the last batch norm of a block.

blocks_padding holds "<arch>.<padding>.<eps>.<h>x<w>." and the same three for level0, the last block of each stage and
level8, named in __metadata__."taps.<arch>". Under "geometry.<arch>.<padding>.<h>x<w>." it has, from arithmetic alone, for
level0 to level8: "shape" I64 [9, 3] and "pad" I64 [9, 4], the top, bottom, left and right padding of the layer that
opens the level (stem, depthwise of the first block, head).
"""
import argparse
import os

import numpy as np
import torch
import torchvision

import golden_io
from efficientnet import PADDINGS, SCALES, EfficientNet
from make_networks import build, sample, seeded_input, seeded_state

ARCHS = ["efficientnet_b0", "efficientnet_b4", "efficientnet_b5", "efficientnet_lite0", "resnet18", "resnet34",
         "resnet50", "wide_resnet50_2"]
OTHER_ARCHS = ["efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_lite1", "efficientnet_lite2"]
OTHER_SIZES = [(97, 131)]
SIZES = [(224, 224), (256, 256), (380, 380), (456, 456), (97, 131)]
# Squeeze-excitation halves a branch once more, and with 0.25 little of the input is left in deep taps: mirroring it
# changes level8 of B5 at 97x131 by 1e-5 of the largest value. With 0.5 it is 8e-3; with 1, float32 has no right digit.
HALF_ARCHS = ("efficientnet_b0", "efficientnet_b4", "efficientnet_b5")
HALF_SIZES = [(224, 224), (97, 131)]
SAMPLES = 16
PADDING_JOBS = [("efficientnet_b0", 97, 131), ("efficientnet_b0", 224, 224), ("efficientnet_b4", 95, 127),
                ("efficientnet_b5", 192, 160)]
SMALL_EPS = ("efficientnet_b0", "efficientnet_b4")  # also symmetric with eps 1e-5, as torchvision and timm have them
GEOMETRY_JOBS = [("efficientnet_b4", 380, 380), ("efficientnet_b5", 768, 768)]


def resnet_blocks(net, x):
    out = {}
    x = out["maxpool"] = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        for n, block in enumerate(getattr(net, layer)):
            x = out["%s.%d" % (layer, n)] = block(x)
    return out


def run(arch, net, h, w, last_bn=0.25):
    net.load_state_dict(seeded_state(arch, net, last_bn))
    net = net.double().eval()
    x = torch.from_numpy(seeded_input(h, w)).double()
    with torch.no_grad():
        return net.blocks(x) if arch in SCALES else resnet_blocks(net, x)


def store_blocks(out, taps, prefix):
    """Three tensors under prefix. Refuses values that would make a poor test: vanished, grown or the same everywhere."""
    shape, value, absmax, spatial = [], [], [], []
    for name, y in taps.items():
        hwc = np.ascontiguousarray(y[0].permute(1, 2, 0).numpy())
        shape.append(hwc.shape)
        value.append(hwc.ravel()[sample(hwc.size, SAMPLES)])
        absmax.append(np.abs(hwc).max())
        spatial.append(hwc.std((0, 1)).mean() / absmax[-1])
        if not (1e-3 < absmax[-1] < 1e4 and spatial[-1] > 5e-3):
            raise ValueError("%s%s: largest value %g, spatial deviation %g of it" % (
                prefix, name, absmax[-1], spatial[-1]))
    out[prefix + "shape"] = np.array(shape, np.int64)
    out[prefix + "value"] = np.array(value, np.float32)
    out[prefix + "absmax"] = np.array(absmax, np.float32)
    print("%-48s %2d taps, largest value %7.4f to %7.4f, spatial deviation at least %.4f of it" % (
        prefix, len(taps), min(absmax), max(absmax), min(spatial)), flush=True)


def make_blocks(arch, path, source):
    out, names = {}, []
    for h, w in OTHER_SIZES if arch in OTHER_ARCHS else SIZES:
        taps = run(arch, build(arch), h, w)
        store_blocks(out, taps, "%dx%d." % (h, w))
        names = list(taps)
    for h, w in HALF_SIZES if arch in HALF_ARCHS else []:
        store_blocks(out, run(arch, build(arch), h, w, 0.5), "half.%dx%d." % (h, w))
    golden_io.save(path, out, source, taps=",".join(names))


def make_padding(path, source):
    out, names = {}, {}
    for arch, h, w in PADDING_JOBS:
        variants = [(padding, "1e-3") for padding in PADDINGS]
        if arch in SMALL_EPS:
            variants.append(("symmetric", "1e-5"))
        for padding, eps in variants:
            net = EfficientNet(arch, padding, float(eps))
            kept = ["level0"] + ["block%d" % n for n in net.last] + ["level8"]
            taps = run(arch, net, h, w)
            store_blocks(out, {name: taps[name] for name in kept}, "%s.%s.%s.%dx%d." % (arch, padding, eps, h, w))
            names["taps." + arch] = ",".join(kept)
    for arch, h, w in GEOMETRY_JOBS:
        for padding in PADDINGS:
            shapes, pads = EfficientNet(arch, padding).geometry(h, w)
            prefix = "geometry.%s.%s.%dx%d." % (arch, padding, h, w)
            out[prefix + "shape"] = np.array(shapes, np.int64)
            out[prefix + "pad"] = np.array(pads, np.int64)
    golden_io.save(path, out, source, **names)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("arch", nargs="*", default=ARCHS + OTHER_ARCHS + ["padding"])
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    source = "make_blocks.py; torch %s, torchvision %s, numpy %s; float64, seeded weights" % (
        torch.__version__, torchvision.__version__, np.__version__)
    for arch in a.arch:
        path = os.path.join(a.out, "blocks_%s.safetensors" % arch)
        print(arch)
        if arch == "padding":
            make_padding(path, source)
        else:
            make_blocks(arch, path, source)


if __name__ == "__main__":
    main()
