"""End-to-end Gaussian detector on ResNet-18 in PyTorch: the accuracy reference.

usage: python3 reference_gaussian.py --weights FILE --data DIR [--layers layer3,layer2] [--size 224]
           [--resize cv_linear|cv_linear_float|pil_bilinear|pil_lanczos] [--pixel none|dense] [--threads 1]

FILE holds ResNet-18 with batch norm folded into conv weight and bias. DIR is laid out like MVTec AD.
No dimension reduction, Ledoit-Wolf covariance; the image score is the sum over the layers of the Mahalanobis
distance of the pooled feature. "dense" fits one Gaussian per layer on all positions of all training images; the map
goes to SxS (bilinear, half-pixel), is averaged over the layers and goes on to the original image size.
"""
import argparse
import glob
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import golden_io
import metric_math
from gaussian_math import Gaussian
from vision_math import cv_linear, cv_linear_fixed

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def resize_square(img, size, how):
    if how == "pil_bilinear":
        return np.asarray(img.resize((size, size), Image.BILINEAR))
    if how == "pil_lanczos":
        return np.asarray(img.resize((size, size), Image.LANCZOS))
    return (cv_linear_fixed if how == "cv_linear" else cv_linear)(np.asarray(img), size, size)


def preprocess(path, size, how):
    """Return (1x3xSxS normalised tensor, original height and width)."""
    img = Image.open(path).convert("RGB")
    x = resize_square(img, size, how).astype(np.float32) / np.float32(255)
    return torch.from_numpy(((x - MEAN) / STD).transpose(2, 0, 1)[None].copy()), img.size[::-1]


class FoldedResNet18:
    """Stem to layer3; returns a dict of taps."""

    def __init__(self, path, dtype=torch.float32):
        self.t = {k: torch.from_numpy(v).to(dtype) for k, v in golden_io.load(path)[0].items()}

    def conv(self, name, x, stride, pad):
        return F.conv2d(x, self.t[name + ".weight"], self.t[name + ".bias"], stride, pad)

    def block(self, name, x, stride):
        y = self.conv(name + ".conv2", F.relu(self.conv(name + ".conv1", x, stride, 1)), 1, 1)
        if name + ".downsample.0.weight" in self.t:
            x = self.conv(name + ".downsample.0", x, stride, 0)
        return F.relu(x + y)

    def __call__(self, x):
        taps = {}
        x = taps["maxpool"] = F.max_pool2d(F.relu(self.conv("conv1", x, 2, 3)), 3, 2, 1)
        for layer in (1, 2, 3):
            x = self.block("layer%d.0" % layer, x, 1 if layer == 1 else 2)
            x = taps["layer%d" % layer] = self.block("layer%d.1" % layer, x, 1)
        return taps


def images(folder):
    return sorted(f for e in ("png", "jpg", "jpeg", "bmp") for f in glob.glob(os.path.join(folder, "*." + e)))


def extract(net, files, layers, size, how):
    feats, sizes = [[] for _ in layers], []
    for path in files:
        x, hw = preprocess(path, size, how)
        with torch.no_grad():
            taps = net(x)
        for k, layer in enumerate(layers):
            feats[k].append(taps[layer][0].permute(1, 2, 0).numpy().copy())
        sizes.append(hw)
    return [np.stack(f) for f in feats], sizes


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weights", required=True)
    ap.add_argument("--data", required=True)
    ap.add_argument("--layers", default="layer3")
    ap.add_argument("--size", type=int, default=224)
    ap.add_argument("--resize", default="cv_linear",
                    choices=["cv_linear", "cv_linear_float", "pil_bilinear", "pil_lanczos"])
    ap.add_argument("--pixel", default="none", choices=["none", "dense"])
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    layers = a.layers.split(",")
    net = FoldedResNet18(a.weights)

    train = images(os.path.join(a.data, "train", "good"))
    test, labels, masks = [], [], []
    for kind in sorted(os.listdir(os.path.join(a.data, "test"))):
        for path in images(os.path.join(a.data, "test", kind)):
            stem = os.path.splitext(os.path.basename(path))[0]
            test.append(path)
            labels.append(kind != "good")
            masks.append(None if kind == "good" else os.path.join(a.data, "ground_truth", kind, stem + "_mask.png"))
    fit, _ = extract(net, train, layers, a.size, a.resize)
    probe, sizes = extract(net, test, layers, a.size, a.resize)

    score = np.zeros(len(test))
    for f, p in zip(fit, probe):
        g = Gaussian(f.mean((1, 2), dtype=np.float64))
        score += g.distance(p.mean((1, 2), dtype=np.float64))
        print("shrinkage %.6f" % g.shrinkage)
    print("images train %d test %d defective %d" % (len(train), len(test), sum(labels)))
    print("image_auroc %.6f" % metric_math.auroc(score, labels), flush=True)
    if a.pixel == "none":
        return

    level_maps = 0
    for f, p in zip(fit, probe):
        g = Gaussian(f.reshape(-1, f.shape[-1]))
        m = g.distance(p.reshape(-1, p.shape[-1])).reshape(p.shape[:3])
        level_maps = level_maps + F.interpolate(torch.from_numpy(m)[:, None], (a.size, a.size), mode="bilinear",
                                                align_corners=False)
    level_maps /= len(layers)
    maps, truth = [], []
    for k, hw in enumerate(sizes):
        up = F.interpolate(level_maps[k:k + 1], hw, mode="bilinear", align_corners=False)[0, 0]
        maps.append(up.numpy().astype(np.float32))
        truth.append(np.zeros(hw, bool) if masks[k] is None
                     else np.asarray(Image.open(masks[k]).convert("L")) > 0)
        assert truth[k].shape == tuple(hw)
    print("image_auroc_map_max %.6f" % metric_math.auroc([m.max() for m in maps], labels))
    print("pixel_auroc %.6f" % metric_math.auroc(np.concatenate([m.ravel() for m in maps]),
                                                 np.concatenate([t.ravel() for t in truth])), flush=True)
    print("aupro_0.3 %.6f components %d" % metric_math.aupro(maps, truth))


if __name__ == "__main__":
    main()
