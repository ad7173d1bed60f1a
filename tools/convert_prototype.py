"""What a run of the prototype trained, as a model of the project.

    python tools/convert_prototype.py PARTS --pictures PHOTOS/ -o MODEL

PARTS holds what the run left: pqvae-N.safetensors, mim-N.safetensors, pqvae.json, mim.json and
freq.npz. MODEL is a model folder: files are made and read with it, and training goes on from it
(`pqvae_training.start_from`, `mim_training.autoencoder`, `mim_training.start_from`).

The MIM becomes integers on the way, as at the end of training. Pictures are looked at to choose the
scales of its activations, a window of each; they should be some that the model was trained on.
Settings that the prototype does not have are the project's defaults.
"""

import argparse
import logging
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict
from prototype.errors import PrototypeError
from prototype.parameters import converted
from prototype.parts import Parts, read_parts

from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.integers import crops
from pqmim_jax.images import ImageError
from pqmim_jax.masking import canonical
from pqmim_jax.model_store import ModelError
from pqmim_jax.models import build_autoencoder, build_mim
from pqmim_jax.training import default_config, integer_stage, mim_stage, pqvae_stage
from pqmim_jax.training.config import ConfigError

OLD_FIELDS = ("mim_precision",)  # of the codec's section; computing in integers has no such choice
LEAST_SHARE = 2e-5  # what the prototype adds to shares, so that no codeword is priced out for good
# Counts of a codebook add up to about this many: as fine as the coder's frequencies, in 16 bits.
TOTAL = 2**16 - 1


def main() -> None:
    options = parse_options()
    # What the integers cost is logged; JAX logs which accelerators it does not find.
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    logging.getLogger("jax").setLevel(logging.WARNING)
    try:
        convert(options.parts, options.pictures, options.windows, options.output)
    except (PrototypeError, ConfigError, CommandError, ModelError, ImageError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


def convert(folder: Path, pictures: Path, count: int, output: Path) -> None:
    """Writes the model folder `output`; `count` of the pictures are looked at, at most."""
    parts = read_parts(folder)
    config = config_of(parts)
    frozen, mim = networks_of(parts, config)
    counts = counts_of(parts.shares, *frozen["quantizer"]["codebooks"].shape[:2])
    section, codec = config.autoencoder, config.codec
    side = (codec.window + 2 * codec.halo) * section.f
    images = crops(pictures, side, count)
    windows = integer_stage.picture_windows(section, frozen, images, counts, codec.rate_weights)
    mim_stage.write_model(config, section, frozen, mim, counts, windows, output)


def config_of(parts: Parts) -> ConfigDict:
    """The project's config with the settings of the run.

    Raises:
      PrototypeError: a setting is unknown, or of another type.
    """
    config = default_config.get_config()
    for name, section in parts.sections.items():
        for key, value in section.items():
            if key in OLD_FIELDS:
                continue
            if key not in config[name]:
                raise PrototypeError(f"unknown setting {name}.{key}")
            try:
                config[name][key] = tuple(value) if isinstance(value, list) else value
            except TypeError as error:
                raise PrototypeError(f"{name}.{key} cannot be {value!r}") from error
    config.mim.knows_quality = True  # it always did
    config.codec.counts_by_quality = True
    config.autoencoder.dtype = config.mim.dtype = "float32"
    return config


def networks_of(parts: Parts, config: ConfigDict) -> tuple[dict, dict]:
    """Parameters of the autoencoder and of the MIM; PrototypeError if they do not fit."""
    try:
        autoencoder = build_autoencoder(config.autoencoder)
        mim = build_mim(config.mim, config.autoencoder)
        canonical(config.codec.schedule)
    except ValueError as error:
        raise PrototypeError(str(error)) from error
    side = config.codec.window + 2 * config.codec.halo
    grid, key = (side, side, autoencoder.num_codebooks), jax.random.key(0)
    shapes = {
        "pqvae": jax.eval_shape(lambda key: pqvae_stage.init_params(autoencoder, key), key),
        "mim": jax.eval_shape(lambda key: mim_stage.init_params(mim, key, grid), key),
    }
    found = {"pqvae": parts.pqvae, "mim": parts.mim}
    trees = []
    for name, arrays in found.items():
        try:
            trees.append(converted(arrays, shapes[name]))
        except PrototypeError as error:
            raise PrototypeError(f"{name}: {error}") from error
    return trees[0], trees[1]


def counts_of(shares: np.ndarray, m: int, k: int) -> np.ndarray:
    """Whole numbers that price codewords as the prototype does.

    Args:
      shares: (M, M, K) float64; row q - 1 is of quality q, and says nothing beyond it.
      m: number of sub-quantizers, M.
      k: of codewords, K.

    Returns:
      (M, M, K) int64, 0 for the sub-quantizers that a quality does not send.

    Raises:
      PrototypeError: these are no such shares.
    """
    sent = (np.arange(m) < np.arange(1, m + 1)[:, None])[..., None]
    if shares.shape != (m, m, k):
        raise PrototypeError(f"freq.npz: shares of shape {shares.shape}, not {(m, m, k)}")
    sums = np.where(sent, shares.sum(-1, keepdims=True), 1)
    if not (shares >= 0).all() or np.abs(sums - 1).max() > 0.02:  # they are of 16 bits
        raise PrototypeError("freq.npz: shares of codewords must be >= 0 and add up to 1")
    shares = (shares + LEAST_SHARE) / (sums + k * LEAST_SHARE)
    # Rounded down: who takes logarithms of counts adds half of one first.
    return np.where(sent, np.floor(TOTAL * shares), 0).astype(np.int64)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path, help="folder of what the run left")
    parser.add_argument("--pictures", type=Path, required=True, help="to calibrate the integers on")
    parser.add_argument("-o", "--output", type=Path, required=True, help="model folder to make")
    parser.add_argument("--windows", type=int, default=48, help="pictures looked at (48)")
    options = parser.parse_args()
    if options.windows < 1:
        parser.error("--windows must be at least 1")
    if options.output.exists():
        raise SystemExit(f"error: {options.output} exists; it is not written to")
    return options


if __name__ == "__main__":
    main()
