"""Write tiny PNG images into a folder, with the standard library only.

usage: make_images.py FOLDER

FOLDER/set is a category in MVTec layout: noisy ramps, those in test/spot with a bright square.
FOLDER/classes has class folders: ramp, and the same with a square, spot.
FOLDER/odd holds what goes wrong: no image, half an image, one pixel.
"""
import os
import random
import struct
import sys
import zlib

WIDTH, HEIGHT = 48, 36
SPOT = range(10, 20)


def png(width, height, rows, colour):
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))

    header = struct.pack(">IIBBBBB", width, height, 8, 2 if colour else 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def part(rng, spot, colour=False):
    rows = []
    for y in range(HEIGHT):
        row = []
        for x in range(WIDTH):
            value = 255 if spot and x in SPOT and y in SPOT else 40 + 3 * x + rng.randrange(20)
            row += [value, value // 2, 255 - value] if colour else [value]
        rows.append(row)
    return png(WIDTH, HEIGHT, rows, colour)


def mask():
    rows = [[255 if x in SPOT and y in SPOT else 0 for x in range(WIDTH)] for y in range(HEIGHT)]
    return png(WIDTH, HEIGHT, rows, False)


def main():
    rng = random.Random(7)

    def write(name, data):
        path = os.path.join(sys.argv[1], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    for i in range(12):
        write("set/train/good/%03d.png" % i, part(rng, False))
    for i in range(3):
        write("set/test/good/%03d.png" % i, part(rng, False))
        write("set/test/spot/%03d.png" % i, part(rng, True))
        write("set/ground_truth/spot/%03d_mask.png" % i, mask())
    write("flat/one.png", part(rng, False))
    write("odd/colour.png", part(rng, False, colour=True))
    write("odd/text.png", b"this is no image\n")
    write("odd/half.png", part(rng, False)[:200])
    write("odd/pixel.png", png(1, 1, [[128]], False))
    for i in range(6):
        write("classes/ramp/%03d.png" % i, part(rng, False))
    for i in range(3):
        write("classes/spot/%03d.png" % i, part(rng, True))


main()
