"""The packaged model `small-perceptual`: the decoder of `small` learns LPIPS and a patch GAN.

PQ-MIM, El-Nouby et al., arXiv 2212.07372; losses after HiFiC (Mentzer et al. 2020); sizes and the
mean over two trunks of LPIPS are ours. Encoder and codebooks are frozen: codes and MIM are those
of `small`.

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
    config.data.update(crops_per_image=1, num_threads=1, min_scale=0.25, max_scale=0.75)
    config.perceptual_training.update(
        start_from="small",
        rate_scale=0.77,
        steps=1600,
        batch_size=8,
        learning_rate=5e-4,
        lpips_trunk="vgg16+alexnet",
        full_quality_share=0.2,
    )
    config.perceptual_training.discriminator.width = 32
    return config
