"""How far a picture coded in regions is from the same picture in one region.

    python tools/measure_tiling.py PICTURES... [--quality Q] [--model NAME]

Runs the autoencoder once over the whole picture, as in training, and once as the codec does, on the
same indices. Prints the largest and mean difference in 8-bit steps, the PSNR of both, and the share
of the encoder's nearest indices that differ. Exit code 1 if a sample differs by more than 2.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.metrics import psnr
from pqmim_jax.images import read_image
from pqmim_jax.model_store import DEFAULT
from pqmim_jax.models import build_autoencoder

ALLOWED = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--quality", type=int)
    parser.add_argument("--model", default=DEFAULT)
    options = parser.parse_args()
    codec = Codec.load(options.model)
    quality = options.quality or codec.qualities
    worst = 0
    for path in options.pictures:
        image = read_image(path)
        indices, expected = in_one_region(codec, image, quality)
        tiled = codec.decode_indices(indices, quality, image.shape[:2])
        difference = np.abs(tiled.astype(int) - expected.astype(int))
        changed = np.mean(codec.nearest_indices(image) != indices)
        worst = max(worst, int(difference.max()))
        print(
            f"{path.name}: largest {difference.max()}, mean {difference.mean():.4f}; "
            f"PSNR {psnr(image, tiled):.3f} tiled, {psnr(image, expected):.3f} whole; "
            f"{changed:.2%} of the indices differ",
            flush=True,
        )
    return int(worst > ALLOWED)


def in_one_region(codec: Codec, image: np.ndarray, quality: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest indices (h, w, M), and the picture that the decoder network makes of them."""
    model, f = codec.model, codec.pixels_per_token
    network = build_autoencoder(ConfigDict(model.config["autoencoder"]))
    apply = partial(network.apply, {"params": jax.device_put(model.autoencoder)})
    margins = [(0, -side % f) for side in image.shape[:2]]
    pixels = np.pad(image, [*margins, (0, 0)], mode="edge")[None].astype(np.float32) / 255 - 0.5
    latents = np.asarray(jax.jit(partial(apply, method="sub_vectors"))(pixels))[0]
    codebooks = model.autoencoder["quantizer"]["codebooks"]
    products = np.einsum("hwmd,mkd->hwmk", latents, codebooks)
    indices = ((codebooks**2).sum(-1) - 2 * products).argmin(-1)
    codewords = codebooks[np.arange(codec.qualities), indices][None]
    decode = jax.jit(partial(apply, method="decode"))
    whole = np.asarray(decode(codewords, np.array([quality], np.int32)))[0]
    whole = whole[: image.shape[0], : image.shape[1]]
    return indices, np.clip(np.round((whole + 0.5) * 255), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
