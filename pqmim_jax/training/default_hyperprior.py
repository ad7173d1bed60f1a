"""Sections of the hyperprior baseline in the base of every experiment."""

from ml_collections import ConfigDict

from pqmim_jax.training.default_optimisation import optimisation


def hyperprior() -> ConfigDict:
    """The model."""
    return ConfigDict(
        {
            "f": 16,  # downsampling, 8 or 16
            # "xcit": the PQ-VAE's trunk, so that a comparison is about quantizer and entropy
            # model | "conv": strided 5x5 convolutions and GDN, the original.
            "backbone": "xcit",
            "encoder_width": 192,  # channels
            "encoder_depth": 2,  # blocks; xcit only
            "decoder_width": 192,
            "decoder_depth": 4,
            "heads": 6,  # of cross-covariance attention; divides the widths; xcit only
            "latent_channels": 192,  # C: as many as the PQ-VAE's M * d
            "hyper_width": 96,  # channels of the hyper-transforms
            "hyper_channels": 48,  # C': of the hyper-latents, 4f times coarser than the picture
            "num_rates": 6,  # qualities of one model, by channel gains; 1 = the plain model
            "linear_path": True,  # closed-form lapped transform beside the networks
            "dtype": "float32",  # of activations | bfloat16
        }
    )


def hyperprior_training() -> ConfigDict:
    """Its stage."""
    return ConfigDict(
        optimisation(
            lr_scales=(("linear_", 0.1),),
            crop=256,  # pixels, a multiple of 4f
            # One a rate, rising: weight of the distortion against bits a pixel. With `mse` in
            # squared 8-bit units; published models are trained at 0.0018 .. 0.0483, but a short
            # training gets less for its bits: 225 steps at 0.0004 gave Kodak 0.19 bpp.
            lambdas=(0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064),
            distortion="mse",  # | ms_ssim (then lambdas of about 2 .. 100)
            # What the synthesis transforms see in training: True = rounded latents (Minnen and
            # Singh 2020), False = noisy ones (Minnen et al. 2018). Bits always see noise.
            rounded=True,
            # Bits a pixel to aim at, one a rate, as HiFiC (Mentzer et al. 2020, section 3.4): the
            # rate weighs `below_target` where a batch lies below; () = no target.
            target_rates=(),
            below_target=0.0625,
            initialise_images=256,  # crops for PCA and scales; 0 keeps the random start
        )
    )
