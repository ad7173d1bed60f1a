"""The base of every experiment: all fields, their units and ranges. configs/ overrides it."""

from ml_collections import ConfigDict

from pqmim_jax.training.default_hyperprior import hyperprior, hyperprior_training
from pqmim_jax.training.default_optimisation import optimisation
from pqmim_jax.training.default_perceptual import perceptual_training


def get_config() -> ConfigDict:
    """All defaults; values are ours unless a comment names a source."""
    config = ConfigDict()
    config.seed = 0
    # Which stages this run trains, always in this order: "pqvae", "perceptual", "mim". The MIM
    # stage takes the autoencoder from `mim_training.autoencoder`, or from this workdir if that is
    # empty: the perceptual stage's if there is one. The baseline, "hyperprior", is a stage and a
    # model of its own.
    config.stages = ("pqvae", "mim")
    config.data = _data()
    config.autoencoder = _autoencoder()
    config.mim = _mim()
    config.codec = _codec()
    config.pqvae_training = _pqvae_training()
    config.mim_training = _mim_training()
    config.hyperprior = hyperprior()
    config.hyperprior_training = hyperprior_training()
    config.perceptual_training = perceptual_training()
    # Devices on each axis of the mesh; -1 takes those that the others leave. The batch is split
    # over data x fsdp, parameters and optimiser state over fsdp and tensor by `sharding_rules`.
    config.mesh = ConfigDict({"data": -1, "fsdp": 1, "tensor": 1})
    config.sharding_rules = _sharding_rules()
    config.checkpoints = _checkpoints()
    config.validation = _validation()
    config.log_every = 50  # steps between lines of metrics
    config.profile_steps = 0  # steps traced into <stage>/profile, from the eleventh on
    config.lock()  # a misspelt key in a config file is an error, as it is in an override
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
            "synthetic_share": 0.0,  # of crops: drawn colours, gradients, shapes and text
            "crops_per_image": 4,  # crops taken from an image while it is decoded
            # Side in pixels of tiles that lie on every device, from which the step itself takes
            # its crops; 0 = batches come from the host. Every picture is cut into tiles
            # `crops_per_image` times, at a scale as `rescaled_crop` draws it. An H200 took 5065
            # crops of 256 pixels a second from 352-pixel tiles (2026-11).
            "tile": 0,
            "num_threads": 2,
            "prefetch": 4,  # batches
        }
    )


def _sharding_rules() -> tuple:
    """((regex of a path in the train state, mesh axes of its last dimensions), ...).

    The first match counts; what matches none, and dimensions that do not divide, stay whole. Layers
    that widen are split over `tensor` by columns, those that narrow by rows (Shoeybi et al. 2019).
    """
    return (
        (r"local/", ()),
        (r"(qkv|expand|context|token|linear_analysis|up_\d)(/kernel)?$", ("fsdp", "tensor")),
        (r"(projection|contract|output|linear_synthesis|down_\d)(/kernel)?$", ("tensor", "fsdp")),
        (r"kernel$", ("fsdp", "tensor")),
        (r"embedding/tables$", ("fsdp",)),
    )


def _checkpoints() -> ConfigDict:
    return ConfigDict(
        {
            "every": 500,  # steps; besides, one at the end, after validation and on SIGTERM
            "kept": 2,  # newest ones that stay
            "keep_every": 0,  # those at multiples of this many steps stay for good; 0 = none
            "best": 1,  # best ones by validation that stay; 0 = none
        }
    )


def _validation() -> ConfigDict:
    return ConfigDict(
        {
            "source": "",  # like data.source: every image's centre crop, once; "" = no validation
            "every": 0,  # steps; 0 = only at the end
            "batch_size": 16,  # global
        }
    )


