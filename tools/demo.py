"""Two photographs through `pqmim compress` and `pqmim decompress`, beside JPEG at equal size.

Run by tools/demo.sh. The pictures come with scikit-image: the astronaut Eileen Collins (NASA,
public domain) and a cup of coffee (Rachel Michetti, CC0).
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pqmim_jax import Codec, load_codec
from pqmim_jax.evaluation.codecs.pillow import PILLOW_CODECS, nearest_in_size
from pqmim_jax.evaluation.metrics import bits_per_pixel, psnr
from pqmim_jax.images import encode_image, read_image, write_atomically
from pqmim_jax.model_store import DEFAULT

PHOTOS = ("astronaut.png", "coffee.png")
CAPTION = 28  # pixels of height


@dataclass(frozen=True)
class Result:
    """One photograph, as the command and as JPEG left it."""

    name: str
    original: np.ndarray  # (H, W, 3) uint8, as all pictures here
    picture: np.ndarray
    bytes: int
    compress_seconds: float  # the whole command, with the start of Python and JAX
    decompress_seconds: float
    jpeg: np.ndarray
    jpeg_bytes: int
    jpeg_quality: int


def run_command(command: str, source: Path, target: Path, model: str) -> float:
    """Runs the installed `pqmim` in a process of its own; returns the seconds it took."""
    program = Path(sys.executable).with_name("pqmim")
    start = time.perf_counter()
    subprocess.run(
        [program, command, source, "-o", target, "--model", model, "--force", "--quiet"],
        check=True,
    )
    return time.perf_counter() - start


def round_trip(photo: Path, output: Path, codec: Codec, model: str) -> Result:
    file = output / f"{photo.stem}.pqm"
    decoded = output / f"{photo.stem}.png"
    compress_seconds = run_command("compress", photo, file, model)
    decompress_seconds = run_command("decompress", file, decoded, model)

    original, picture = read_image(photo), read_image(decoded)
    indices = codec.encode(original).indices
    expected = codec.decode_indices(indices, codec.qualities, original.shape[:2])
    if not np.array_equal(picture, expected):
        raise SystemExit(f"{file}: decompressing gave another picture than the encoder's own")

    num_bytes = file.stat().st_size
    quality, jpeg = nearest_in_size(PILLOW_CODECS["jpeg"], original, num_bytes)
    (output / f"{photo.stem}.jpg").write_bytes(jpeg)
    return Result(
        photo.stem,
        original,
        picture,
        num_bytes,
        compress_seconds,
        decompress_seconds,
        PILLOW_CODECS["jpeg"].decode(jpeg),
        len(jpeg),
        quality,
    )


def print_table(results: list[Result]) -> None:
    line = "{:<10} {:>9} {:>7} {:>6} {:>8} {:>11} {:>13}   {:>10} {:>8}"
    print(
        line.format(
            "image", "size", "bytes", "bpp", "PSNR dB", "compress s", "decompress s",
            "JPEG bytes", "PSNR dB",
        )
    )  # fmt: skip
    for r in results:
        height, width = r.original.shape[:2]
        print(
            line.format(
                r.name,
                f"{width}x{height}",
                r.bytes,
                f"{bits_per_pixel(r.bytes, r.original):.3f}",
                f"{psnr(r.original, r.picture):.2f}",
                f"{r.compress_seconds:.1f}",
                f"{r.decompress_seconds:.1f}",
                r.jpeg_bytes,
                f"{psnr(r.original, r.jpeg):.2f}",
            )
        )
    print("Seconds are of whole commands, with the start of Python and JAX.")
    if any(r.jpeg_quality == 1 and r.jpeg_bytes > r.bytes for r in results):
        print("JPEG cannot be made smaller than its quality 1, so its files may be larger.")


def side_by_side(result: Result) -> np.ndarray:
    """Original | .pqm | JPEG with captions, (H + CAPTION, 3 W + 2 gaps, 3) uint8."""
    panels = (
        ("original", result.original),
        (_caption(".pqm", result.bytes, result.original, result.picture), result.picture),
        (_caption("JPEG", result.jpeg_bytes, result.original, result.jpeg), result.jpeg),
    )
    height, width = result.original.shape[:2]
    gap = 8
    sheet = Image.new("RGB", (3 * width + 2 * gap, height + CAPTION), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (text, picture) in enumerate(panels):
        left = place * (width + gap)
        sheet.paste(Image.fromarray(picture), (left, CAPTION))
        draw.text((left + 4, 5), text, font=ImageFont.load_default(16), fill="black")
    return np.array(sheet)


def _caption(name: str, num_bytes: int, original: np.ndarray, picture: np.ndarray) -> str:
    bpp = bits_per_pixel(num_bytes, original)
    return f"{name}: {num_bytes} bytes, {bpp:.3f} bpp, {psnr(original, picture):.2f} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    parser.add_argument("--model", default=DEFAULT, help="packaged name, folder or workdir")
    args = parser.parse_args()
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise SystemExit('the demo needs its pictures: pip install "pqmim-jax[demo]"')

    args.output.mkdir(parents=True, exist_ok=True)
    codec = load_codec(args.model)  # run by what `pqmim` runs it by: pixels are then equal
    print(f"model {codec.model.name}, fingerprint {codec.model.fingerprint:08x}")
    start = time.perf_counter()
    codec.decompress(codec.compress(np.zeros((1, 1, 3), np.uint8)))
    print(f"programs ready after {time.perf_counter() - start:.1f} s (kept for the next start)")

    photos = Path(package.origin).parent / "data"
    results = [round_trip(photos / name, args.output, codec, args.model) for name in PHOTOS]
    print_table(results)
    for result in results:
        path = args.output / f"{result.name}_side_by_side.png"
        write_atomically(path, encode_image(side_by_side(result), ".png"), overwrite=True)
        print(path)


if __name__ == "__main__":
    main()
