"""Pictures as video frames: Y'CbCr of BT.709, 4:2:0, 10 bits, limited range (ITU-R BT.709-6)."""

import numpy as np

_BITS = 10
_SCALE = 1 << (_BITS - 8)
_RED, _BLUE = 0.2126, 0.0722  # weights of the luma


def to_frame(image: np.ndarray) -> bytes:
    """Planar frame (Y, Cb, Cr; little-endian 16-bit samples) of a picture.

    Args:
      image: uint8 (H, W, 3) RGB, H and W even. Chroma is the mean of 2 x 2 pixels.
    """
    red, green, blue = np.moveaxis(image.astype(np.float64) / 255, -1, 0)
    luma = _RED * red + (1 - _RED - _BLUE) * green + _BLUE * blue
    planes = [16 + 219 * luma]
    for colour, weight in ((blue, _BLUE), (red, _RED)):
        chroma = (colour - luma) / (2 * (1 - weight))
        h, w = chroma.shape
        planes.append(128 + 224 * chroma.reshape(h // 2, 2, w // 2, 2).mean((1, 3)))
    return b"".join(np.rint(plane * _SCALE).astype("<u2").tobytes() for plane in planes)


def from_y4m(film: bytes) -> np.ndarray:
    """The first frame of a YUV4MPEG2 film, as uint8 (H, W, 3) RGB.

    Chroma is interpolated linearly between the centres of its samples.

    Raises:
      ValueError: it is no such film, not 4:2:0 with 8 or 10 bits, or it is cut short.
    """
    header, _, rest = film.partition(b"\n")
    marker, _, samples = rest.partition(b"\n")
    words = header.decode("ascii", errors="replace").split()
    fields = {word[0]: word[1:] for word in words[1:]}
    if words[:1] != ["YUV4MPEG2"] or not marker.startswith(b"FRAME"):
        raise ValueError("not a YUV4MPEG2 film")
    colours = fields.get("C", "420")
    if not all(fields.get(name, "").isdecimal() for name in "WH"):
        raise ValueError("its size is missing")
    if not colours.startswith("420"):
        raise ValueError(f"colours {colours!r}, not 4:2:0")
    bits = 10 if "p10" in colours else 8
    width, height = int(fields["W"]), int(fields["H"])
    return _to_rgb(_planes(samples, width, height, bits), bits)


def _planes(samples: bytes, width: int, height: int, bits: int) -> list[np.ndarray]:
    half = (-(-height // 2), -(-width // 2))
    planes, dtype = [], np.dtype("<u2" if bits > 8 else "u1")
    for shape in ((height, width), half, half):
        size = shape[0] * shape[1] * dtype.itemsize
        if len(samples) < size:
            raise ValueError("the film is cut short")
        planes.append(np.frombuffer(samples[:size], dtype).reshape(shape))
        samples = samples[size:]
    return planes


def _to_rgb(planes: list[np.ndarray], bits: int) -> np.ndarray:
    scale = 1 << (bits - 8)
    luma = (planes[0] / scale - 16) / 219
    blue, red = ((_enlarge(plane / scale, luma.shape) - 128) / 224 for plane in planes[1:])
    red = luma + 2 * (1 - _RED) * red
    blue = luma + 2 * (1 - _BLUE) * blue
    green = (luma - _RED * red - _BLUE * blue) / (1 - _RED - _BLUE)
    return np.clip(np.rint(255 * np.stack([red, green, blue], -1)), 0, 255).astype(np.uint8)


def _enlarge(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Twice as large, sample centres as of 2 x 2 means: weights 3/4 and 1/4 of the nearest two."""
    for axis in (0, 1):
        edge = [(0, 0), (0, 0)]
        edge[axis] = (1, 1)
        padded = np.moveaxis(np.pad(plane, edge, mode="edge"), axis, 0)
        before, at, after = padded[:-2], padded[1:-1], padded[2:]
        pairs = np.stack([(3 * at + before) / 4, (3 * at + after) / 4], 1)
        plane = np.moveaxis(pairs.reshape(-1, *pairs.shape[2:]), 0, axis)
    return plane[: shape[0], : shape[1]]
