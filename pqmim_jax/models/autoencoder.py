"""The PQ-VAE: encoder, product quantizer, decoder (paper, stage 1)."""

import functools
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.checks import activation_dtype, check_heads
from pqmim_jax.models.conv import ConvDecoder, ConvEncoder
from pqmim_jax.models.layers.patches import depth_to_space, overlap_add, overlapping_patches
from pqmim_jax.models.layers.presence import zero_outside
from pqmim_jax.models.post_filter import PostFilter
from pqmim_jax.models.pyramid import PATCH, PyramidDecoder, PyramidEncoder
from pqmim_jax.models.quantizer import ProductQuantizer, keep_leading
from pqmim_jax.models.xcit import XcitDecoder, XcitEncoder

BACKBONES = ("xcit", "conv", "pyramid")
# Parameters that decide about an image's codes; the others only decide about its reconstruction.
ENCODING = ("encoder", "to_latents", "linear_analysis", "quantizer")


# Whole latents and pixels, unlike the networks' corrections to them, need all bits of a float32;
# accelerators would multiply in half precision. On CPU this changes nothing.
_exact_dense = functools.partial(nn.Dense, precision="highest")


class AutoencoderOutput(NamedTuple):
    """What a training step needs of one forward pass."""

    reconstruction: jax.Array  # (B, H, W, 3) float32, about [-0.5, 0.5], not clipped
    sub_vectors: jax.Array  # (B, h, w, M, d) float32, before quantization
    codewords: jax.Array  # (B, h, w, M, d) float32, nearest codewords, all M of them
    indices: jax.Array  # (B, h, w, M) int32


