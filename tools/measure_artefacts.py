"""What PSNR over photographs does not show: flat colours, lattices in smooth areas, text.

    python tools/measure_artefacts.py MODEL [--quality Q,Q] [--sky PHOTO,PHOTO] [--out FOLDER]

Prints three Markdown tables, from whole files. Flat colours: the largest error of any channel in
8-bit levels, and the bytes of the file. Smooth gradients, and the smoothest 256 x 256 pixels of
each photograph of --sky: the amplitude, in levels, of what the error repeats every 16, 8 and 4
pixels from column to column and from row to row; that is the lattice a codec of 16 x 16 tokens may
show. Text: PSNR and bits per pixel. Goals stand beside. --out writes every original and what came
back, side by side, as PNG. Needs the `train` extra (grain), whose synthetic pictures it draws.
"""

import argparse
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from artefacts.pages import pages

from pqmim_jax.codec import Codec
from pqmim_jax.data.synthetic import linear_gradient, radial_gradient
from pqmim_jax.evaluation.metrics import bits_per_pixel, psnr
from pqmim_jax.images import ImageError, encode_image, read_image, write_atomically
from pqmim_jax.loading import load_codec
from pqmim_jax.model_store import ModelError

SIZES = ((192, 256), (512, 768))  # height, width of flat pictures; all others are the last
GREYS = (0, 32, 64, 96, 128, 160, 192, 224, 255)
CORNERS = tuple((r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255))
OTHERS = (
    *((255, 128, 0), (128, 0, 255), (0, 128, 64), (128, 0, 0), (0, 0, 128), (255, 200, 220)),
    *((224, 172, 105), (135, 206, 235), (34, 85, 34), (60, 20, 90)),
)
COLOURS = (*dict.fromkeys([*CORNERS, *((v, v, v) for v in GREYS), *OTHERS]),)
# Rounded gradients are stairs, which repeat by themselves. No low harmonic of these, over the sides
# of the larger size, has a period that a lattice has.
GRADIENTS = {"grey": ((24, 24, 24), (228, 228, 228)), "blue": ((59, 104, 189), (204, 222, 241))}

GREY_ERROR, COLOUR_ERROR, FLAT_BYTES = 1, 4, 200  # goals: levels, levels, bytes
LATTICE, LATTICE_FROM = 0.2, 20  # levels, from this quality on
PERIODS = (16, 8, 4)  # pixels
SKY_SIDE, BLOCK = 256, 8  # pixels
YES_OR_NO = {True: "yes", False: "no"}


class Measurement:
    """A codec at some qualities, and where pictures are written."""

    def __init__(self, codec: Codec, qualities: Sequence[int], folder: Path | None):
        """Of all pictures: `folder` may be None, then none is written."""
        self.codec, self.qualities, self._folder = codec, qualities, folder

    def send(self, name: str, image: np.ndarray, quality: int) -> tuple[bytes, np.ndarray]:
        """The bytes of a picture's file, and what is decoded from them."""
        data = self.codec.compress(image, quality=quality)
        decoded = self.codec.decompress(data)
        if self._folder is not None:
            both = np.concatenate([image, decoded], axis=1)
            file = re.sub(r"\W+", "-", name).strip("-")
            path = self._folder / f"{file}-quality-{quality}.png"
            write_atomically(path, encode_image(both, path.suffix), overwrite=True)
        return data, decoded


def flat_rows(measurement: Measurement) -> Iterable[list[str]]:
    for quality in measurement.qualities:
        for colour in COLOURS:
            name, errors, sizes = "#" + bytes(colour).hex(), [], []
            for height, width in SIZES:
                image = np.full((height, width, 3), colour, np.uint8)
                data, decoded = measurement.send(f"flat {name} {width}", image, quality)
                errors.append(int(np.abs(error_of(image, decoded)).max()))
                sizes.append(len(data))
            goal = GREY_ERROR if len(set(colour)) == 1 else COLOUR_ERROR
            met = max(errors) <= goal and max(sizes) <= FLAT_BYTES
            cells = [str(each) for pair in zip(errors, sizes, strict=True) for each in pair]
            yield [str(quality), name, *cells, f"{goal}, {FLAT_BYTES} bytes", YES_OR_NO[met]]


def lattice_rows(measurement: Measurement, photographs: Sequence[Path]) -> Iterable[list[str]]:
    everywhere = (slice(None), slice(None))
    pictures = [(name, image, everywhere) for name, image in gradients(*SIZES[-1]).items()]
    for path in photographs:
        image = read_image(path)
        pictures.append((str(path), image, smoothest_window(image)))
    for quality in measurement.qualities:
        for name, image, window in pictures:
            _, decoded = measurement.send(name, image, quality)
            error = error_of(image, decoded)[window]
            found = [lattice(error, axis, period) for axis in (0, 1) for period in PERIODS]
            goal = [str(LATTICE), YES_OR_NO[max(found) < LATTICE]]
            if quality < LATTICE_FROM:
                goal = ["-", "-"]
            yield [str(quality), name, *(f"{each:.3f}" for each in found), *goal]


