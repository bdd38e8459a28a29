"""Files of all eight EXIF orientations, and what Pillow's ImageOps.exif_transpose() makes of them.

    python3 make_orientation.py

writes orientation/<value>.jpg and .png: 5 x 3 stored pixels, tag 0x0112 in APP1 or eXIf, even values big-endian; and
orientation_rows.h: the size that Pillow shows, and which stored pixel (y * 5 + x) is where. Needs Pillow and NumPy."""
import os

import numpy as np
import PIL
from PIL import Image, ImageOps

W, H = 5, 3
here = os.path.dirname(os.path.abspath(__file__))
folder = os.path.join(here, "orientation")
os.makedirs(folder, exist_ok=True)
rows = []
for value in range(1, 9):
    pixels = np.random.default_rng(value).integers(0, 256, (H, W, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = value
    exif.endian = ">" if value % 2 == 0 else "<"
    for ending, options in (("jpg", {"quality": 95, "subsampling": 0}), ("png", {})):
        path = os.path.join(folder, "%d.%s" % (value, ending))
        Image.fromarray(pixels).save(path, exif=exif, **options)
        with Image.open(path) as saved:
            assert saved.getexif()[0x0112] == value
            assert (b"MM" if value % 2 == 0 else b"II") in saved.info["exif"][:8]
    index = Image.fromarray(np.arange(H * W, dtype=np.uint8).reshape(H, W))
    index.getexif()[0x0112] = value
    shown = np.asarray(ImageOps.exif_transpose(index))
    rows.append("    {%d, %d, {%s}}," % (shown.shape[1], shown.shape[0], ", ".join(map(str, shown.ravel()))))
with open(os.path.join(here, "orientation_rows.h"), "w") as out:
    out.write("/* make_orientation.py, Pillow %s: of orientations 1 to 8 the width and height that are shown, and the stored\n"
              " * pixel (y * 5 + x) at each place. */\n" % PIL.__version__)
    out.write("static const struct orientation_row {\n    int width, height, stored[%d];\n} orientation_rows[8] = {\n%s\n};\n"
              % (W * H, "\n".join(rows)))
