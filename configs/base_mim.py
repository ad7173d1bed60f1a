"""Stage 2 of the model `base`: a MIM that is told the quality, on the same workdir's autoencoder.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; trunk, sizes and masks are ours.

    pqmim train --config=configs/base_mim.py --workdir=runs/base \\
        --config.data.source=folder:PHOTOS

Options as in configs/base_pqvae.py, by the name of `mim_training`. On CPUs add
`--config.mim.dtype=float32 --config.mim.width=128 --config.mim.depth=4 --config.mim.heads=2
--config.mim_training.batch_size=8`; the autoencoder's sizes come from its own config.
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("base_pqvae.py")))["get_config"]()
    config.stages = ("mim",)
    config.mim.update(
        width=192,
        depth=6,
        heads=3,
        embedding_dim=16,
        trunk="lean",
        knows_quality=True,
        dtype="bfloat16",
    )
    config.mim_training.update(
        steps=8000,
        batch_size=64,
        learning_rate=1.5e-3,
        warmup_steps=150,
        final_lr_fraction=0.005,
        average_decay=0.999,
        initialise_images=512,
        rate_scale=0.77,
        nearest_share=0.1,
        static_share=0.6,
        schedule=config.codec.schedule,  # the masks that coding meets
        schedule_share=0.6,
        leading_share=0.1,
        full_quality_share=0.1,
    )
    return config
