"""Stage 2 of the packaged model `small`: the MIM on the frozen autoencoder of the same workdir.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; sizes, masks and schedule are ours.

    pqmim train --config=configs/small_mim.py --workdir=runs/small \\
        --config.data.source=folder:PHOTOS

`--config.mim.head=independent` trains the paper's factorisation instead of the depth head.
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("mim",)
    config.checkpoints.every = 200
    config.data.crops_per_image = 1
    config.data.num_threads = 1
    config.mim_training.update(
        steps=1100, batch_size=8, learning_rate=1e-3, warmup_steps=100, initialise_images=128
    )
    # The slope of squared error against bits between neighbouring qualities, on validation images.
    config.codec.rate_weights = (
        *(9000.0, 6000.0, 4000.0, 3000.0, 2400.0, 2000.0),
        *(1700.0, 1450.0, 1250.0, 1100.0, 1000.0, 900.0),
    )
    return config
