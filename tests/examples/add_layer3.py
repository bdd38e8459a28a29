"""Add a seeded layer3 to the ResNet-18 weights of cli/make_weights.py, which end before it: it is where
the default options take their features.

usage: add_layer3.py IN.safetensors OUT.safetensors
"""
import array
import json
import random
import sys


def main():
    with open(sys.argv[1], "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    rng = random.Random(3)
    for name, channels, kernel in (("0.conv1", 128, 3), ("0.conv2", 256, 3), ("0.downsample.0", 128, 1),
                                   ("1.conv1", 256, 3), ("1.conv2", 256, 3)):
        width = (3.0 / (channels * kernel * kernel)) ** 0.5  # keeps the signal's size
        for part, shape in (("weight", [256, channels, kernel, kernel]), ("bias", [256])):
            count = 256 * (channels * kernel * kernel if part == "weight" else 1)
            values = array.array("f", (rng.uniform(-width, width) for _ in range(count)))
            if sys.byteorder == "big":
                values.byteswap()
            header["layer3.%s.%s" % (name, part)] = {"dtype": "F32", "shape": shape,
                                                     "data_offsets": [len(data), len(data) + 4 * count]}
            data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[2], "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


main()
