"""Pairs of pictures for golden values: the same bytes wherever NumPy, SciPy and Pillow run.

Pictures: crops of tests/pictures/otters.webp and synthetic ones; distortions: noise, blur, JPEG's
quantization, shift, colours, contrast, flip. `checksum` tells whether they came out the same.
"""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import fft, ndimage

OTTERS = Path(__file__).parents[2] / "pictures" / "otters.webp"

# (top, left, height, width) of the crop, or the name of a synthetic picture and its size.
SMALL, ODD = (64, 64), (67, 90)
PAIRS = [
    ((20, 40), SMALL, "noise", 4),
    ((20, 40), SMALL, "noise", 25),
    ((70, 150), SMALL, "blur", 0.7),
    ((70, 150), SMALL, "blur", 2.5),
    ((110, 30), SMALL, "jpeg", 2),
    ((110, 30), SMALL, "jpeg", 8),
    ((60, 200), SMALL, "shift", 1),
    ((60, 200), SMALL, "shift", 5),
    ((90, 110), SMALL, "colour", 12),
    ((90, 110), SMALL, "grey", 1),
    ("waves", SMALL, "jpeg", 5),
    ("waves", SMALL, "contrast", 0.6),
    ("boxes", SMALL, "blur", 1.2),
    ("black", SMALL, "noise", 10),
    ((5, 5), ODD, "jpeg", 4),
    ((100, 180), ODD, "noise", 12),
    ((60, 90), ODD, "flip", 1),
    ("waves", ODD, "noise", 8),
    ("boxes", ODD, "shift", 3),
    ("boxes", ODD, "colour", 30),
]
# Large enough for MS-SSIM; the second size is odd on several scales.
LARGE_PAIRS = [
    ((0, 0), (176, 192), "noise", 10),
    ((10, 50), (176, 192), "blur", 1.5),
    ((20, 90), (176, 192), "jpeg", 6),
    ((0, 100), (176, 192), "contrast", 0.7),
    ((5, 10), (185, 163), "noise", 3),
    ((5, 80), (185, 163), "jpeg", 3),
    ("waves", (185, 163), "shift", 2),
    ("boxes", (185, 163), "colour", 20),
]


def make_pair(source, size, kind, strength) -> tuple[np.ndarray, np.ndarray]:
    """Two uint8 (H, W, 3) pictures: the picture and its distortion."""
    picture = crop(*source, *size) if isinstance(source, tuple) else synthetic(source, *size)
    return picture, to_bytes(DISTORT[kind](picture.astype(np.float64), strength))


def make_pairs(specifications, checksums) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pairs, certain to be those that the references saw."""
    made = [make_pair(*specification) for specification in specifications]
    assert [checksum(pair) for pair in made] == checksums
    return made


def crop(top, left, height, width):
    with Image.open(OTTERS) as image:
        pixels = np.asarray(image.convert("RGB"))
    return pixels[top : top + height, left : left + width]


def synthetic(name, height, width):
    y, x = np.mgrid[:height, :width]
    if name == "black":
        return np.zeros((height, width, 3), np.uint8)
    if name == "boxes":
        channels = [(x // 9 + y // 7) % 2 * 160 + 40, (x // 20) % 2 * 90 + 60, (y // 13) % 2 * 200]
    else:
        channels = [127 + 100 * np.sin(x / a + y / b) for a, b in ((3, 7), (9, 4), (15, 11))]
    return to_bytes(np.stack(channels, -1))


def to_bytes(picture):
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def checksum(pair) -> int:
    return zlib.crc32(pair[1].tobytes(), zlib.crc32(pair[0].tobytes()))


def _noise(picture, sigma):
    # A linear congruence, so that the noise does not hang on a version of NumPy's generators.
    state, values = 12345, []
    for _ in range(picture.size):
        state = (1103515245 * state + 12345) % 2**31
        values.append(state / 2**31)
    return picture + sigma * np.sqrt(12) * (np.reshape(values, picture.shape) - 0.5)


def _jpeg(picture, step):
    """8x8 DCT, coefficients rounded to a step that grows with the frequency."""
    padded = np.pad(picture, [(0, -n % 8) for n in picture.shape[:2]] + [(0, 0)], "edge")
    height, width = padded.shape[:2]
    blocks = padded.reshape(height // 8, 8, width // 8, 8, 3)
    frequencies = np.arange(8)[:, None] + np.arange(8)
    steps = (step * (2 + frequencies))[:, None, :, None]
    levels = np.rint(fft.dctn(blocks, axes=(1, 3), norm="ortho") / steps)
    decoded = fft.idctn(levels * steps, axes=(1, 3), norm="ortho")
    return decoded.reshape(padded.shape)[: picture.shape[0], : picture.shape[1]]


DISTORT = {
    "noise": _noise,
    "blur": lambda picture, sigma: ndimage.gaussian_filter(picture, (sigma, sigma, 0)),
    "jpeg": _jpeg,
    "shift": lambda picture, pixels: np.roll(picture, (pixels, 2 * pixels), (0, 1)),
    "colour": lambda picture, amount: picture + amount * np.array([1.0, -0.5, -1.0]),
    "grey": lambda picture, _: np.repeat(picture.mean(-1, keepdims=True), 3, -1),
    "contrast": lambda picture, factor: 128 + factor * (picture - 128),
    "flip": lambda picture, _: picture[:, ::-1],
}