def text_rows(measurement: Measurement) -> Iterable[list[str]]:
    for quality in measurement.qualities:
        for name, image in pages(*SIZES[-1]).items():
            data, decoded = measurement.send(name, image, quality)
            bpp = f"{bits_per_pixel(len(data), image):.4f}"
            yield [str(quality), name, bpp, f"{psnr(image, decoded):.2f} dB"]


def error_of(image: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Decoded minus original, integers (H, W, 3)."""
    return decoded.astype(int) - image


def lattice(error: np.ndarray, axis: int, period: int) -> float:
    """Amplitude of what the error's means over an axis repeat every `period` pixels.

    Args:
      error: (H, W, 3), cropped to whole multiples of the largest period.
      axis: 0: means of columns, 1: means of rows.

    Returns:
      2 |c| for the Fourier coefficient c of the means, of the channel where it is largest.
    """
    means = error.mean(axis=axis)
    means = means[: len(means) // PERIODS[0] * PERIODS[0]]
    wave = np.exp(-2j * math.pi * np.arange(len(means)) / period)
    return float(np.abs(2 * wave @ means / len(means)).max())


def smoothest_window(image: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the window where blocks of 8 x 8 pixels vary least, in the mean."""
    rows, columns = (side // BLOCK for side in image.shape[:2])
    cut = image[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
    variance = cut.reshape(rows, BLOCK, columns, BLOCK, 3).var(axis=(1, 3)).sum(-1)
    side = SKY_SIDE // BLOCK
    windows = np.lib.stride_tricks.sliding_window_view(variance, (side, side))
    means = windows.mean(axis=(2, 3))
    top, left = (BLOCK * int(i) for i in np.unravel_index(means.argmin(), means.shape))
    return slice(top, top + SKY_SIDE), slice(left, left + SKY_SIDE)


def gradients(height: int, width: int) -> dict[str, np.ndarray]:
    """Horizontal, vertical, diagonal and radial ones of all colours, by name."""
    found = {}
    for colours, ends in GRADIENTS.items():
        for name, angle in (("horizontal", 0), ("vertical", 90), ("diagonal", 45)):
            image = linear_gradient(height, width, math.radians(angle), *ends)
            found[f"{name}, {colours}"] = image
        found[f"radial, {colours}"] = radial_gradient(height, width, (0.4, 0.45), *ends)
    return found


def print_table(title: str, columns: Sequence[str], rows: Iterable[list[str]]) -> None:
    print(f"{title}\n\n| {' | '.join(columns)} |\n{'| --- ' * len(columns)}|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    print()


def main(arguments: list[str] | None = None) -> None:
    measurement, photographs = parse_options(arguments)
    flat = [f"{what}, {w} x {h}" for h, w in SIZES for what in ("largest error", "bytes")]
    columns = ["quality", "colour", *flat, "goal: at most", "met"]
    print_table("Flat colours: levels of the worst channel", columns, flat_rows(measurement))
    periods = [f"{what}, {period}" for what in ("columns", "rows") for period in PERIODS]
    print_table(
        "Lattice: levels of what the error repeats every 16, 8 and 4 pixels",
        ["quality", "picture", *periods, "goal: below", "met"],
        lattice_rows(measurement, photographs),
    )
    print_table("Text", ["quality", "picture", "bpp", "PSNR"], text_rows(measurement))


def parse_options(arguments: list[str] | None) -> tuple[Measurement, list[Path]]:
    """What to measure, and the photographs of --sky, of which each is known to be readable."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name, folder or workdir")
    parser.add_argument(
        "--quality", metavar="Q,Q", help="default: the best, and 20 if there is one"
    )
    parser.add_argument("--sky", metavar="PHOTO,PHOTO", help="photographs with smooth areas")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where pictures are written")
    options = parser.parse_args(arguments)
    photographs = [Path(word) for word in options.sky.split(",")] if options.sky else []
    try:
        codec = load_codec(options.model)
        qualities = chosen_qualities(options.quality, codec.qualities)
        for path in photographs:
            check_photograph(path)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
    except (ImageError, ModelError, OSError, ValueError) as error:
        parser.error(str(error))
    return Measurement(codec, qualities, options.out), photographs


def chosen_qualities(words: str | None, best: int) -> list[int]:
    """Of a model with qualities up to `best`; ValueError where there is none such."""
    if words is None:
        return sorted({best, min(best, LATTICE_FROM)})
    if not all(word.isdecimal() and 1 <= int(word) <= best for word in words.split(",")):
        raise ValueError(f"--quality must be numbers from 1 to {best}, got {words!r}")
    return [int(word) for word in words.split(",")]


def check_photograph(path: Path) -> None:
    """ImageError, OSError or ValueError unless it can be read and is large enough for a window."""
    height, width = read_image(path).shape[:2]
    if min(height, width) < SKY_SIDE:
        raise ValueError(f"{path}: {width} x {height} pixels, need {SKY_SIDE} x {SKY_SIDE}")


if __name__ == "__main__":
    main()
