"""Stage 1 of the packaged model `small`: a PQ-VAE that trains on two CPU cores.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; sizes and schedule are ours.

    pqmim train --config=configs/small_pqvae.py --workdir=runs/small \\
        --config.data.source=folder:PHOTOS
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("pqvae",)
    config.checkpoints.every = 200
    config.data.crops_per_image = 1  # the cache holds the whole set
    config.data.num_threads = 1  # two cores: one crop thread keeps up
    config.pqvae_training.update(
        steps=1900,
        batch_size=8,
        learning_rate=1e-3,
        warmup_steps=100,
        codebook_decay=0.995,
        lr_scales=(("linear_", 0.1), ("quantizer", 0.0)),
    )
    # The slope of squared error against bits between neighbouring qualities, on validation images.
    config.codec.rate_weights = (
        *(9000.0, 6000.0, 4000.0, 3000.0, 2400.0, 2000.0),
        *(1700.0, 1450.0, 1250.0, 1100.0, 1000.0, 900.0),
    )
    return config
