"""Stage 2 on ImageNet, for many accelerators: the MIM on the autoencoder of the same workdir.

PQ-MIM, El-Nouby et al., arXiv 2212.07372. Publicly described of the paper: ImageNet, random resized
crops of 256 x 256, horizontal flips, 50 epochs, batch 256 (which we take for both stages).
Everything else is ours: architecture, masks, rates, precision.

    TFDS_DATA_DIR=DIR pqmim train --config=configs/imagenet_mim.py --workdir=runs/imagenet

Run configs/imagenet_pqvae.py in that workdir before, or name another trained autoencoder with
--config.mim_training.autoencoder=WORKDIR. `--config.mim.head=independent` trains the paper's
factorisation instead of the depth head. We have not run it to its end: neither the hours nor the
score has been measured.
"""

import runpy
from pathlib import Path


def get_config():
    # Data and autoencoder as in stage 1.
    config = runpy.run_path(str(Path(__file__).with_name("imagenet_pqvae.py")))["get_config"]()
    config.stages = ("mim",)
    config.mim.update(
        width=768,
        depth=12,
        heads=12,
        embedding_dim=64,
        head_width=256,
        dtype="bfloat16",
    )
    # (12 + 2 * 2) tokens of 16 pixels are the crops of 256 that are publicly described.
    config.codec.update(window=12, halo=2)
    config.mim_training.update(
        steps=config.pqvae_training.steps,
        batch_size=config.pqvae_training.batch_size,
        crop=256,
        learning_rate=5e-4,
        warmup_steps=5000,
        initialise_images=512,
    )
    return config
