"""The baseline: a plain VQ-VAE, M = 1, and its MIM, on the trunk and budget of `small_pqvae.py`.

What product quantization is compared with at equal K: van den Oord et al., arXiv 1711.00937, with
the MIM of arXiv 2212.07372. One codebook gives one rate; f = 8 and f = 16 give two.

    pqmim train --config=configs/vqvae.py --workdir=runs/vqvae --config.data.source=folder:PHOTOS

Expected time: that of `small_pqvae.py` and `small_mim.py`, whose networks these are.
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.checkpoints.every = 200
    config.data.crops_per_image = 1
    config.data.num_threads = 1
    # As many latent dimensions as the product quantizer's 12 x 16 would leave a single codebook of
    # 256 codewords with components that it cannot tell apart.
    config.autoencoder.update(num_codebooks=1, codeword_dim=32)
    config.codec.schedule = "qlds(stages=8,alpha=2.2)"  # of whole tokens: there is one index each
    config.pqvae_training.update(
        steps=1900,
        batch_size=8,
        warmup_steps=100,
        codebook_decay=0.995,
        lr_scales=(("linear_", 0.1), ("quantizer", 0.0)),
    )
    config.mim_training.update(
        steps=1100, batch_size=8, warmup_steps=100, initialise_images=128, leading_share=0.0
    )
    return config
