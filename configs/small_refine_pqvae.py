"""The packaged model `small`, second run, stage 1: the autoencoder goes on for longer.

Starts from the autoencoder that configs/small_pqvae.py and configs/small_mim.py trained:

    pqmim train --config=configs/small_refine_pqvae.py --workdir=runs/refined \\
        --config.pqvae_training.start_from=runs/small --config.data.source=folder:PHOTOS
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_pqvae.py")))["get_config"]()
    config.pqvae_training.update(steps=7000, batch_size=16, learning_rate=1.5e-3)
    return config
