"""The base of every experiment: all fields, their units and ranges. configs/ overrides it."""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """All defaults; values are ours unless a comment names a source."""
    config = ConfigDict()
    config.seed = 0
    # Which stages this run trains, in this order: "pqvae", "mim". The MIM stage alone takes the
    # autoencoder from `mim_training.autoencoder`, or from this workdir if that is empty.
    config.stages = ("pqvae", "mim")
    config.data = _data()
    config.autoencoder = _autoencoder()
    config.mim = _mim()
    config.codec = _codec()
    config.pqvae_training = _pqvae_training()
    config.mim_training = _mim_training()
    config.mesh = ConfigDict({"data": -1})  # devices on the data axis; -1 = all there are
    config.log_every = 50  # steps between lines of metrics
    config.checkpoint_every_s = 300.0  # seconds between checkpoints; one is always saved at the end
    config.checkpoints_kept = 2
    return config


def _data() -> ConfigDict:
    return ConfigDict(
        {
            "source": "folder:photos",  # folder:PATH[,PATH...] or tfds:NAME[:SPLIT]
            "cache_mb": 2048,  # MiB of decoded images kept in memory per process; 0 = none
            "augmentation": "rescaled_crop",  # | random_resized_crop | center_crop
            "min_scale": 0.4,  # rescaled_crop: output pixels per source pixel, log-uniform
            "max_scale": 0.9,
            "flip": True,
            "crops_per_image": 4,  # crops taken from an image while it is decoded
            "num_threads": 2,
            "prefetch": 4,  # batches
        }
    )


def _autoencoder() -> ConfigDict:
    return ConfigDict(
        {
            "f": 16,  # downsampling, 8 or 16
            "backbone": "xcit",  # | conv
            "encoder_width": 192,  # channels (conv: of the finest level)
            "encoder_depth": 2,  # blocks (conv: residual blocks a level)
            "decoder_width": 192,
            "decoder_depth": 4,
            "heads": 6,  # of cross-covariance attention; divides the widths
            "num_codebooks": 12,  # M
            "num_codewords": 256,  # K, 2..4096
            "codeword_dim": 16,  # d
            "normalize_codes": False,  # l2-normalised look-up
            "linear_path": True,  # closed-form lapped transform beside the networks
            "dtype": "float32",  # of activations | bfloat16
        }
    )


def _mim() -> ConfigDict:
    return ConfigDict(
        {
            "width": 128,
            "depth": 6,
            "heads": 4,
            "mlp_ratio": 4,
            "embedding_dim": 32,  # per sub-quantizer
            "head": "depth",  # | independent (the paper's factorisation)
            "head_width": 128,  # hidden units per sub-quantizer
            "dtype": "float32",
        }
    )


def _codec() -> ConfigDict:
    return ConfigDict(
        {
            "window": 16,  # tokens a side that one program call codes
            "halo": 2,  # tokens of context around them, on each side
            # Order of Mentzer et al. 2023. Four stages cost 0.3% more bits than their 8 to 12 with
            # the packaged model, and half the time.
            "schedule": "qlds(stages=4,alpha=2.2)",
            # Lambda of rate-aware quantization for qualities 1 .. M, in squared error (8-bit
            # units, summed over a token) per bit; empty = 0, nearest codewords.
            "rate_weights": (),
        }
    )


def _optimisation(**overrides) -> dict:
    return {
        "steps": 1000,
        "batch_size": 16,  # global
        "learning_rate": 1e-3,  # peak
        "warmup_steps": 50,
        "final_lr_fraction": 0.01,
        "weight_decay": 0.0,
        "adam_b2": 0.99,
        "clip_norm": 1.0,
        "lr_scales": (),  # ((regex of parameter path, factor), ...)
        **overrides,
    }


def _pqvae_training() -> ConfigDict:
    return ConfigDict(
        _optimisation(
            # 1e-3 on the closed-form path destroyed it; 3e-5 held.
            lr_scales=(("linear_", 0.05), ("quantizer", 0.0)),
            crop=256,  # pixels
            distortion="mse",  # | ms_ssim
            distortion_weight=1.0,
            commitment_weight=1.0,
            full_quality_share=0.5,  # share of examples that keep all M sub-quantizers
            codebook_update="ema",  # | gradient (then give "quantizer" a learning rate)
            codebook_decay=0.99,
            dead_below=0.02,  # revive codewords used less than this times uniform use
            initialise_images=256,  # crops for PCA and k-means; 0 keeps the random start
            kmeans_steps=25,
        )
    )


def _mim_training() -> ConfigDict:
    return ConfigDict(
        _optimisation(
            weight_decay=0.02,
            crop=320,  # pixels: (window + 2 * halo) * f
            autoencoder="",  # workdir or model folder to take the autoencoder from
            start_from="",  # model folder or workdir: its MIM's weights, where shapes agree
            initialise_images=64,  # crops for the codewords' frequencies
            schedule="qlds(stages=8,alpha=2.2)",  # its stages serve as masks
            schedule_share=0.7,  # share of examples masked so
            known_power=2.2,  # others: known share of tokens = u ** known_power, u uniform
            leading_share=0.25,  # share of examples that see leading sub-quantizers everywhere
            full_quality_share=0.7,  # share of examples with all M sub-quantizers
        )
    )
