"""The base of every ablation: the training config, and what is varied, measured and compared."""

from ml_collections import ConfigDict

from pqmim_jax.training import default_config


def get_config() -> ConfigDict:
    """All defaults: one MIM with the project's masks, one schedule."""
    config = default_config.get_config()
    config.stages = ("mim",)
    config.mim_training.autoencoder = "small"  # packaged name, model folder or workdir
    with config.unlocked():
        config.ablation = _ablation()
        config.evaluation = _evaluation()
    return config


def _ablation() -> ConfigDict:
    return ConfigDict(
        {
            "seeds": (0,),  # each training once for each: initialisation, batches and masks
            # What needs training: the same keys as the config's own, with a tuple of values each.
            "training": {"mim_training": {"mask": ("power(exponent=2.2)*tokens",)}},
            "training_combine": "product",  # | zip: the i-th values of all factors together
            "crops": 1024,  # crops encoded once to train on
            # What is measured on each trained MIM. Orders take those of the values that they have:
            # `quincunx` as many levels as give `stages`, `one_shot` and `raster` none.
            "coding": {
                "order": ("qlds",),
                "stages": (8,),
                "alpha": (2.2,),
                "phase": (0,),
                "codebook": ("joint",),  # order of a token's sub-quantizers
                "window": (0,),  # tokens a side that are coded at once; 0 = as trained, or fewer
            },
            "coding_combine": "product",
            "schedules": (),  # more of them, spelled out
            # Cells are compared with: the first training factors, the trained window, and
            "reference": "qlds(stages=8,alpha=2.2)",  # this schedule, one of those measured
            "confidence": 0.95,
            "resamples": 2000,  # of the bootstrap
        }
    )


def _evaluation() -> ConfigDict:
    return ConfigDict(
        {
            "source": "folder:held_out",  # like data.source; no picture that was trained on
            "images": 0,  # only the first so many; 0 = all
            # Pixels a side, at most, of the middle that is measured; 0 = whole pictures. Pictures
            # are what intervals are over: many middles tell more than a few whole ones.
            "crop": 0,
            "decode_images": 1,  # of each cell so many are decoded again, checked and timed
        }
    )
