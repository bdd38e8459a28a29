"""Write net_efficientnet_lite0_clip_97x131.safetensors: sampled taps of a network with seeded weights and input.
make_blocks.py, which holds the other networks, takes weights and input from here.

usage: python3 make_networks.py [--out DIR] [--threads 1]

Values from the generator of golden_io with the state-dict key as name (u uniform in [0,1), computed in double,
rounded once to float32):
  conv .weight            (2u-1) * sqrt(6 / fan_in), fan_in = C_in/groups * kh * kw
  bn .weight              0.5 + u; times 0.25 for the last bn of a residual branch (see LAST_BN)
  bn .bias, .running_mean 0.2 * (2u-1)
  bn .running_var         0.5 + u
  input                   2 * (2u-1)
The network runs in float64 on these float32 values.
"""
import argparse
import math
import os
import re

import numpy as np
import torch
import torchvision

import golden_io
from efficientnet import SCALES, EfficientNet

SAMPLES = 64
# No 0.25 factor, so that every ReLU6 clips a few per cent at 6.
CLIP = ("efficientnet_lite0", 97, 131)
LAST_BN = {"resnet18": r"layer\d\.\d+\.bn2\.weight", "resnet34": r"layer\d\.\d+\.bn2\.weight",
           "resnet50": r"layer\d\.\d+\.bn3\.weight", "wide_resnet50_2": r"layer\d\.\d+\.bn3\.weight",
           **{name: r"_blocks\.\d+\._bn2\.weight" for name in SCALES}}


def build(arch):
    return EfficientNet(arch) if arch in SCALES else getattr(torchvision.models, arch)()


def seeded_state(arch, net, last_bn=0.25):
    state = {}
    for name, ref in net.state_dict().items():
        shape = tuple(ref.shape)
        if name.endswith("num_batches_tracked") or name.startswith(("fc.", "_fc.")):
            state[name] = ref
            continue
        u = golden_io.uniform(name, shape)
        if len(shape) == 4:
            value = (2 * u - 1) * math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        elif name.endswith(("running_var", ".weight")):
            value = 0.5 + u
        else:
            value = 0.2 * (2 * u - 1)
        if re.fullmatch(LAST_BN[arch], name):
            value = last_bn * value
        state[name] = torch.from_numpy(value.astype(np.float32))
    return state


def seeded_input(h, w):
    return (2 * golden_io.symmetric("input", (1, 3, h, w))).astype(np.float32)


def sample(size, count=SAMPLES):
    """Distinct indices 0, s, 2s, ... (mod size) with s co-prime to size and near size/golden ratio; last is size-1."""
    step = int(size * 0.6180339887498949)
    while math.gcd(step, size) != 1:
        step += 1
    index = [(i * step) % size for i in range(count - 1)]
    if size - 1 in index:
        raise ValueError("last element sampled twice")
    return np.array(index + [size - 1], np.int64)


def store_taps(out, taps, prefix=""):
    for name, y in taps.items():
        hwc = np.ascontiguousarray(y[0].permute(1, 2, 0).numpy())
        flat = hwc.ravel()
        index = sample(flat.size)
        out[prefix + name + ".shape"] = np.array(hwc.shape, np.int64)
        out[prefix + name + ".index"] = index
        out[prefix + name + ".value"] = flat[index].astype(np.float32)
        out[prefix + name + ".absmax"] = np.array([np.abs(flat).max()], np.float32)


def report(label, taps):
    """Print range and how much of the spread is spatial, to show that the taps depend on the input."""
    for name, y in taps.items():
        spatial = y[0].std((1, 2)).mean() if y.shape[2] * y.shape[3] > 1 else 0
        print("%-34s %-8s %-16s absmax %9.4f mean %8.4f std %8.4f spatial std %8.4f zeros %.2f" % (
            label, name, tuple(y.shape[1:]), y.abs().max(), y.mean(), y.std(), spatial, (y == 0).double().mean()))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    source = "make_networks.py; torch %s, torchvision %s, numpy %s; float64, seeded weights" % (
        torch.__version__, torchvision.__version__, np.__version__)
    arch, h, w = CLIP
    net = build(arch)
    net.load_state_dict(seeded_state(arch, net, last_bn=1.0))
    net = net.double().eval()
    with torch.no_grad():
        taps = net.taps(torch.from_numpy(seeded_input(h, w)).double())
    report("%s_clip %dx%d" % (arch, h, w), taps)
    out = {}
    store_taps(out, taps)
    golden_io.save(os.path.join(a.out, "net_%s_clip_%dx%d.safetensors" % (arch, h, w)), out, source)


if __name__ == "__main__":
    main()
