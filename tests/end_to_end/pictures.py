"""Pictures for tests, written with nothing beyond Python's own library."""

import base64
import struct
import zlib


def write_png(path, rows, channels=1, bits=8):
    """`rows`: a sequence a row, of height x (width * channels) whole numbers."""
    height, width = len(rows), len(rows[0]) // channels
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    code = "B" if bits == 8 else "H"
    raw = b"".join(b"\0" + struct.pack(f">{len(row)}{code}", *row) for row in rows)

    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                     chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b""))


def read_grey_png(path):
    """Rows of an 8-bit grey PNG."""
    data = path.read_bytes()
    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    assert (bits, kind) == (8, 0), f"{path} is not 8-bit grey"
    packed, place = b"", 8
    while place < len(data):
        length, name = struct.unpack(">I4s", data[place:place + 8])
        if name == b"IDAT":
            packed += data[place + 8:place + 8 + length]
        place += 12 + length
    raw, rows, before = zlib.decompress(packed), [], bytes(width)
    for y in range(height):
        kind, line = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        for x in range(width):
            left, up, corner = line[x - 1] if x else 0, before[x], before[x - 1] if x else 0
            paeth = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                        (abs(left + up - 2 * corner), 2, corner))[2]
            line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[kind]) % 256
        rows.append(bytes(line))
        before = rows[-1]
    return rows


def png_size(path):
    """(width, height)."""
    return struct.unpack(">II", path.read_bytes()[16:24])


def write_float_tiff(path, rows):
    """32-bit floats, one channel, one strip."""
    height, width = len(rows), len(rows[0])
    pixels = b"".join(struct.pack(f"<{width}f", *row) for row in rows)
    entries = [(256, width), (257, height), (258, 32), (259, 1), (262, 1), (273, 8), (277, 1),
               (278, height), (279, len(pixels)), (339, 3)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory +
                     struct.pack("<I", 0))


# 48 x 48 pixels, a light disc on a dark ground.
JPEG = base64.b64decode("""
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEEx
NDk7Pj4+JS5ESUM8SDc9Pjv/2wBDAQoLCw4NDhwQEBw7KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7
Ozs7Ozs7Ozs7Ozs7Ozv/wAARCAAwADADASIAAhEBAxEB/8QAGQABAAMBAQAAAAAAAAAAAAAAAAUGBwME/8QALRAAAQMEAAUC
BAcAAAAAAAAAAQACAwQFESEGBxIxQRNRImGB8BQVI0JicXL/xAAYAQADAQEAAAAAAAAAAAAAAAABAgMEAP/EABoRAQACAwEA
AAAAAAAAAAAAAAABEQISMQP/2gAMAwEAAhEDEQA/AMvRF2pKSor6uOlpYnSzSnDGN7n79/Csk4orzQ8sKuamElbcI6aU79Nk
fqYGB3ORvv2yPmoy+8CXOzRvqYi2spYx1OkYMOYBjJLfqexOhk4QuDzhlEXSsoiIkFp/Le0MprQ+6PDXS1ZLWHuWsaSMdtZc
DneNNWYLVeXNyiquHfwQHTLRPIcN7a4lwPb/AEMfx+aXLivlWy2oiKbWxvjS0Ms3EcsUIaIZwJ42t/YHE5GAABgg4HthQKsn
H1yiuPE8ghHw0jBTl2/icCS7xrBJH0z5VbVY4w51tNC9lqutXZq9lbRSdEjdEHbXt8tcPIP3teNFwcaTQ8z6J1MPzChnZONH
0OlzXaG9kEbzrf8AZUbfeY9RVxvprTC6ljeMGd5/V8dgNN8jOT7jBVIRDWDz6ZTFCIiZN//Z
""")
