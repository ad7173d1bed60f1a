"""The packaged model `small`, last run, stage 1: the autoencoder goes on, on an accelerator.

Starts from the autoencoder that configs/small_pqvae.py trained on a processor:

    python tools/rescale_pictures.py PHOTOS COPIES
    pqmim train --config=configs/small_refine_pqvae.py --workdir=runs/refined \\
        --config.pqvae_training.start_from=runs/small --config.data.source=folder:COPIES
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_pqvae.py")))["get_config"]()
    config.checkpoints.update(every=2000, kept=1)
    config.log_every = 100
    config.data.update(
        cache_mb=32768,  # of copies that are rescaled beforehand
        min_scale=1.0,
        max_scale=1.0,
        num_threads=6,
        prefetch=12,
    )
    config.autoencoder.dtype = "bfloat16"
    config.codec.rate_weights = tuple(
        round(16000.0 * quality**-1.08, -1) for quality in range(1, 21)
    )
    config.pqvae_training.update(
        steps=6000, batch_size=24, crop=256, learning_rate=1.5e-3, warmup_steps=200
    )
    return config
