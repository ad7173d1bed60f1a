"""The baseline: a mean-scale hyperprior on the trunk, data and budget of `small_pqvae.py`.

Minnen, Ballé and Toderici, arXiv 1809.02736, without the autoregressive part; several rates by
channel gains, Cui et al., arXiv 2003.02012. Lambdas, sizes and schedule are ours.

    pqmim train --config=configs/hyperprior.py --workdir=runs/hyperprior \\
        --config.data.source=folder:PHOTOS

Expected on two CPU cores: about 45 minutes (extrapolated from crops of 128 pixels). The original
transforms: `--config.hyperprior.backbone=conv --config.hyperprior.linear_path=false`. One rate:
`--config.hyperprior.num_rates=1 --config.hyperprior_training.lambdas=(0.0032,)`.
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("hyperprior",)
    config.checkpoints.every = 200
    config.data.crops_per_image = 1  # the cache holds the whole set
    config.data.num_threads = 1  # two cores: one crop thread keeps up
    config.hyperprior_training.update(
        steps=1900, batch_size=8, learning_rate=1e-3, warmup_steps=100
    )
    return config
