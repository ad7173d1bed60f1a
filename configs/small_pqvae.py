"""Stage 1 of the packaged model `small`: a PQ-VAE that trains on two CPU cores.

PQ-MIM, El-Nouby et al., arXiv 2212.07372. Sizes and schedule are ours.

    pqmim train --config=configs/small_pqvae.py --workdir=runs/small \
        --config.data.source=folder:PHOTOS,IMAGENET_SAMPLE
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("pqvae",)
    config.data.crops_per_image = 1  # the cache holds the whole set
    config.pqvae_training.update(steps=1600, batch_size=16, learning_rate=1e-3)
    return config
