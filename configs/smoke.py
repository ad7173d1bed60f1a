"""Both stages, tiny, to see that everything works: under 5 minutes on 2 CPU cores.

    pqmim train --config=configs/smoke.py --workdir=/tmp/smoke --config.data.source=folder:PHOTOS

Expected: the PQ-VAE's distortion falls, the MIM's bits per index fall below the start.
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.data.cache_mb = 512
    config.data.num_threads = 1
    config.autoencoder.update(
        encoder_width=64, encoder_depth=1, decoder_width=64, decoder_depth=2, heads=2
    )
    config.autoencoder.update(num_codebooks=4, num_codewords=64, codeword_dim=8)
    config.mim.update(width=64, depth=2, heads=2, head_width=32, embedding_dim=16)
    config.codec.update(window=8, halo=1, schedule="qlds(stages=4)")
    config.pqvae_training.update(steps=100, batch_size=8, crop=128, initialise_images=32)
    config.mim_training.update(steps=150, batch_size=8, crop=160, initialise_images=32)
    config.log_every = 25
    config.checkpoints.every = 25
    return config
