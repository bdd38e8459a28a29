"""Write images.safetensors: one picture in many kinds of files, and what its pixels are.

usage: python3 make_images.py [--out DIR]

  pixels.<key>              what a reader gives: uint8 [h, w] or [h, w, 3], or 16-bit grey as bytes [h, w, 2], the low one first
  file.<key>.<name>.<kind>  the bytes of a file that has these pixels; kind is the ending of its name
  refused.<word>.<kind>     the bytes of a file that is refused by a sentence with that word

Pixels are the arrays that the files were made from by Pillow, tifffile and imagecodecs, or by hand here; where a file scales
(555, 565, maxval) or loses (lossy WebP), what Pillow reads from it.
"""
import argparse
import io
import os
import struct

import imagecodecs
import numpy as np
import PIL
import tifffile
from PIL import Image

import golden_io

H, W = 17, 23


def to_8(v):
    """round(v / 257), as 16-bit colour is scaled."""
    return ((v.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def tiff(array, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


def bmp(bits, header, compression, rows, palette=b"", masks=b"", height=H, colours=0):
    """A BMP of rows without padding, bottom one first."""
    stride = (W * bits + 31) // 32 * 4
    body = b"".join(bytes(row).ljust(stride, b"\0") for row in rows)
    if header == 12:
        head = struct.pack("<IHHHH", 12, W, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, W, height, 1, bits, compression, len(body), 0, 0, colours, 0)
    if header > 40:
        head, masks = (head + masks).ljust(header, b"\0"), b""
    offset = 14 + len(head) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + head + masks + palette + body


def pixels():
    x = {"rgb": golden_io.seeded_bytes("images.rgb", (H, W, 3)), "grey": golden_io.seeded_bytes("images.grey", (H, W))}
    x["bit"] = (golden_io.seeded_bytes("images.bit", (H, W)) >> 7) * np.uint8(255)
    deep = golden_io.seeded_bytes("images.deep", (H, W, 3, 2))
    x["grey16"] = deep[:, :, 0].copy()
    x["rgb16"] = deep
    return x


def bmps(x):
    rgb, grey, bit = x["rgb"], x["grey"], x["bit"]
    up = rgb[::-1, :, ::-1]
    alpha = np.dstack([up, grey])
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, 1)
    yield "rgb", "up", saved(Image.fromarray(rgb), "BMP")
    yield "rgb", "down", bmp(24, 40, 0, up[::-1], height=-H)
    yield "rgb", "core", bmp(24, 12, 0, up)
    yield "rgb", "bits32", bmp(32, 40, 0, alpha.reshape(H, -1))
    yield "rgb", "masks32", bmp(32, 108, 3, alpha.reshape(H, -1), masks=struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000))
    yield "rgb", "masks32v5", bmp(32, 124, 3, alpha[:, :, [2, 1, 0, 3]].reshape(H, -1), masks=struct.pack("<III", 0xff, 0xff00, 0xff0000))
    yield "grey", "grey", saved(Image.fromarray(grey), "BMP")
    yield "grey", "backwards", bmp(8, 40, 0, 255 - grey[::-1], palette=ramp[::-1].tobytes())
    yield "bit", "bit", saved(Image.fromarray(bit > 0), "BMP")
    quant = Image.fromarray(rgb).quantize(200)
    yield np.asarray(quant.convert("RGB")), "palette", saved(quant, "BMP")
    index = grey[::-1] >> 4
    colours = golden_io.seeded_bytes("images.colours", (16, 4))
    nibbles = np.pad(index, ((0, 0), (0, 1)))
    packed = nibbles[:, 0::2] << 4 | nibbles[:, 1::2]
    yield colours[index[::-1]][:, :, 2::-1], "bits4", bmp(4, 40, 0, packed, palette=colours.tobytes(), colours=16)
    yield colours[index[::-1]][:, :, 2::-1], "bits4core", bmp(4, 12, 0, packed, palette=colours[:, :3].tobytes())
    words = x["grey16"].reshape(H, -1)
    for name, compression, masks in (("555", 0, b""), ("565", 3, struct.pack("<III", 0xf800, 0x7e0, 0x1f))):
        data = bmp(16, 40, compression, words, masks=masks)
        yield read(data), name, data


def pnms(x):
    rgb, grey, bit = x["rgb"], x["grey"], x["bit"]
    deep = np.ascontiguousarray(x["grey16"][:, :, ::-1]).tobytes()
    yield "rgb", "raw", saved(Image.fromarray(rgb), "PPM"), "ppm"
    yield "grey", "raw", saved(Image.fromarray(grey), "PPM"), "pgm"
    yield "bit", "raw", saved(Image.fromarray(bit > 0), "PPM"), "pbm"
    yield "grey16", "raw16", b"P5\n# a comment\n%d %d 65535\n" % (W, H) + deep, "pgm"
    yield "rgb", "text", b"P3 %d %d 255\n" % (W, H) + " ".join(map(str, rgb.ravel())).encode(), "ppm"
    yield "bit", "text", b"P1 %d %d\n" % (W, H) + b"".join(b"01"[int(v == 0):][:1] for v in bit.ravel()), "pbm"
    for maxval in (1, 2, 100, 254, 510, 1023, 4095):
        v = (x["rgb16"][:, :, 0].copy().view("<u2")[:, :, 0] % (maxval + 1)).astype(">u2" if maxval > 255 else "u1")
        data = b"P5 %d %d %d\n" % (W, H, maxval) + v.tobytes()
        want = np.asarray(Image.open(io.BytesIO(data)))
        yield (want if maxval < 256 else want.astype("<u2").view(np.uint8).reshape(H, W, 2)), "max%d" % maxval, data, "pgm"
        text = b"P2 %d %d %d\n" % (W, H, maxval) + "\n".join(map(str, v.ravel())).encode()
        yield (want if maxval < 256 else want.astype("<u2").view(np.uint8).reshape(H, W, 2)), "text%d" % maxval, text, "pgm"


def tiffs(x):
    rgb, grey, bit = x["rgb"], x["grey"], x["bit"]
    deep = x["grey16"].copy().view("<u2")[:, :, 0]
    deep_rgb = x["rgb16"].copy().view("<u2")[:, :, :, 0]
    image = {"rgb": Image.fromarray(rgb), "grey": Image.fromarray(grey), "bit": Image.fromarray(bit > 0), "grey16": Image.fromarray(deep)}
    for code in ("raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"):
        for key in image:
            yield key, code, saved(image[key], "TIFF", compression=code)
    for end in "<>":
        for big in (False, True):
            at = {"byteorder": end, "bigtiff": big}
            tag = ("big" if big else "") + ("le" if end == "<" else "be")
            yield "grey16", tag + "16", tiff(deep, photometric="minisblack", **at)
            yield "rgb", tag + "tiles", tiff(rgb, photometric="rgb", tile=(16, 16), **at)
            yield "grey16", tag + "tiles16", tiff(deep, photometric="minisblack", tile=(16, 32), compression="lzw", predictor=True, **at)
            yield "grey", tag + "white", tiff(255 - grey, photometric="miniswhite", rowsperstrip=3, **at)
            yield to_8(deep_rgb), tag + "rgb16", tiff(deep_rgb, photometric="rgb", compression="deflate", predictor=True, **at)
            yield "rgb", tag + "planes", tiff(rgb.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", **at)
            yield "rgb", tag + "planetiles", tiff(rgb.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(16, 16), compression="packbits", **at)
    yield "bit", "tiles1", tiff(bit > 0, photometric="minisblack", tile=(16, 16))
    yield "rgb", "alpha", tiff(np.dstack([rgb, grey]), photometric="rgb", extrasamples=["unassalpha"])
    data = tiff(np.dstack([np.minimum(rgb, grey[:, :, None]), grey]), photometric="rgb", extrasamples=["assocalpha"])
    yield read(data), "multiplied", data
    quant = Image.fromarray(rgb).quantize(100)
    yield np.asarray(quant.convert("RGB")), "palette", saved(quant, "TIFF", compression="tiff_lzw")
    yield "rgb", "pages", saved(image["rgb"], "TIFF", save_all=True, append_images=[image["grey"]])


def webps(x):
    image = Image.fromarray(x["rgb"])
    yield "rgb", "lossless", saved(image, "WEBP", lossless=True)
    yield "rgb", "alpha", saved(Image.fromarray(np.dstack([x["rgb"], x["grey"] | 1])), "WEBP", lossless=True, exact=True)
    data = saved(image, "WEBP", quality=60)
    yield read(data), "lossy", data


def refused(x):
    rgb, grey = Image.fromarray(x["rgb"]), Image.fromarray(x["grey"])
    yield "RLE8", bmp(8, 40, 1, []), "bmp"
    yield "RLE4", bmp(4, 40, 2, []), "bmp"
    yield "embedded PNG", bmp(0, 40, 5, []), "bmp"
    yield "CMYK", saved(rgb.convert("CMYK"), "TIFF"), "tif"
    yield "Lab", saved(rgb.convert("LAB"), "TIFF"), "tif"
    yield "YCbCr", tiff(x["rgb"], photometric="ycbcr"), "tif"
    yield "floating-point", tiff(x["grey"].astype(np.float32)), "tif"
    yield "signed", tiff(x["grey"].astype(np.int16)), "tif"
    yield "32 bits", tiff(x["grey"].astype(np.uint32)), "tif"
    yield "CCITT G4", saved(Image.fromarray(x["bit"] > 0), "TIFF", compression="group4"), "tif"
    yield "compression JPEG", saved(rgb, "TIFF", compression="jpeg"), "tif"
    yield "animation", saved(rgb, "WEBP", save_all=True, append_images=[grey.convert("RGB")]), "webp"
    yield "GIF", saved(grey, "GIF"), "gif"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    x = pixels()
    out = {"pixels." + key: x[key] for key in ("rgb", "grey", "bit", "grey16")}
    files = [f + (kind,) for kind, make in (("bmp", bmps), ("tif", tiffs), ("webp", webps)) for f in make(x)] + list(pnms(x))
    for key, name, data, kind in files:
        if not isinstance(key, str):
            array, key = key, name + "_" + kind
            out["pixels." + key] = np.ascontiguousarray(array)
        out["file.%s.%s.%s" % (key, name, kind)] = np.frombuffer(data, np.uint8)
    for word, data, kind in refused(x):
        out["refused.%s.%s" % (word, kind)] = np.frombuffer(data, np.uint8)
    golden_io.save(os.path.join(a.out, "images.safetensors"), out,
                   "make_images.py, Pillow %s, tifffile %s, imagecodecs %s" % (PIL.__version__, tifffile.__version__, imagecodecs.__version__))


if __name__ == "__main__":
    main()
