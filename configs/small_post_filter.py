"""The packaged model `small`, the end of it: a post-filter joins, and the decoder trains on.

Encoder, codebooks and MIM stay those of configs/small_refine_pqvae.py and small_refine_mim.py:
codes and file sizes do not change, only the picture that comes from them. On a processor:

    python tools/rescale_pictures.py PHOTOS COPIES --copies 4
    python tools/set_codec.py runs/refined -o runs/set --lambdas L1,...,LM --curvature C1,...,CM
    pqmim train --config=configs/small_post_filter.py --workdir=runs/filtered \\
        --config.perceptual_training.start_from=runs/set --config.data.source=folder:COPIES

The settings of the encoder are those of the packaged model; its card lists them, and a second run
that made the filter narrower (`--config.perceptual_training.post_filter_width=48`).
"""

from pqmim_jax.training import default_config


def get_config():
    config = default_config.get_config()
    config.stages = ("perceptual",)  # with neither LPIPS nor a discriminator
    config.checkpoints.update(every=500, kept=1)
    config.data.update(num_threads=1, min_scale=1.0, max_scale=1.0)  # copies are rescaled already
    config.autoencoder.post_filter_depth = 4
    config.perceptual_training.update(
        post_filter_width=64,
        distortion_weight=1.0,
        lpips_weight=0.0,
        adversarial_weight=0.0,
        rate_scale=0.52,
        steps=6500,
        batch_size=8,
        crop=192,
        learning_rate=2e-3,
        warmup_steps=100,
        lr_scales=(("post_filter", 1.0), ("linear_", 0.03), ("", 0.2)),
        full_quality_share=0.1,
    )
    return config