class Autoencoder(nn.Module):
    """x -> z = E(x) -> codewords -> x^ = D(codewords).

    With `linear_path`, E and D are each a lapped linear transform over 2f x 2f pixels (which
    removes block edges) plus a network whose last layer starts at zero. Training then begins at
    the closed-form transform that `training.initialise_pqvae` puts there (PCA; ours).
    """

    f: int
    backbone: str
    encoder_width: int
    encoder_depth: int
    decoder_width: int
    decoder_depth: int
    heads: int
    num_codebooks: int
    num_codewords: int
    codeword_dim: int
    normalize_codes: bool = False
    linear_path: bool = True
    post_filter_width: int = 0  # channels; 0 = no such filter
    post_filter_depth: int = 4  # residual convolutions
    dtype: jnp.dtype = jnp.float32
    remat: bool = False  # recompute the blocks in the backward pass: less memory, more time

    def setup(self):
        """Names below are the parameter paths that optimiser rules and exports refer to."""
        latent = self.num_codebooks * self.codeword_dim
        out = nn.initializers.zeros if self.linear_path else nn.initializers.lecun_normal()
        self.encoder, self.decoder = self._backbone()
        self.to_latents = _exact_dense(latent, kernel_init=out, name="to_latents")
        self.to_pixels = _exact_dense(3 * self._cell**2, kernel_init=out, name="to_pixels")
        if self.linear_path:
            self.analysis = _exact_dense(latent, name="linear_analysis")
            self.synthesis = _exact_dense(12 * self.f * self.f, name="linear_synthesis")
        self.quality_bias = self.param(
            "quality_bias", nn.initializers.zeros, (self.num_codebooks, latent)
        )
        self.quantizer = ProductQuantizer(
            self.num_codebooks, self.num_codewords, self.codeword_dim, self.normalize_codes
        )
        if self.post_filter_width:
            size = (self.post_filter_width, self.post_filter_depth, self.num_codebooks)
            self.post_filter = PostFilter(*size, self.dtype, name="post_filter")

    def _backbone(self):
        encoder = (self.encoder_width, self.encoder_depth)
        decoder = (self.decoder_width, self.decoder_depth)
        rest = (self.dtype, self.remat)
        if self.backbone == "pyramid":
            return PyramidEncoder(self.f, *encoder, *rest), PyramidDecoder(self.f, *decoder, *rest)
        rest = (self.heads, *rest)
        if self.backbone == "xcit":
            return XcitEncoder(self.f, *encoder, *rest), XcitDecoder(*decoder, *rest)
        return ConvEncoder(self.f, *encoder, *rest), ConvDecoder(self.f, *decoder, *rest)

    @property
    def _cell(self) -> int:
        """Pixels a side of what one vector of the decoder's features stands for."""
        return {"xcit": self.f, "conv": 1, "pyramid": PATCH}[self.backbone]

    def encode(self, image: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, 3) float32 in [-0.5, 0.5], H and W multiples of f -> (B, h, w, M*d).

        `mask`, (B, h, w) float32 as in `models.layers.presence`, says which tokens count in the
        statistics that run over all tokens, and which lie outside of the picture; None = the image
        is a whole picture.
        """
        image = zero_outside(image, mask)
        # Before the network: latents, not pixels, are then kept where a codec stops inside it.
        linear = self.analysis(overlapping_patches(image, self.f)) if self.linear_path else None
        z = self.to_latents(self.encoder(image, mask)).astype(jnp.float32)
        return z if linear is None else z + linear

    def indices(self, image: jax.Array, penalty: jax.Array | float = 0.0) -> jax.Array:
        """(B, H, W, 3) -> (B, h, w, M) int32 in [0, K); `penalty` as in `nearest_codewords`."""
        return self.quantizer.indices(self.encode(image), penalty)

    def distances(self, image: jax.Array) -> jax.Array:
        """(B, H, W, 3) -> (B, h, w, M, K) float32, squared distances less those to zero."""
        return self.quantizer.distances(self.encode(image))

    def sub_vectors(self, image: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, 3) -> (B, h, w, M, d) float32, as the quantizer compares them."""
        return self.quantizer.sub_vectors(self.encode(image, mask))

    def decode(
        self, codewords: jax.Array, quality: jax.Array, mask: jax.Array | None = None
    ) -> jax.Array:
        """Image from codewords.

        Args:
          codewords: (B, h, w, M, d).
          quality: (B,) int32 in [1, M]: sub-quantizers beyond it are ignored.
          mask: (B, h, w), as in `encode`.

        Returns:
          (B, h*f, w*f, 3) float32, not clipped.
        """
        return self.filtered(self.unfiltered(codewords, quality, mask), quality, mask)

    def unfiltered(
        self, codewords: jax.Array, quality: jax.Array, mask: jax.Array | None = None
    ) -> jax.Array:
        """What `decode` hands to the post-filter; arguments and shape as there."""
        latents = keep_leading(codewords, quality)
        latents = latents.reshape(*latents.shape[:3], -1)
        # The bias tells the network which sub-vectors are zero because they were not sent.
        features = self.decoder(latents + self.quality_bias[quality - 1][:, None, None], mask)
        image = self.to_pixels(features).astype(jnp.float32)
        if self._cell > 1:
            image = depth_to_space(image, self._cell)
        if self.linear_path:
            image = image + overlap_add(zero_outside(self.synthesis(latents), mask), self.f)
        return image

    def filtered(
        self, image: jax.Array, quality: jax.Array, mask: jax.Array | None = None
    ) -> jax.Array:
        """The post-filter, if there is one, on (B, h*f, w*f, 3) float32; shape as before."""
        return self.post_filter(image, quality, mask) if self.post_filter_width else image

    def decode_indices(self, indices: jax.Array, quality: jax.Array) -> jax.Array:
        """(B, h, w, M) int32 and (B,) quality -> (B, h*f, w*f, 3); see `decode`."""
        return self.decode(self.quantizer.codewords(indices), quality)

    def __call__(
        self, image: jax.Array, quality: jax.Array, penalty: jax.Array | float = 0.0
    ) -> AutoencoderOutput:
        """Forward pass with straight-through gradients; shapes as in `encode` and `decode`.

        `penalty`, broadcasting to (B, h, w, M, K), is a price on codewords: `nearest_codewords`.
        """
        sub_vectors, codewords, indices = self.quantizer(self.encode(image), penalty)
        through = sub_vectors + jax.lax.stop_gradient(codewords - sub_vectors)
        return AutoencoderOutput(self.decode(through, quality), sub_vectors, codewords, indices)


def build_autoencoder(config, remat: bool = False) -> Autoencoder:
    """Autoencoder from a section of `training.default_config`; ValueError on a bad choice."""
    if config.backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {config.backbone!r}; choices: {', '.join(BACKBONES)}")
    if config.f not in (8, 16):
        raise ValueError(f"downsampling f must be 8 or 16, got {config.f}")
    for side in ("encoder", "decoder"):
        width, depth = (f"{side}_{each}" for each in ("width", "depth"))
        if config.backbone != "pyramid":
            check_heads(f"autoencoder.{width}", config[width], config.heads)
        elif config[width] < 1 or config[depth] < 0:
            sizes = f"{config[width]} and {config[depth]}"
            raise ValueError(f"autoencoder.{width} must be >= 1, {depth} >= 0, got {sizes}")
    for name in ("post_filter_width", "post_filter_depth"):
        if config.get(name, 0) < 0:
            raise ValueError(f"autoencoder.{name} must be >= 0, got {config[name]}")
    fields = {k: v for k, v in dict(config).items() if k in Autoencoder.__dataclass_fields__}
    return Autoencoder(**{**fields, "dtype": activation_dtype(config.dtype), "remat": remat})