def _autoencoder() -> ConfigDict:
    return ConfigDict(
        {
            "f": 16,  # downsampling, 8 or 16
            "backbone": "xcit",  # | conv | pyramid
            "encoder_width": 192,  # channels (conv, pyramid: of the finest level)
            "encoder_depth": 2,  # blocks (conv, pyramid: residual blocks a level)
            "decoder_width": 192,
            "decoder_depth": 4,
            "heads": 6,  # of cross-covariance attention; divides the widths (pyramid: has none)
            "num_codebooks": 12,  # M
            "num_codewords": 256,  # K, 2..4096
            "codeword_dim": 16,  # d
            "normalize_codes": False,  # l2-normalised look-up
            "linear_path": True,  # closed-form lapped transform beside the networks
            # Convolutions over decoded pixels at half resolution: channels, 0 = none, and layers.
            "post_filter_width": 0,
            "post_filter_depth": 4,
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
            # plain: normalised branches, GELU. lean: branches without normalisation, rectifiers,
            # attention in every second block: a third of the work in exact integers. On codes of
            # `small` (width 96, 4 blocks, 25 minutes of one core) it needed 1.6 to 3% fewer bits.
            "trunk": "plain",
            # Told the quality of the file: what is likely at a low one and at a high one have
            # little in common where lambda falls far from one to the other.
            "knows_quality": False,
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
            # Stages of Mentzer et al. 2023 for the coarse sub-quantizers, then one for each four:
            # every prefix of a file is a picture. With a model of M = 12 and its lambdas it had a
            # BD-rate of -2% against eight stages of whole tokens (pqmim_jax/ablation/README.md).
            # (The packaged models have fewer stages, see the card of `small`; none was trained so.)
            "schedule": "qlds(stages=3,alpha=2.2)*coarse_first(size=4)",
            # Lambda of rate-aware quantization for qualities 1 .. M, in squared error (8-bit
            # units, summed over a token) per bit; empty = 0, nearest codewords.
            "rate_weights": (),
            # Or by a law, exponential(last=25,slope=0.16,most=12000): last * exp(slope * (M - q)),
            # at most `most`. "" = as above.
            "rate_law": "",
            # Codewords are counted for each quality by itself, in training and for the model's
            # prices without context; else together, which prices the ends of a wide range wrongly.
            "counts_by_quality": False,
            # How often the encoder decodes what it would send and moves its latents along the
            # gradient of the true error before it chooses (codec/refinement.py); 0 = not at all.
            "refinement_steps": 0,
            # Curvature of the squared error in the codewords: 1 for an orthogonal decoder. Steps
            # are divided by it; too small a value makes them diverge. `model.json` may hold one
            # for each sub-quantizer, coarse ones need more: tools/set_codec.py writes them.
            "curvature": 1.5,
        }
    )


def _pqvae_training() -> ConfigDict:
    return ConfigDict(
        optimisation(
            # 1e-3 on the closed-form path destroyed it; 3e-5 held.
            lr_scales=(("linear_", 0.05), ("quantizer", 0.0)),
            crop=256,  # pixels
            start_from="",  # model folder or workdir: its autoencoder, where shapes agree
            # Times codec.rate_weights: codewords are chosen by distance + lambda x bits under
            # their running frequencies; 0 = the nearest ones (the paper).
            rate_scale=0.0,
            # An example of quality q counts (lambda_q / lambda_M) ** -balance in the loss, 1 in
            # the mean over q. 0.4 makes a per cent of rate count about alike at every quality.
            balance=0.0,
            distortion="mse",  # | ms_ssim | charbonnier
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
        optimisation(
            weight_decay=0.02,
            crop=320,  # pixels: (window + 2 * halo) * f
            autoencoder="",  # workdir or model folder to take the autoencoder from
            start_from="",  # model folder or workdir: its MIM's weights, where shapes agree
            initialise_images=64,  # crops for the codewords' frequencies
            # Of them, those that the MIM's integers are calibrated on when it is trained: scales of
            # activations change little beyond some dozens.
            calibration_windows=32,
            # Times codec.rate_weights, as in pqvae_training: which indices the MIM learns from.
            rate_scale=0.0,
            nearest_share=0.2,  # share of examples that keep the nearest codewords all the same
            # Share of the training before masked indices, which are the targets, are chosen by the
            # MIM's own bits: until then by their frequencies, as the visible ones always are.
            static_share=0.0,
            schedule="qlds(stages=8,alpha=2.2)",  # its stages serve as masks
            schedule_share=0.7,  # share of examples masked so
            # The others: RATIO*SUPPORT, how much is masked and what is masked together, drawn for
            # each example; see `pqmim_jax/masking/mask_specs.py` for all of them.
            mask="power(exponent=2.2)*tokens",
            leading_share=0.25,  # share of examples that see leading sub-quantizers everywhere
            full_quality_share=0.7,  # share of examples with all M sub-quantizers
        )
    )
