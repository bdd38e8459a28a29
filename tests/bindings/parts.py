"""Parts on a table as a camera and a depth sensor beside it see them, and folders of them, for the tests of depth."""
import struct

import helper
import numpy as np

import adfeat

HEIGHT, WIDTH = 24, 32
#: of a student and its fit: 36 positions, a few thousand parameters
TINY = {"layers": "stem", "size": 6, "flow_blocks": 2, "flow_hidden": 4, "student_blocks": 1, "student_hidden": 8,
        "positions": 4, "batch": 4, "lr": 2e-3, "epochs": 15}


def part(seed, spot=False, dent=False):
    """uint8 [h, w, 3] and float32 [h, w]: a disc of 10 cm on a table that is not level. spot: of another colour, not of
    another height. dent: 5 cm deep, not of another colour."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    disc = np.hypot(y - 12, x - 16) < 8
    depth = 1.0 + 0.002 * y + 0.001 * x + 0.001 * rng.standard_normal((HEIGHT, WIDTH)) - 0.1 * disc
    colour = np.dstack([60 + 2 * x, 80 + 3 * y, np.where(disc, 180, 40)]) + rng.integers(-8, 9, (HEIGHT, WIDTH, 3))
    if spot:
        colour[9:15, 13:19] = 255, 0, 255
    if dent:
        depth[10:15, 14:19] += 0.05
    return colour.astype(np.uint8), depth.astype(np.float32)


def image(seed, **what):
    return adfeat.DepthImage(*part(seed, **what))


def cloud(depth):
    """The organised point cloud of a depth plane: float32 [h, w, 3]."""
    y, x = np.mgrid[:depth.shape[0], :depth.shape[1]].astype(np.float32)
    with np.errstate(invalid="ignore"):  # where depth is infinite
        return np.stack([-x * depth, y * depth, depth], axis=2)


def has_tiff():
    return "libtiff" in adfeat.build_info() and "no libtiff" not in adfeat.build_info()


def tiff(array, order="<", bits=32, sample_format=3, planes=False):
    """An array [h, w] or [h, w, n] as the bytes of a TIFF file, uncompressed, in strips of 5 rows."""
    height, width, samples = array.shape if array.ndim == 3 else array.shape + (1,)
    rows = 5
    pixels = array.reshape(height, width, samples).astype(array.dtype.newbyteorder(order))
    strips = [pixels[y:y + rows, :, k:k + 1] if planes else pixels[y:y + rows]
              for k in range(samples if planes else 1) for y in range(0, height, rows)]
    data, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(data))
        data += strip.tobytes()
    sizes = [strip.nbytes for strip in strips]
    short, long = (3, "H"), (4, "I")
    entries = [(256, long, [width]), (257, long, [height]), (258, short, [bits] * samples), (259, short, [1]),
               (262, short, [1]), (273, long, offsets), (277, short, [samples]), (278, long, [rows]),
               (279, long, sizes), (284, short, [2 if planes else 1]), (339, short, [sample_format] * samples)]
    data += bytes(-len(data) % 4)
    table = struct.pack(order + "H", len(entries))
    for tag, (code, letter), values in entries:
        body = struct.pack(order + letter * len(values), *values)
        if len(body) > 4:
            where = 8 + len(data)
            data += body + bytes(-len(body) % 4)
            body = struct.pack(order + "I", where)
        table += struct.pack(order + "HHI", tag, code, len(values)) + body.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(data))
    return head + data + table + bytes(4)


def to_millimetres(depth):
    """As a 16-bit PNG holds it."""
    return np.round(1000.0 * depth.astype(np.float64)).astype(np.uint16)


def make_set(folder, xyz=False):
    """A category in MVTec 3D-AD layout: 6 good images to train, 2 good and 2 dented ones to test."""
    def write(group, name, seed, truth, **what):
        colour, depth = part(seed, **what)
        places = ("rgb", "gt", "xyz" if xyz else "depth")
        for place in places:
            (folder / group / place).mkdir(parents=True, exist_ok=True)
        adfeat.write_png(folder / group / "rgb" / (name + ".png"), colour)
        if xyz:
            (folder / group / "xyz" / (name + ".tiff")).write_bytes(tiff(cloud(depth)))
        else:
            adfeat.write_png(folder / group / "depth" / (name + ".png"), to_millimetres(depth))
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[10:15, 14:19] = 255 if truth else 0
        adfeat.write_png(folder / group / "gt" / (name + ".png"), mask)

    for i in range(6):
        write("train/good", "%03d" % i, i, False)
    for i in range(2):
        write("validation/good", "%03d" % i, 50 + i, False)
        write("test/good", "%03d" % i, 100 + i, False)
        write("test/dent", "%03d" % i, 200 + i, True, dent=True)


def backbone():
    return helper.tiny_backbone(context=adfeat.Context(threads=1))
