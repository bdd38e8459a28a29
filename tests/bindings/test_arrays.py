#!/usr/bin/env python3
"""Which arrays are images, which of them are copied, and does the C library see the pixels that NumPy sees?"""
import os
import pathlib
import struct
import zlib

import helper
import numpy as np

import adfeat
from adfeat.image import image_view


def png16(array):
    """A uint16 array [h, w, 3] as the bytes of a 16-bit colour PNG."""
    height, width = array.shape[:2]
    rows = array.astype(">u2").tobytes()
    step = 6 * width
    body = zlib.compress(b"".join(b"\0" + rows[y * step:(y + 1) * step] for y in range(height)))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
            + chunk(b"IDAT", body) + chunk(b"IEND", b""))


class ArrayTest(helper.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = helper.scratch()
        net = helper.tiny_backbone()
        cls.scorer = adfeat.fit(net, helper.noise(2, 30, 8, 8, 3))

    def seen(self, image, format="rgb"):
        """What C sees of an image: written as PNG by C and read back."""
        path = os.path.join(self.folder, "seen.png")
        adfeat.write_png(path, image, format)
        return adfeat.read_image(path)

    def taken(self, array, wanted, copied, format="rgb", memory=None, name=None):
        """The view has those pixels, and lies inside `memory` exactly when nothing was copied."""
        view = image_view(array, format)
        memory = array if memory is None else memory
        low, high = np.lib.array_utils.byte_bounds(memory) if hasattr(np.lib, "array_utils") \
            else np.byte_bounds(memory)
        self.assertEqual(view.copied, copied)
        self.assertEqual(low <= view.pointer < high, not copied)
        self.assertEqual(np.shares_memory(np.asarray(view), memory), not copied)
        np.testing.assert_array_equal(self.seen(array, format), wanted)
        if name:
            self.assertEqual(view.format, "AD_PIXEL_" + name)
        plain = np.ascontiguousarray(wanted)
        self.assertEqual(self.scorer.score(array, format), self.scorer.score(plain))

    def test_formats(self):
        rgb, rgba = helper.noise(3, 5, 7, 3), helper.noise(4, 5, 7, 4)
        grey = rgb[:, :, 0].copy()
        self.taken(rgb, rgb, False, name="RGB8")
        self.taken(rgb, rgb[:, :, ::-1], False, "bgr", name="BGR8")
        self.taken(rgba, rgba[:, :, :3], False, name="RGBA8")
        self.taken(rgba, rgba[:, :, 2::-1], False, "bgr", name="BGRA8")
        self.taken(grey, grey, False, name="MONO8")
        self.taken(grey[:, :, None], grey, False, name="MONO8")
        self.taken(grey, grey, False, "bgr", name="MONO8")
        deep = np.random.default_rng(5).integers(0, 65536, (5, 7), np.uint16)
        self.taken(deep, deep, False, name="MONO16")
        self.taken(deep[:, :, None], deep, False, name="MONO16")
        self.taken(deep.astype(deep.dtype.newbyteorder()), deep, True)

    def test_rows_at_any_distance(self):
        frame = helper.noise(6, 12, 16, 3)
        grey = frame[:, :, 1].copy()
        self.taken(frame[2:9, 3:11], frame[2:9, 3:11], False)
        self.taken(frame[::2], frame[::2], False)
        self.taken(frame[::-1], frame[::-1], False)
        self.taken(frame[10:2:-3, 4:], frame[10:2:-3, 4:], False)
        self.taken(grey[3:, 2:9], grey[3:, 2:9], False)
        self.taken(grey[::-1], grey[::-1], False)
        deep = np.random.default_rng(7).integers(0, 65536, (6, 9), np.uint16)
        self.taken(deep[::-2, 1:], deep[::-2, 1:], False)
        wide = helper.noise(8, 6, 40)  # rows with bytes behind them, as cameras give
        padded = np.lib.stride_tricks.as_strided(wide, (6, 12, 3), (40, 3, 1))
        self.taken(padded, padded.copy(), False, memory=wide)

    def test_channels_the_other_way_round(self):
        """frame[..., ::-1] is the same memory under another name."""
        bgr = helper.noise(9, 9, 11, 3)
        self.taken(bgr[:, :, ::-1], bgr[:, :, ::-1], False, memory=bgr, name="BGR8")
        self.taken(bgr[:, :, ::-1], bgr, False, "bgr", memory=bgr, name="RGB8")
        both = bgr[::-1, 2:8, ::-1]
        self.taken(both, both, False, memory=bgr, name="BGR8")
        self.assertEqual(image_view(bgr[:, :, ::-1]).pointer, bgr.ctypes.data)

    def test_what_is_copied(self):
        rgb, rgba = helper.noise(10, 8, 10, 3), helper.noise(11, 8, 10, 4)
        self.taken(rgb[:, ::-1], rgb[:, ::-1], True)
        self.taken(rgb[:, ::2], rgb[:, ::2], True)
        self.taken(rgb[:, ::-1, ::-1], rgb[:, ::-1, ::-1], True)
        self.taken(rgba[:, :, :3], rgba[:, :, :3], True)
        self.taken(rgba[:, :, ::-1], rgba[:, :, :0:-1], True)
        self.taken(rgb[:, :, [2, 0, 1]].transpose(1, 0, 2), rgb[:, :, [2, 0, 1]].transpose(1, 0, 2), True)
        self.taken(rgb[:, :, 1], rgb[:, :, 1], True)  # one channel of three
        self.taken(np.asfortranarray(rgb), rgb, True)
        planes = helper.noise(12, 3, 8, 10)
        self.taken(planes.transpose(1, 2, 0), planes.transpose(1, 2, 0), True)
        row = helper.noise(13, 1, 10, 3)
        same = np.broadcast_to(row, (8, 10, 3))  # one row again and again: stride 0
        self.taken(same, same, True)
        overlapping = np.lib.stride_tricks.as_strided(helper.noise(14, 100), (8, 10), (5, 1))
        self.taken(overlapping, overlapping, True)
        odd = np.frombuffer(helper.noise(15, 161).tobytes(), np.uint8)[1:].view(np.uint16).reshape(8, 10)
        self.taken(odd, odd, True)  # not aligned

    def test_sides_of_one(self):
        """NumPy leaves any stride on a side of 1."""
        frame = helper.noise(16, 8, 9, 3)
        for part in (frame[3:4], frame[:, 4:5], frame[3:4, 4:5], frame[3:4, ::-1][:, :1], frame[7:6:-1],
                     np.lib.stride_tricks.as_strided(frame, (1, 9, 3), (0, 3, 1)),
                     np.lib.stride_tricks.as_strided(frame, (8, 1, 3), (27, 0, 1))):
            self.taken(part, part, False, memory=frame)
            self.taken(part[:, :, ::-1], part[:, :, ::-1], False, memory=frame)
        self.taken(frame[:, 4:5, 0], frame[:, 4:5, 0], False, memory=frame)

    def test_read_only_and_buffers(self):
        frame = helper.noise(17, 6, 6, 3)
        frame.flags.writeable = False
        self.taken(frame, frame, False)
        memory = bytearray(helper.noise(18, 36).tobytes())
        view = memoryview(memory).cast("B", (6, 6))
        wanted = np.frombuffer(memory, np.uint8).reshape(6, 6)
        self.taken(view, wanted, False, memory=wanted)

        class Interface:
            __array_interface__ = frame.__array_interface__

        self.taken(Interface(), frame, False, memory=frame)

    def test_views_keep_memory_alive(self):
        view = image_view(helper.noise(19, 200, 300, 3))
        again = np.asarray(view)
        del view
        np.testing.assert_array_equal(again, helper.noise(19, 200, 300, 3))
        path = os.path.join(self.folder, "kept.png")
        adfeat.write_png(path, again)
        part = adfeat.read_image(path)[20:30]
        np.testing.assert_array_equal(part, again[20:30])

    def test_reduced_reading(self):
        path = os.path.join(self.folder, "reduced.png")
        adfeat.write_png(path, helper.noise(19, 40, 50, 3))
        np.testing.assert_array_equal(adfeat.read_image(path, min_side=5), adfeat.read_image(path))  # a PNG is whole
        with self.assertRaises(adfeat.InvalidArgumentError):
            adfeat.read_image(path, min_side=-1)
        tiles = sorted((pathlib.Path(__file__).parents[3] / "shared/data/magnetic_tile").rglob("*.jpg"))
        if not tiles:
            self.skipTest("../shared has no JPEG")
        whole, half = adfeat.read_image(tiles[0]), adfeat.read_image(tiles[0], min_side=-(-min(
            adfeat.read_image(tiles[0]).shape[:2]) // 2))
        self.assertEqual(half.shape[:2], tuple(-(-side // 2) for side in whole.shape[:2]))
        self.assertLess(abs(float(half.mean()) - float(whole.mean())), 1.0)

    def test_random_slices(self):
        """Whatever slicing gives, C sees what NumPy sees."""
        rng, counts = np.random.default_rng(20), [0, 0]
        base = {3: helper.noise(21, 20, 24, 3), 4: helper.noise(22, 20, 24, 4), 0: helper.noise(23, 20, 24)}

        def one(n):
            step = int(rng.choice([1, 1, 1, -1, 2, -2]))
            a, b = sorted(rng.choice(n + 1, 2, replace=False))
            return slice(a, b, step) if step > 0 else slice(b - 1, a - 1 if a else None, step)

        for _ in range(300):
            channels = int(rng.choice([0, 3, 4]))
            array = base[channels][one(20), one(24)]
            if channels and rng.integers(2):
                array = array[:, :, ::-1]
            view = image_view(array)
            counts[view.copied] += 1
            self.assertEqual(view.copied, not np.shares_memory(np.asarray(view), base[channels]))
            np.testing.assert_array_equal(self.seen(array), array[:, :, :3] if channels else array)
        self.assertGreater(min(counts), 50)

    def test_16_bits(self):
        """All values: 16-bit colour here and in C's PNG decoder give the same 8 bits; of grey they are not less than the upper byte."""
        values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        colour = np.stack([values, values[::-1], values.T], axis=2)
        view = image_view(colour)
        self.assertTrue(view.copied)
        np.testing.assert_array_equal(np.asarray(view), adfeat.decode_image(png16(colour)))
        np.testing.assert_array_equal(image_view(values).rgb()[:, :, 0], np.maximum(np.asarray(view)[:, :, 0], values >> 8))
        four = np.dstack([colour, values])
        self.assertEqual(image_view(four, "bgr").format, "AD_PIXEL_BGRA8")
        np.testing.assert_array_equal(self.seen(four), np.asarray(view))
        small = values[::37, ::41].copy()
        self.assertEqual(self.scorer.score(small), self.scorer.score(image_view(small).rgb()))

    def test_rgb(self):
        rgb, rgba = helper.noise(24, 4, 5, 3), helper.noise(25, 4, 5, 4)
        np.testing.assert_array_equal(image_view(rgb).rgb(), rgb)
        np.testing.assert_array_equal(image_view(rgb, "bgr").rgb(), rgb[:, :, ::-1])
        np.testing.assert_array_equal(image_view(rgba, "bgr").rgb(), rgba[:, :, 2::-1])
        np.testing.assert_array_equal(image_view(rgb[:, :, 0]).rgb(), np.dstack([rgb[:, :, 0]] * 3))

    def test_no_images(self):
        ok = helper.noise(26, 6, 6, 3)
        for dtype in (np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64,
                      bool, complex, object, "U1", "M8[s]"):
            self.refused(TypeError, "uint8 and uint16 are", self.scorer.score, np.zeros((6, 6, 3), dtype))
        for shape in ((), (6,), (6, 6, 2), (6, 6, 5), (3, 6, 6), (1, 6, 6, 3), (6, 6, 3, 1)):
            self.refused(ValueError, "[h, w, 3]", self.scorer.score, np.zeros(shape, np.uint8))
        for shape in ((0, 6), (6, 0), (0, 0), (0, 6, 3), (6, 0, 4), (6, 0, 1)):
            self.refused(ValueError, "no pixels", self.scorer.score, np.zeros(shape, np.uint8))
        for thing in (None, 3, [[1, 2], [3, 4]], object(), b"bytes", {}):
            self.refused(TypeError, "not possible", self.scorer.score, thing)
        for format in ("RGB", "grb", "", None, 3):
            self.refused(ValueError, '"bgr"', self.scorer.score, ok, format)
        self.refused(adfeat.ShapeError, "1048576", self.scorer.score, np.zeros((1, 1048577), np.uint8))
        self.refused(ValueError, "NUL", self.scorer.score, "a\0b.png")
        self.refused(adfeat.FileError, "absent", self.scorer.score, pathlib.Path(self.folder) / "absent.png")

    def test_pil(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not installed")
        rgb = helper.noise(27, 9, 7, 3)
        picture = Image.fromarray(rgb)
        self.assertEqual(self.scorer.score(picture), self.scorer.score(rgb))
        self.assertEqual(self.scorer.score(picture.convert("L")), self.scorer.score(np.asarray(picture.convert("L"))))
        for mode in ("CMYK", "YCbCr", "HSV"):  # the others: test_pixels.py
            self.refused(ValueError, "convert('RGB')", self.scorer.score, picture.convert(mode))

    def test_files_and_bytes(self):
        frame = helper.noise(28, 9, 7, 3)
        path = pathlib.Path(self.folder) / "frame \xe4.png"
        adfeat.write_png(path, frame)
        self.assertEqual(self.scorer.score(path), self.scorer.score(frame))
        self.assertEqual(self.scorer.score(str(path)), self.scorer.score(frame))
        data = path.read_bytes()
        for form in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
            np.testing.assert_array_equal(adfeat.decode_image(form), frame)
        self.refused(adfeat.FormatError, "", adfeat.decode_image, data[:-20])
        self.refused(adfeat.FormatError, "", adfeat.decode_image, b"")
        self.refused(adfeat.FileError, "cannot", adfeat.write_png, pathlib.Path(self.folder) / "no" / "x.png", frame)

    def test_room_for_maps(self):
        frame = helper.noise(29, 9, 7, 3)
        wanted = self.scorer.anomaly_map(frame).data
        self.assertEqual((wanted.shape, wanted.dtype), ((9, 7), np.float32))
        big = np.full((20, 30), 7, np.float32)
        for out in (np.zeros((9, 7), np.float32), big[3:12, 5:12], np.zeros((18, 7), np.float32)[::2]):
            found = self.scorer.anomaly_map(frame, out=out)
            self.assertIs(found.data, out)
            np.testing.assert_array_equal(out, wanted)
        outside = np.ones(big.shape, bool)
        outside[3:12, 5:12] = False
        self.assertTrue((big[outside] == 7).all())
        self.assertEqual(self.scorer.anomaly_map(frame, size=(4, 5)).data.shape, (4, 5))
        self.assertEqual(self.scorer.anomaly_map(frame, size=16).data.shape, (16, 16))
        self.assertEqual(self.scorer.anomaly_map(frame, size=(1, 1), out=np.zeros((1, 1), np.float32)).data.shape,
                         (1, 1))
        fixed = np.zeros((9, 7), np.float32)
        fixed.flags.writeable = False
        for out in (fixed, np.zeros((7, 9), np.float32).T, np.zeros((9, 14), np.float32)[:, ::2],
                    np.zeros((9, 7), np.float32)[::-1]):
            self.refused(ValueError, "writeable", self.scorer.anomaly_map, frame, out=out)
        for out in (np.zeros((9, 7)), np.zeros((9, 7), np.uint8), [[0.0]]):
            self.refused(TypeError, "float32", self.scorer.anomaly_map, frame, out=out)
        for size, out in ((None, np.zeros(63, np.float32)), ((3, 3), np.zeros((9, 7), np.float32)),
                          (None, np.zeros((9, 0), np.float32))):
            self.refused(ValueError, "shape", self.scorer.anomaly_map, frame, size, out)
        for size in (0, -1, (0, 5), (5, 1048577)):
            self.refused(ValueError, "1048576", self.scorer.anomaly_map, frame, size)
        self.refused(ValueError, "32-bit", self.scorer.anomaly_map, frame, 2**40)


if __name__ == "__main__":
    helper.main()
