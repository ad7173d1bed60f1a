import struct
import zlib

import numpy as np
import pytest


@pytest.fixture
def saved(tmp_path):
    """Saves a Pillow image to a file of a suffix, and gives its path."""

    def save(image, suffix=".png", **options):
        path = tmp_path / f"picture{suffix}"
        image.save(path, **options)
        return path

    return save


@pytest.fixture
def photo():
    """Makes noise of a shape: no two pixels alike, so that nothing can be misplaced."""

    def make(*shape, seed=0):
        return np.random.default_rng(seed).integers(0, 256, shape or (20, 30, 3), np.uint8)

    return make


@pytest.fixture
def png_file():
    """Makes a PNG file of one row, chunk by chunk, as Pillow cannot write all depths."""

    def make(width, depth, colour_type, row, transparent_colour):
        def chunk(kind, data):
            check = zlib.crc32(kind + data)
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

        header = struct.pack(">IIBBBBB", width, 1, depth, colour_type, 0, 0, 0)
        return b"".join(
            [
                b"\x89PNG\r\n\x1a\n",
                chunk(b"IHDR", header),
                chunk(b"tRNS", struct.pack(f">{len(transparent_colour)}H", *transparent_colour)),
                chunk(b"IDAT", zlib.compress(b"\0" + row)),
                chunk(b"IEND", b""),
            ]
        )

    return make
