"""Stage 1 of the packaged model `small`: a PQ-VAE that trains on two CPU cores.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; sizes and schedule are ours.

    pqmim train --config=configs/small_pqvae.py --workdir=runs/small \\
        --config.data.source=folder:PHOTOS

Codewords are chosen by distance + lambda x bits from the first step on (entropy-constrained
quantization, Chou et al. 1989; that a PQ-VAE is trained so is ours).
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("pqvae",)
    config.checkpoints.every = 500
    config.data.update(
        crops_per_image=1,  # the cache holds the whole set
        num_threads=1,  # two cores: one crop thread keeps up
        min_scale=0.25,  # photographs of 1600 pixels, soft at their full size
        max_scale=0.75,
    )
    config.autoencoder.update(num_codebooks=20, codeword_dim=12)
    config.mim.embedding_dim = 16
    config.codec.update(
        # About the slope of squared error against bits between neighbouring qualities, on held-out
        # photographs.
        rate_weights=tuple(round(11700.0 * quality**-0.93, -1) for quality in range(1, 21)),
        refinement_steps=1,
    )
    config.pqvae_training.update(
        steps=6000,
        batch_size=8,
        crop=128,
        learning_rate=2e-3,
        warmup_steps=100,
        codebook_decay=0.995,
        lr_scales=(("linear_", 0.2), ("quantizer", 0.0)),
        rate_scale=0.77,  # training chooses without refinement, which makes bits worth more
        dead_below=0.0,  # a codeword that its price keeps out of use is not dead
    )
    return config
