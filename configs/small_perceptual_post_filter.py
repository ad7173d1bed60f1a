"""The packaged model `small-perceptual`, the end of it: a post-filter joins its decoder.

Goes on from what configs/small_perceptual.py made; codes and MIM stay those of `small`:

    pip install "pqmim-jax[train,perceptual]"
    python tools/rescale_pictures.py PHOTOS COPIES --copies 4
    pqmim train --config=configs/small_perceptual_post_filter.py --workdir=runs/crisp \\
        --config.perceptual_training.start_from=runs/perceptual --config.data.source=folder:COPIES
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_perceptual.py")))["get_config"]()
    config.data.update(min_scale=1.0, max_scale=1.0)  # copies are rescaled already
    config.autoencoder.post_filter_depth = 4
    config.perceptual_training.update(
        post_filter_width=64,
        rate_scale=0.6,
        steps=1500,
        learning_rate=4e-4,
        warmup_steps=50,
        lr_scales=(("post_filter", 2.0), ("linear_", 0.1)),
        full_quality_share=0.4,
    )
    return config
