"""Write real_resnet18.safetensors and real_efficientnet_lite0.safetensors: sampled taps with trained weights.

usage: python3 make_real.py --shared DIR --lite0 FILE [--out DIR]

DIR holds data/ and weights/; FILE is efficientnet-lite0-57934424.pth. Each image is the first by name of its folder:
screw (data/mvtec_screw/test/good) and cookies (data/cookies/test/broken). RGB, Pillow bilinear to 224x224, ImageNet
mean and std; the network runs in float64 on that float32 input. Tensors are "<image>.<tap>.{shape,index,value,absmax}"
and "<image>.layer3.pooled" F32 [256], plus "<image>.input.*" in the same sampled form and "<image>.resized.crc32" I64 [1]
of the resized bytes [h, w, 3], which tells a decoder or resize difference from a network one.
"""
import argparse
import os
import zlib

import numpy as np
import PIL
import torch
from PIL import Image

import golden_io
from efficientnet import EfficientNet
from make_networks import report, store_taps
from reference_gaussian import FoldedResNet18, images, preprocess, resize_square

IMAGES = {"screw": "mvtec_screw/test/good", "cookies": "cookies/test/broken"}


def run(shared, name, net, out):
    path = images(os.path.join(shared, "data", IMAGES[name]))[0]
    x, _ = preprocess(path, 224, "pil_bilinear")
    byte = resize_square(Image.open(path).convert("RGB"), 224, "pil_bilinear")
    out[name + ".resized.crc32"] = np.array([zlib.crc32(np.ascontiguousarray(byte).tobytes())], np.int64)
    with torch.no_grad():
        taps = net(x.double())
    report("%s %s" % (name, os.path.basename(path)), taps)
    store_taps(out, {"input": x.double(), **taps}, name + ".")
    return taps


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--shared", required=True)
    ap.add_argument("--lite0", required=True)
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    torch.set_num_threads(1)
    source = "make_real.py; torch %s, Pillow %s, numpy %s; float64" % (
        torch.__version__, PIL.__version__, np.__version__)

    net = FoldedResNet18(os.path.join(a.shared, "weights", "resnet18_imagenet_folded.safetensors"), torch.float64)
    out = {}
    for name in IMAGES:
        taps = run(a.shared, name, net, out)
        out[name + ".layer3.pooled"] = taps["layer3"][0].mean((1, 2)).numpy().astype(np.float32)
    golden_io.save(os.path.join(a.out, "real_resnet18.safetensors"), out, source)

    net, out = EfficientNet("efficientnet_lite0"), {}
    net.load_state_dict(torch.load(a.lite0, map_location="cpu"))
    run(a.shared, "cookies", net.double().eval().taps, out)
    golden_io.save(os.path.join(a.out, "real_efficientnet_lite0.safetensors"), out, source)


if __name__ == "__main__":
    main()
