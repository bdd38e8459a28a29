#!/usr/bin/env python3
"""Draw overlay.png, the picture of the README: parts, their anomaly maps, and the overlays.

    draw_overlay.py WEIGHTS PARTS OUT.png

WEIGHTS are a ResNet-18's; PARTS is what 'make_parts PARTS 1' drew. Needs the adfeat package, NumPy
and Pillow."""
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import adfeat

SIDE, GAP, HEAD, LEFT = 168, 6, 22, 92
SHOWN = [("good", "good/000.png"), ("scratch", "scratch/000.png"), ("dent", "dent/002.png"),
         ("missing hole", "hole/000.png")]


def tile(pixels):
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.LANCZOS)


def main(weights, parts, out):
    scorer = adfeat.fit(adfeat.Backbone(weights), parts, "padim", size=256)
    step = SIDE + GAP
    picture = Image.new("RGB", (LEFT + len(SHOWN) * step, HEAD + 3 * step), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for row, name in enumerate(("image", "anomaly map", "overlay")):
        draw.text((4, HEAD + row * step + SIDE // 2), name, "black", font, anchor="lm")
    for column, (name, path) in enumerate(SHOWN):
        image = adfeat.read_image("%s/test/%s" % (parts, path))
        found = scorer.anomaly_map(image)
        x = LEFT + column * step
        title = "%s: score %.1f" % (name, found.score)
        draw.text((x + SIDE // 2, HEAD // 2), title, "black", font, anchor="mm")
        for row, pixels in enumerate((image, found.overlay(np.zeros_like(image)), found.overlay())):
            picture.paste(tile(pixels), (x, HEAD + row * step))
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(out, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
