"""Pixels of PIL images and arrays: each is read as its file would be, or refused with an advice that is right when it is
followed. PIL is not needed: what it makes of each mode is written out here; where it is there, it is asked too."""
import os
import pathlib
import re
import unittest

import helper
import numpy as np

import adfeat
from adfeat.image import image_view

try:
    from PIL import Image, ImageOps
except ImportError:
    Image = None

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "orientation"


class Stored:
    """As much of a PIL image as is looked at."""

    def __init__(self, array, orientation, mode="RGB"):
        self.array, self.mode, self.orientation = array, mode, orientation

    def convert(self, mode):
        raise AssertionError("not needed")

    def getexif(self):
        if self.orientation is None:
            raise SyntaxError("damaged")
        return {0x0112: self.orientation}

    def __array__(self, dtype=None, copy=None):
        return self.array


class Pixels(unittest.TestCase):
    def test_orientation(self):
        """A PIL image is turned as the library turns its file."""
        for value in range(1, 9):
            for ending in ("png", "jpg"):
                path = os.fspath(GOLDEN / ("%d.%s" % (value, ending)))
                raw, shown = adfeat.read_image(path, orientation="raw"), adfeat.read_image(path)
                self.assertEqual(shown.shape[:2], (5, 3) if value >= 5 else (3, 5))
                np.testing.assert_array_equal(np.asarray(image_view(Stored(raw, value))), shown)
                data = pathlib.Path(path).read_bytes()
                np.testing.assert_array_equal(adfeat.decode_image(data), shown)
                np.testing.assert_array_equal(adfeat.decode_image(data, orientation="raw"), raw)
                if Image is not None:
                    with Image.open(path) as image:
                        np.testing.assert_array_equal(np.asarray(image_view(image)), shown)
                        if ending == "png":
                            np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(image)), shown)
        for damaged in (0, 9, None, "6", (6,)):
            np.testing.assert_array_equal(np.asarray(image_view(Stored(raw, damaged))), raw)

    def follow(self, sentence, image):
        """What the advice in a sentence makes of the image."""
        found = re.search(r"((?:np\.(?:round|clip|nan_to_num)\(|image\.).*?)(?:,? (?:does|with|gives|makes|holds)|$)", sentence)
        self.assertIsNotNone(found, sentence)
        return eval(found[1], {"np": np, "image": image})

    def refused(self, kind, image):
        with self.assertRaises(kind) as caught:
            image_view(image)
        return str(caught.exception)

    def test_advice_on_types(self):
        """No value is clipped or wrapped by following it."""
        pixels = helper.noise(3, 20, 30)
        cases = [(pixels.astype(np.int32), pixels), (pixels.astype(np.int64), pixels), (pixels.astype(np.float64), pixels),
                 (pixels.astype(np.uint32), pixels), (pixels / 255.0, pixels), ((pixels / 255.0).astype(np.float32), pixels),
                 (pixels > 100, np.where(pixels > 100, 255, 0)),
                 (pixels.astype(np.int32) * 200, pixels.astype(np.uint16) * 200),
                 (pixels.astype(np.float32) * 200, pixels.astype(np.uint16) * 200)]
        for image, expected in cases:
            made = self.follow(self.refused(TypeError, image), image)
            self.assertIn(made.dtype, (np.uint8, np.uint16))
            np.testing.assert_array_equal(made, expected)
            image_view(made)
        for image in (pixels.astype(np.int16) - 100, pixels.astype(np.float32) * 1e4 - 7, pixels.astype(np.int32) << 12,
                      np.where(pixels == pixels.max(), np.nan, pixels.astype(np.float32) * 3)):
            made = self.follow(self.refused(TypeError, image), image)
            self.assertEqual(made.dtype, np.uint8)
            self.assertEqual((made.min(), made.max()), (0, 255))
            finite = np.isfinite(image)
            order = np.argsort(image[finite].ravel(), kind="stable")
            self.assertTrue((np.diff(made[finite].ravel()[order].astype(int)) >= 0).all())
            image_view(made)

    def test_masked_arrays(self):
        pixels = helper.noise(4, 20, 30)
        masked = np.ma.masked_less(pixels, 50)
        made = self.follow(self.refused(TypeError, masked), masked)
        np.testing.assert_array_equal(made, np.where(pixels < 50, 0, pixels))
        image_view(made)
        np.testing.assert_array_equal(np.asarray(image_view(np.ma.array(pixels))), pixels)

    def test_masked_depth(self):
        depth = np.ma.masked_greater(np.float32([[1, 2], [3, 9]]), 5)
        np.testing.assert_array_equal(image_view(adfeat.DepthImage(None, depth)).depth, [[1, 2], [3, 0]])

    def test_cameras(self):
        """Values of n bits are what the same values in 16 bits are, packed or not."""
        values = {bits: helper.noise(bits, 7, 5).astype(np.uint16) * 257 >> (16 - bits) for bits in (10, 12, 14)}
        for bits, grey in values.items():
            view = image_view(grey, "mono%d" % bits)
            self.assertFalse(view.copied)
            self.assertEqual((view.width, view.height), (5, 7))
            np.testing.assert_array_equal(np.asarray(view), grey)
            np.testing.assert_array_equal(view.rgb()[:, :, 0], grey >> (bits - 8))
        for bits in (10, 12):
            grey = values[bits]
            stream = (grey[:, :, None] >> np.arange(bits) & 1).reshape(7, -1).astype(np.uint8)
            packed = np.packbits(stream, axis=1, bitorder="little")
            view = image_view(packed, "mono%dp" % bits)
            self.assertEqual((view.width, view.height), (5, 7))
            np.testing.assert_array_equal(view.rgb()[:, :, 0], grey >> (bits - 8))
            three = np.zeros((7, 8), np.uint8)
            for x in range(5):
                three[:, x // 2 * 3 + x % 2 * 2] = grey[:, x] >> (bits - 8)
                three[:, x // 2 * 3 + 1] |= ((grey[:, x] & ((1 << (bits - 8)) - 1)) << 4 * (x % 2)).astype(np.uint8)
            view = image_view(three, "mono%dpacked" % bits)
            self.assertEqual(view.width, 5)
            np.testing.assert_array_equal(view.rgb()[:, :, 0], grey >> (bits - 8))
        for wrong in (values[12].astype(np.uint8), np.zeros((4, 4, 3), np.uint16)):
            with self.assertRaises(ValueError):
                image_view(wrong, "mono12")
        with self.assertRaisesRegex(ValueError, "mono12"):
            image_view(values[12], "mono13")

    @unittest.skipIf(Image is None, "Pillow is not here")
    def test_pil_modes(self):
        """Against the file that Pillow writes, where it writes one."""
        rgb = Image.fromarray(helper.noise(5, 20, 30, 3))
        folder = helper.scratch()
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image = Image.fromarray(helper.noise(6, 20, 30).astype(np.uint16) * 250) if mode == "I;16" else \
                rgb.convert(mode)
            self.assertEqual(image.mode, mode)
            path = os.path.join(folder, "mode.png")
            image.save(path)
            mine, of_file = image_view(image), image_view(path)
            np.testing.assert_array_equal(mine.rgb(), of_file.rgb())
        wide = helper.noise(6, 20, 30).astype(np.int32) * 250
        np.testing.assert_array_equal(np.asarray(image_view(Image.fromarray(wide))), wide)
        self.assertIn("more than 16 bits", self.refused(ValueError, Image.fromarray(wide * 9)))
        for mode in ("CMYK", "YCbCr", "HSV"):
            made = self.follow(self.refused(ValueError, rgb.convert(mode)), rgb.convert(mode))
            self.assertLess(np.abs(np.asarray(made).astype(int) - np.asarray(rgb)).mean(), 4)
            image_view(made)
        real = Image.fromarray(helper.noise(7, 20, 30).astype(np.float32) * 5 - 3)
        self.assertIn("np.clip", self.refused(ValueError, real))


if __name__ == "__main__":
    unittest.main()
