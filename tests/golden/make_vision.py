"""Write vision.safetensors: image resize, map interpolation and Gaussian blur.

usage: python3 make_vision.py [--out DIR]

Inputs are not stored; they come from the generator of golden_io under the name given here.
  resize  input "resize.<w>x<h>": uint8 [h, w, 3], top byte of each word
  interp  input "interp.<h>x<w>": float32(2u-1) [h, w]
  blur    input "blur.<h>x<w>":   float32(u) [h, w]
pil_* come from Pillow, interp from torch in float64, blur from scipy in float64. cv_linear is OpenCV's 8-bit fixed-point
arithmetic restated in vision_math.py (equal in every byte to OpenCV 4.11.0 on these cases); cv_linear_float is the
float64 definition rounded half up. The two differ by at most 1.
"""
import argparse
import os
import zlib

import numpy as np
import PIL
import scipy
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter

import golden_io
from make_networks import sample
from vision_math import cv_linear, cv_linear_fixed

RESIZE = [(61, 47, 32, 32), (17, 9, 40, 23), (300, 200, 224, 224), (7, 5, 1, 1), (1, 1, 5, 4), (128, 128, 128, 64)]
FILTERS = {"pil_bilinear": lambda img, w, h: np.asarray(Image.fromarray(img).resize((w, h), Image.BILINEAR)),
           "pil_lanczos": lambda img, w, h: np.asarray(Image.fromarray(img).resize((w, h), Image.LANCZOS)),
           "cv_linear": cv_linear_fixed, "cv_linear_float": cv_linear}
SMALL = 4096
INTERP = [(5, 7, 13, 11), (14, 14, 224, 224), (9, 9, 4, 3)]
MODES = {"bilinear_false": dict(mode="bilinear", align_corners=False),
         "bilinear_true": dict(mode="bilinear", align_corners=True),
         "bicubic_false": dict(mode="bicubic", align_corners=False), "nearest": dict(mode="nearest")}
BLUR = [(40, 40), (12, 50)]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    out = {}
    for w, h, ow, oh in RESIZE:
        img = golden_io.seeded_bytes("resize.%dx%d" % (w, h), (h, w, 3))
        for name, resize in FILTERS.items():
            key = "resize.%s.%dx%d_%dx%d." % (name, w, h, ow, oh)
            y = np.ascontiguousarray(resize(img, ow, oh))
            assert y.shape == (oh, ow, 3) and y.dtype == np.uint8
            out[key + "crc32"] = np.array([zlib.crc32(y.tobytes())], np.int64)
            if y.size <= SMALL:
                out[key + "pixels"] = y
            else:
                out[key + "head"] = y.ravel()[:32]
    for h, w, oh, ow in INTERP:
        x = golden_io.symmetric("interp.%dx%d" % (h, w), (1, 1, h, w)).astype(np.float32)
        for name, mode in MODES.items():
            key = "interp.%s.%dx%d_%dx%d." % (name, h, w, oh, ow)
            y = F.interpolate(torch.from_numpy(x).double(), (oh, ow), **mode).numpy()[0, 0].astype(np.float32)
            if y.size > SMALL:
                out[key + "index"] = sample(y.size)
                y = y.ravel()[out[key + "index"]]
            out[key + "value"] = y
    for h, w in BLUR:
        x = golden_io.uniform("blur.%dx%d" % (h, w), (h, w)).astype(np.float32)
        y = gaussian_filter(x.astype(np.float64), 4.0, mode="reflect", truncate=4.0)
        out["blur.sigma4.%dx%d.value" % (h, w)] = y.astype(np.float32)
    golden_io.save(os.path.join(a.out, "vision.safetensors"), out,
                   "make_vision.py; Pillow %s, torch %s, scipy %s, numpy %s" % (
                       PIL.__version__, torch.__version__, scipy.__version__, np.__version__))
    for k, v in out.items():
        print(k, v.dtype, v.shape)


if __name__ == "__main__":
    main()
