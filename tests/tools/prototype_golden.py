"""A tiny model in the parts that the prototype leaves, and what the prototype makes of some inputs.

    git archive 2a828e4 pqmim_jax | tar x -C FOLDER && patch -p1 -d FOLDER < models.patch
    cd FOLDER && python REPOSITORY/tests/tools/prototype_golden.py

`models.patch` is the prototype: commit 2a828e4 of this repository with a backbone `pyramid` and a
trunk `lean` of its own. Its code runs here, not that of this repository; FILE is written anew.

Every parameter is noise, also what starts at zero. Values have three significant bits, so that the
file is small and 16 bits hold them exactly.
"""

import json
import sys
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "prototype_golden.npz"
QUALITY = 3  # of what is recorded


def noise(rng: np.random.Generator, array) -> np.ndarray:
    """Kernels that about keep the size of what goes through them; float16."""
    inputs = np.prod(array.shape[:-1]) if len(array.shape) > 1 else 16
    unit = 2.0 ** np.round(-0.5 * np.log2(inputs) - 1)
    return np.float16(np.clip(np.round(2 * rng.normal(size=array.shape)), -7, 7) * unit)


def sections() -> dict:
    """Of a tiny model, as the prototype writes them."""
    from pqmim_jax.training import default_config

    config = default_config.get_config()
    config.autoencoder.update(
        backbone="pyramid", encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1
    )
    config.autoencoder.update(num_codebooks=4, num_codewords=16, codeword_dim=4)
    with config.mim.unlocked():
        config.mim.trunk = "lean"
    config.mim.update(width=32, depth=2, heads=2, head_width=16, embedding_dim=8)
    config.codec.update(window=4, halo=1, rate_weights=(900.0, 500.0, 200.0, 50.0))
    config.codec.schedule = "qlds(stages=3,alpha=2.2)*coarse_first(size=2)"
    return {name: config[name] for name in ("autoencoder", "mim", "codec")}


def main() -> None:
    sys.path.insert(0, ".")
    import jax
    import jax.numpy as jnp

    from pqmim_jax.model_store import flatten
    from pqmim_jax.models import build_autoencoder, build_mim

    config, rng = sections(), np.random.default_rng(0)
    autoencoder = build_autoencoder(config["autoencoder"])
    mim = build_mim(config["mim"], config["autoencoder"])
    picture = rng.integers(0, 256, (32, 48, 3), np.uint8)
    indices = rng.integers(0, 16, (1, 6, 6, 4), np.int32)
    indices[..., QUALITY:] = -1
    visible = np.where(rng.random(indices.shape) < 0.5, indices, -1)
    image = jnp.float32(picture[None]) / 255 - 0.5
    quality = jnp.full(1, QUALITY)
    ae = jax.eval_shape(autoencoder.init, jax.random.key(0), image, quality)["params"]
    lean = jax.eval_shape(mim.init, jax.random.key(0), visible, indices, quality)["params"]
    ae, lean = (jax.tree.map(lambda a: noise(rng, a), tree) for tree in (ae, lean))
    floats = [{"params": jax.tree.map(np.float32, tree)} for tree in (ae, lean)]
    few = jnp.maximum(indices[:, :2, :3], 0)
    codewords = autoencoder.apply(floats[0], few, method=lambda m, i: m.quantizer.codewords(i))
    shares = rng.dirichlet(np.full(16, 0.3), (4, 4))
    plain = {name: section.to_dict() for name, section in config.items()}
    weights = list(plain["codec"]["rate_weights"])
    written = {
        "pqvae.json": {"config": plain.pop("autoencoder"), "rate_weights": weights, "steps": 1},
        "mim.json": {**plain, "steps": 1},
    }
    np.savez_compressed(
        FILE,
        **{f"pqvae/{name}": value for name, value in flatten(ae).items()},
        **{f"mim/{name}": value for name, value in flatten(lean).items()},
        **{name: np.array(json.dumps(value)) for name, value in written.items()},
        freq=np.float16(shares),
        picture=picture,
        latents=autoencoder.apply(floats[0], image, method="encode"),
        indices=np.int8(indices),
        visible=np.int8(visible),
        reconstruction=autoencoder.apply(floats[0], codewords, quality, method="decode"),
        logits=mim.apply(floats[1], visible, indices, quality),
    )


if __name__ == "__main__":
    main()
