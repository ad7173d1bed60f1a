"""x -> latents y = E(x) -> symbols under a Gaussian that hyper-latents z describe -> x^ = D(y^).

Everything that the entropy model predicts is in units of a latent's own deviation, and is scaled
by the gain of the rate in use: one hyperprior then serves all rates. At one rate this is the
plain model of Minnen, Ballé and Toderici (2018), without context model.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.checks import activation_dtype, check_heads
from pqmim_jax.models.hyperprior.priors import FactorizedPrior, gaussian_bits
from pqmim_jax.models.hyperprior.transforms import (
    ConvAnalysis,
    ConvSynthesis,
    HyperAnalysis,
    HyperSynthesis,
)
from pqmim_jax.models.layers.patches import depth_to_space, overlap_add, overlapping_patches
from pqmim_jax.models.xcit import XcitDecoder, XcitEncoder

BACKBONES = ("xcit", "conv")


class HyperpriorOutput(NamedTuple):
    """What a training step needs of one forward pass."""

    reconstruction: jax.Array  # (B, H, W, 3) float32, about [-0.5, 0.5], not clipped
    latents: jax.Array  # (B, h, w, C) float32: those that the synthesis transform saw
    bits: jax.Array  # (B,) float32: estimated bits of an image
    hyper_bits: jax.Array  # (B,) float32: those of them that describe the hyper-latents


class Hyperprior(nn.Module):
    """Mean-scale hyperprior; `backbone` "conv" is the original one, "xcit" that of the PQ-VAE.

    With `linear_path`, E and D are each a lapped linear transform plus a network whose last layer
    starts at zero, as in `Autoencoder`.
    """

    f: int
    backbone: str
    encoder_width: int
    encoder_depth: int
    decoder_width: int
    decoder_depth: int
    heads: int
    latent_channels: int
    hyper_width: int
    hyper_channels: int
    num_rates: int
    linear_path: bool = True
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    def setup(self):
        """Names below are the parameter paths that optimiser rules and exports refer to."""
        start = nn.initializers.zeros if self.linear_path else nn.initializers.lecun_normal()
        if self.backbone == "xcit":
            rest = (self.heads, self.dtype, self.remat)
            self.encoder = XcitEncoder(self.f, self.encoder_width, self.encoder_depth, *rest)
            self.decoder = XcitDecoder(self.decoder_width, self.decoder_depth, *rest)
            self.to_latents = nn.Dense(self.latent_channels, kernel_init=start)
            self.to_pixels = nn.Dense(3 * self.f * self.f, kernel_init=start)
        else:
            encoder = (self.f, self.encoder_width, self.latent_channels, self.dtype, start)
            self.encoder = ConvAnalysis(*encoder)
            self.decoder = ConvSynthesis(self.f, self.decoder_width, self.dtype, start)
        if self.linear_path:
            self.linear_analysis = nn.Dense(self.latent_channels)
            self.linear_synthesis = nn.Dense(12 * self.f * self.f)
        self.hyper_analysis = HyperAnalysis(self.hyper_width, self.hyper_channels, self.dtype)
        self.hyper_synthesis = HyperSynthesis(self.hyper_width, self.latent_channels, self.dtype)
        self.hyper_prior = FactorizedPrior(self.hyper_channels)
        zeros, shape = nn.initializers.zeros, (self.num_rates, self.latent_channels)
        self.log_gain = self.param("log_gain", zeros, shape)
        self.log_inverse_gain = self.param("log_inverse_gain", zeros, shape)
        self.log_hyper_gain = self.param(
            "log_hyper_gain", zeros, (self.num_rates, self.hyper_channels)
        )
        self.log_deviation = self.param("log_deviation", zeros, (self.latent_channels,))

    def encode(self, image: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, 3) float32 in [-0.5, 0.5], sides multiples of 4f -> latents (B, h, w, C).

        `mask`: (B, h, w) float32 as in `models.layers.presence`, 1 at the latents of the picture
        and 0 at those that only pad it, for the networks of "xcit"; None = all are the picture's.
        """
        if self.backbone == "xcit":
            latents = self.to_latents(self.encoder(image, mask)).astype(jnp.float32)
        else:
            latents = self.encoder(image).astype(jnp.float32)
        if self.linear_path:
            latents = latents + self.linear_analysis(overlapping_patches(image, self.f))
        return latents

    def decode(
        self, latents: jax.Array, rate: jax.Array, mask: jax.Array | None = None
    ) -> jax.Array:
        """Latents (B, h, w, C) in quantization steps of `rate` -> (B, h*f, w*f, 3), not clipped.

        Args:
          rate: (B,) int32 in [0, num_rates).
          mask: as in `encode`.
        """
        return self._synthesis(self._unscaled(latents, rate), mask)

    def _synthesis(self, latents: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        if self.backbone == "xcit":
            image = self.to_pixels(self.decoder(latents, mask)).astype(jnp.float32)
            image = depth_to_space(image, self.f)
        else:
            image = self.decoder(latents).astype(jnp.float32)
        if self.linear_path:
            image = image + overlap_add(self.linear_synthesis(latents), self.f)
        return image

    def _unscaled(self, latents: jax.Array, rate: jax.Array) -> jax.Array:
        return latents * jnp.exp(_rows(self.log_inverse_gain, rate))

    def scaled(self, latents: jax.Array, rate: jax.Array) -> jax.Array:
        """Latents (B, h, w, C) -> the same in quantization steps of `rate` (B,)."""
        return latents * jnp.exp(_rows(self.log_gain, rate))

    def hyper_latents(self, latents: jax.Array, rate: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h/4, w/4, C') float32 in quantization steps of `rate` (B,)."""
        hyper = self.hyper_analysis(latents * jnp.exp(-self.log_deviation))
        return hyper * jnp.exp(_rows(self.log_hyper_gain, rate))

    def gaussians(self, hyper: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and log scale of every latent, in quantization steps of `rate` (B,).

        Args:
          hyper: (B, h/4, w/4, C') hyper-latents, also in their steps.

        Returns:
          two arrays (B, h, w, C) float32.
        """
        hyper = hyper * jnp.exp(-_rows(self.log_hyper_gain, rate))
        means, log_scales = self.hyper_synthesis(hyper)
        log_unit = self.log_deviation + _rows(self.log_gain, rate)
        return means * jnp.exp(log_unit), log_scales + log_unit

    def hyper_mass(self, symbols: jax.Array, rate: jax.Array) -> jax.Array:
        """Prior probability of hyper-symbols: (B, n, C') in the steps of `rate` (B,) -> same."""
        step = jnp.exp(-self.log_hyper_gain[rate][:, None])
        return self.hyper_prior.mass(symbols * step, step / 2)

    def __call__(
        self, image: jax.Array, rate: jax.Array, noise: tuple | None = None, rounded: bool = True
    ) -> HyperpriorOutput:
        """Forward pass; shapes as in `encode` and `decode`.

        Args:
          noise: uniform in [-1/2, 1/2], (B, h, w, C) and (B, h/4, w/4, C'): stands for rounding
            in the estimate of bits (training). None rounds (evaluation).
          rounded: whether the synthesis transforms see rounded values all the same, with
            straight-through gradients (Minnen and Singh 2020, section 3.3).
        """
        latents = self.encode(image)
        scaled, hyper = self.scaled(latents, rate), self.hyper_latents(latents, rate)
        hyper_rounded = _round_through(hyper)
        noisy_hyper = hyper_rounded if noise is None else hyper + noise[1]
        seen_hyper = hyper_rounded if rounded else noisy_hyper
        means, log_scales = self.gaussians(seen_hyper, rate)
        offset = scaled - means
        rounded_offset = _round_through(offset)
        noisy_offset = rounded_offset if noise is None else offset + noise[0]
        seen = means + (rounded_offset if rounded else noisy_offset)
        step = jnp.exp(-_rows(self.log_hyper_gain, rate))
        hyper_bits = self.hyper_prior.bits(noisy_hyper * step, step / 2).sum((1, 2, 3))
        bits = gaussian_bits(noisy_offset, jnp.exp(log_scales)).sum((1, 2, 3))
        seen = self._unscaled(seen, rate)
        return HyperpriorOutput(self._synthesis(seen), seen, bits + hyper_bits, hyper_bits)


def _rows(table: jax.Array, rate: jax.Array) -> jax.Array:
    """Rows of (num_rates, C) for examples' rates: (B, 1, 1, C)."""
    return table[rate][:, None, None]


def _round_through(x: jax.Array) -> jax.Array:
    """Nearest integers, with the gradient of the identity."""
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def build_hyperprior(config, remat: bool = False) -> Hyperprior:
    """Model from the section `hyperprior` of a config; ValueError on a bad choice."""
    if config.backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {config.backbone!r}; choices: {', '.join(BACKBONES)}")
    if config.f not in (8, 16):
        raise ValueError(f"downsampling f must be 8 or 16, got {config.f}")
    if not 1 <= config.num_rates <= 256:
        raise ValueError(f"hyperprior.num_rates must be from 1 to 256, got {config.num_rates}")
    if config.backbone == "xcit":
        for side in ("encoder", "decoder"):
            check_heads(f"hyperprior.{side}_width", config[f"{side}_width"], config.heads)
    fields = {k: v for k, v in dict(config).items() if k in Hyperprior.__dataclass_fields__}
    return Hyperprior(**{**fields, "dtype": activation_dtype(config.dtype), "remat": remat})
