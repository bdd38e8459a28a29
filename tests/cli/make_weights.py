"""Write ResNet-18 weights, seeded, batch norm folded, from the stem to layer2, as safetensors.

usage: make_weights.py OUT.safetensors [SEED [stem | layer3]]
stem: no more than that, and no architecture named; layer3: one layer more
"""
import array
import json
import random
import sys


def convolutions():
    """Name, output channels, input channels, kernel side."""
    yield "conv1", 64, 3, 7
    channels = 64
    for layer, out in (("layer1", 64), ("layer2", 128), ("layer3", 256)):
        for block in (0, 1):
            yield "%s.%d.conv1" % (layer, block), out, channels, 3
            yield "%s.%d.conv2" % (layer, block), out, out, 3
            if block == 0 and channels != out:
                yield "%s.0.downsample.0" % layer, out, channels, 1
            channels = out


def main():
    last = sys.argv[3] if len(sys.argv) > 3 else "layer2"
    stem = last == "stem"
    ends = {"stem": ("conv1",), "layer2": ("conv1", "layer1", "layer2")}.get(last)
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    header = {"__metadata__": {"origin": "seeded noise for tests"}}
    if not stem:
        header["__metadata__"]["architecture"] = "resnet18"
    data = bytearray()
    for name, out, channels, kernel in convolutions():
        if ends and name.split(".")[0] not in ends:
            break
        fan_in = channels * kernel * kernel
        width = (3.0 / fan_in) ** 0.5  # keeps the signal's size through the layers
        weight = array.array("f", (rng.uniform(-width, width) for _ in range(out * fan_in)))
        bias = array.array("f", (rng.uniform(0.0, 0.1) for _ in range(out)))
        if sys.byteorder == "big":
            weight.byteswap()
            bias.byteswap()
        for part, values, shape in (("weight", weight, [out, channels, kernel, kernel]),
                                    ("bias", bias, [out])):
            start = len(data)
            data += values.tobytes()
            header["%s.%s" % (name, part)] = {"dtype": "F32", "shape": shape,
                                              "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[1], "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


main()
