"""End-to-end PaDiM on ResNet-18 in PyTorch: the accuracy reference.

usage: python3 reference_padim.py --weights FILE --data DIR [--layers layer1,layer2,layer3] [--dimensions 100]
           [--seed 1024] [--covariance ridge|ledoit_wolf] [--ridge 0.01] [--blur 4] [--size 256] [--crop 224]
           [--resize pil_lanczos|pil_bilinear|cv_linear|cv_linear_float] [--aspect shorter|square] [--threads 1]

FILE holds ResNet-18 with batch norm folded into conv weight and bias. DIR is laid out like MVTec AD. Deeper layers are
enlarged by nearest, a random subset of channels is kept, every position has a Gaussian; distances are enlarged bilinearly
to the crop and blurred; the image score is the maximum. Maps go to the original image size, 0 where the crop left out.
"""
import argparse
import os
import random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter

import metric_math
from padim_math import PositionGaussians, embed
from reference_gaussian import MEAN, STD, FoldedResNet18, images, resize_square

FILTERS = {"pil_bilinear": Image.BILINEAR, "pil_lanczos": Image.LANCZOS}


def resized_size(width, height, a):
    if a.aspect == "square":
        return a.size, a.size
    return (a.size, a.size * height // width) if width < height else (a.size * width // height, a.size)


def preprocess(path, a):
    """Return (1x3xCxC normalised tensor, original width and height)."""
    img = Image.open(path).convert("RGB")
    w, h = resized_size(*img.size, a)
    pixels = resize_square(img, a.size, a.resize) if w == h else np.asarray(img.resize((w, h), FILTERS[a.resize]))
    top, left = round((h - a.crop) / 2), round((w - a.crop) / 2)
    x = pixels[top:top + a.crop, left:left + a.crop].astype(np.float32) / np.float32(255)
    return torch.from_numpy(((x - MEAN) / STD).transpose(2, 0, 1)[None].copy()), img.size


def extract(net, files, layers, a):
    feats, sizes = [[] for _ in layers], []
    for path in files:
        x, size = preprocess(path, a)
        with torch.no_grad():
            taps = net(x)
        for k, layer in enumerate(layers):
            feats[k].append(taps[layer][0].permute(1, 2, 0).numpy().copy())
        sizes.append(size)
    return [np.stack(f) for f in feats], sizes


def axis(out, resized, crop):
    """Source rows, weight of the second and whether the crop holds the place, for each of `out` places."""
    at = (np.arange(out) + 0.5) * resized / out - 0.5 - round((resized - crop) / 2)
    inside = (at >= -0.5) & (at <= crop - 0.5)
    at = np.clip(at, 0, crop - 1)
    low = at.astype(np.int64)
    return low, np.minimum(low + 1, crop - 1), at - low, inside


def to_original(m, width, height, a):
    w, h = resized_size(width, height, a)
    y0, y1, fy, iny = axis(height, h, a.crop)
    x0, x1, fx, inx = axis(width, w, a.crop)
    rows = m[y0] * (1 - fy[:, None]) + m[y1] * fy[:, None]
    return ((rows[:, x0] * (1 - fx) + rows[:, x1] * fx) * (iny[:, None] & inx)).astype(np.float32)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weights", required=True)
    ap.add_argument("--data", required=True)
    ap.add_argument("--layers", default="layer1,layer2,layer3")
    ap.add_argument("--dimensions", type=int, default=100)
    ap.add_argument("--seed", type=int, default=1024)
    ap.add_argument("--covariance", default="ridge", choices=["ridge", "ledoit_wolf"])
    ap.add_argument("--ridge", type=float, default=0.01)
    ap.add_argument("--blur", type=float, default=4.0)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("--crop", type=int, default=224)
    ap.add_argument("--resize", default="pil_lanczos",
                    choices=["cv_linear", "cv_linear_float", "pil_bilinear", "pil_lanczos"])
    ap.add_argument("--aspect", default="shorter", choices=["shorter", "square"])
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

    feats, _ = extract(net, train, layers, a)
    channels = sum(f.shape[-1] for f in feats)
    random.seed(a.seed)
    subset = list(range(channels)) if a.dimensions == channels else random.sample(range(channels), a.dimensions)
    gaussians = PositionGaussians(embed(feats, subset), a.covariance, a.ridge)
    feats, sizes = extract(net, test, layers, a)
    distance = gaussians.distance(embed(feats, subset)).reshape((len(test),) + feats[0].shape[1:3])

    scores, maps, truth = [], [], []
    for k, (width, height) in enumerate(sizes):
        d = torch.from_numpy(distance[k:k + 1, None].astype(np.float32))
        m = F.interpolate(d, (a.crop, a.crop), mode="bilinear", align_corners=False)[0, 0].numpy()
        m = gaussian_filter(m, a.blur) if a.blur > 0 else m
        scores.append(m.max())
        maps.append(to_original(m, width, height, a))
        truth.append(np.zeros((height, width), bool) if masks[k] is None
                     else np.asarray(Image.open(masks[k]).convert("L")) > 0)
        assert truth[k].shape == (height, width)
    print("images train %d test %d defective %d" % (len(train), len(test), sum(labels)))
    print("image_auroc %.6f" % metric_math.auroc(scores, labels), flush=True)
    print("pixel_auroc %.6f" % metric_math.auroc(np.concatenate([m.ravel() for m in maps]),
                                                 np.concatenate([t.ravel() for t in truth])), flush=True)
    print("aupro_0.3 %.6f components %d" % metric_math.aupro(maps, truth))


if __name__ == "__main__":
    main()
