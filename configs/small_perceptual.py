"""Perceptual fine-tuning of the packaged model `small`: the decoder learns LPIPS and a patch GAN.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; losses after HiFiC (Mentzer et al. 2020); sizes are
ours. Encoder and codebooks are frozen: files keep their size and the MIM is the packaged one.

    pip install "pqmim-jax[train,perceptual]"
    pqmim train --config=configs/small_perceptual.py --workdir=runs/perceptual \\
        --config.data.source=folder:PHOTOS
    pqmim compress --model=runs/perceptual photo.jpg
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("perceptual",)
    config.checkpoints.every = 100
    config.log_every = 10
    config.data.crops_per_image = 1
    config.data.num_threads = 1
    config.perceptual_training.update(start_from="small", rate_scale=1.0)
    config.perceptual_training.discriminator.width = 32
    return config
