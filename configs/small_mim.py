"""Stage 2 of the packaged model `small`: the MIM on the frozen autoencoder of the same workdir.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; sizes, masks and schedule are ours.

    pqmim train --config=configs/small_mim.py --workdir=runs/small \\
        --config.data.source=folder:PHOTOS

Visible indices are chosen by their price under static frequencies, masked ones by their price
under the MIM itself (ours). `--config.mim.head=independent` trains the paper's factorisation
instead of the depth head.
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_pqvae.py")))["get_config"]()
    config.stages = ("mim",)
    config.checkpoints.every = 100
    config.mim_training.update(
        steps=700,
        batch_size=8,
        learning_rate=1.5e-3,
        warmup_steps=50,
        initialise_images=128,
        rate_scale=0.77,
        schedule=config.codec.schedule,  # the masks that coding meets
    )
    return config
