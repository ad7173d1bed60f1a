"""The packaged model `small`, second run, stage 1: the autoencoder on rate-aware choices.

Starts from the autoencoder that configs/small_pqvae.py and configs/small_mim.py trained, and goes
on with codewords chosen by distance + lambda x bits (entropy-constrained quantization, Chou et al.
1989; that a PQ-VAE is trained so is ours):

    pqmim train --config=configs/small_refine_pqvae.py --workdir=runs/refined \\
        --config.pqvae_training.start_from=runs/small --config.data.source=folder:PHOTOS

It took 69 minutes on two CPU cores that did other work besides.
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_pqvae.py")))["get_config"]()
    config.pqvae_training.update(
        steps=3000,
        learning_rate=8e-4,
        rate_scale=1.0,
        dead_below=0.0,  # a codeword that its price keeps out of use is not dead
    )
    return config
