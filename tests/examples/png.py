"""PNG with the standard library only: just enough to look at what the examples write."""
import struct
import zlib

CHANNELS = {0: 1, 2: 3}  # by colour type: grey, RGB


def read(path):
    """Width, height and rows of samples (RGB: three a pixel) of a PNG that is grey or RGB, 8 or 16 bits."""
    with open(path, "rb") as file:
        data = file.read()
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    samples = width * CHANNELS[colour]
    step, length = CHANNELS[colour] * depth // 8, samples * depth // 8
    raw, above, rows = zlib.decompress(packed), bytes(length), []
    for y in range(height):
        row = bytearray(raw[y * (length + 1):(y + 1) * (length + 1)])
        how = row.pop(0)
        for i in range(length):
            left, up, corner = (row[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            paeth = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                        (abs(left + up - 2 * corner), 2, corner))[2]
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[how]) & 255
        above = row
        rows.append(struct.unpack(">%d%s" % (samples, "H" if depth == 16 else "B"), row))
    return width, height, rows


def write_grey(path, rows):
    """Write rows of bytes as a grey PNG of 8 bits."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
