"""Two models at the same quality: bytes, PSNR, LPIPS over both trunks, and crops side by side.

    python tools/compare_models.py PICTURES/ small small-perceptual --quality 8,12,16
        [--sheet FILE --show kodim04.png,kodim15.png --crop 400]

Prints a Markdown row for each quality and model, means over all pictures of whole files. LPIPS is
over AlexNet, the usual metric, and over VGG16: a model that was trained on one of them may please
that one only. --sheet draws, for each of --show, the middle of the original and of what both
models make of it at the first quality. Needs the weights of LPIPS: pip install
"pqmim-jax[perceptual]".
"""

import argparse
from pathlib import Path

import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.lpips_metric import LpipsMetric
from pqmim_jax.evaluation.metrics import psnr
from pqmim_jax.evaluation.pictures import find_images
from pqmim_jax.images import encode_image, middle, read_image, write_atomically
from pqmim_jax.images.film import draw_film

TRUNKS = ("alexnet", "vgg16")


def main() -> None:
    options = parse_options()
    codecs = [Codec.load(name) for name in options.models]
    paths = find_images(options.folder)
    images = {path.name: read_image(path) for path in paths}
    qualities = [int(word) for word in options.quality.split(",")]
    lpips = [LpipsMetric(trunk) for trunk in TRUNKS]
    print(f"{len(images)} pictures\n")
    print("| quality | model | bpp | PSNR | LPIPS (AlexNet) | LPIPS (VGG16) |")
    print("| --- " * 6 + "|")
    for quality in qualities:
        for codec in codecs:
            print(row(codec, quality, images.values(), lpips), flush=True)
    if options.sheet:
        shown = options.show.split(",") if options.show else list(images)
        draw(codecs, qualities[0], {name: images[name] for name in shown}, options)


def row(codec: Codec, quality: int, images, lpips: list[LpipsMetric]) -> str:
    scores = []
    for image in images:
        data = codec.compress(image, quality=quality)
        picture = codec.decompress(data)
        bpp = 8 * len(data) / (image.shape[0] * image.shape[1])
        scores.append([bpp, psnr(image, picture), *(metric(image, picture) for metric in lpips)])
    bpp, decibels, *distances = np.mean(scores, axis=0)
    cells = [str(quality), codec.model.name, f"{bpp:.4f}", f"{decibels:.2f} dB"]
    return "| " + " | ".join([*cells, *(f"{each:.4f}" for each in distances)]) + " |"


def draw(codecs: list[Codec], quality: int, images: dict[str, np.ndarray], options) -> None:
    panels = []
    for name, image in images.items():
        panels.append((middle(image, options.crop), name))
        for codec in codecs:
            data = codec.compress(image, quality=quality)
            picture = middle(codec.decompress(data), options.crop)
            panels.append((picture, f"{codec.model.name}, {len(data)} bytes"))
    sheet = draw_film(panels, options.crop)
    write_atomically(options.sheet, encode_image(sheet, options.sheet.suffix), overwrite=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs=2, help="names, folders or workdirs")
    parser.add_argument("--quality", default="8", metavar="N,N", help="default: %(default)s")
    parser.add_argument("--sheet", type=Path, help="picture file to draw")
    parser.add_argument("--show", metavar="NAME,NAME", help="pictures drawn; default all")
    parser.add_argument("--crop", type=int, default=400, help="pixels a side (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
