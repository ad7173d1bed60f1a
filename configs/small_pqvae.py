"""Stage 1 of the packaged model `small`: a PQ-VAE that trains on two CPU cores.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; sizes and schedule are ours.

    pqmim train --config=configs/small_pqvae.py --workdir=runs/small \\
        --config.data.source=folder:PHOTOS
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("pqvae",)
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
    return config
