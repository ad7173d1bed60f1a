"""Product quantizer: M codebooks of K codewords of d dimensions (paper, stage 1)."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def nearest_codewords(
    z: jax.Array,
    codebooks: jax.Array,
    normalize: bool = False,
    penalty: jax.Array | float = 0.0,
) -> jax.Array:
    """Index of the nearest codeword of every sub-vector, as one batched matmul.

    argmin_k ||z - c_k||^2 = argmin_k ||c_k||^2 - 2 <z, c_k>: the (N, M, K, d) differences are
    never formed. Ties go to the lowest index.

    Args:
      z: (..., M, d) float.
      codebooks: (M, K, d) float.
      normalize: compare directions instead (both sides l2-normalised).
      penalty: added to the squared distances, broadcasts to (..., M, K); a codeword's price in
        entropy-constrained quantization (Chou et al. 1989).

    Returns:
      (..., M) int32 in [0, K).
    """
    if normalize:
        z, codebooks = unit_norm(z), unit_norm(codebooks)
    distances = relative_distances(z, codebooks) + penalty
    return jnp.argmin(distances, axis=-1).astype(jnp.int32)


def relative_distances(z: jax.Array, codebooks: jax.Array) -> jax.Array:
    """||z_m - c_{m,k}||^2 - ||z_m||^2; (..., M, d) and (M, K, d) -> (..., M, K)."""
    # Accelerators would multiply in half precision, whose errors exceed the gaps between codewords.
    inner = jnp.einsum("...md,mkd->...mk", z, codebooks, precision="highest")
    return jnp.sum(codebooks * codebooks, axis=-1) - 2 * inner


def look_up(indices: jax.Array, codebooks: jax.Array) -> jax.Array:
    """(..., M) indices in [0, K) and (M, K, d) codebooks -> (..., M, d) codewords."""
    return codebooks[jnp.arange(codebooks.shape[0]), indices]


def unit_norm(x: jax.Array) -> jax.Array:
    """x / ||x|| over the last axis; a zero vector stays zero."""
    return x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12)


def keep_leading(quantized: jax.Array, quality: jax.Array) -> jax.Array:
    """Zeroes all but the first `quality` sub-vectors (nested codebooks).

    Args:
      quantized: (B, h, w, M, d).
      quality: (B,) int32 in [1, M].

    Returns:
      Same shape as `quantized`.
    """
    m = quantized.shape[-2]
    kept = jnp.arange(m) < quality[:, None]
    return quantized * kept[:, None, None, :, None].astype(quantized.dtype)


class ProductQuantizer(nn.Module):
    """Owns the codebooks, (M, K, d) float32; M = 1 is the plain vector quantizer of a VQ-VAE."""

    num_codebooks: int
    num_codewords: int
    dim: int
    normalize: bool = False

    def setup(self):
        """Codebooks start as noise; training replaces them by data (k-means) before step 0."""
        shape = (self.num_codebooks, self.num_codewords, self.dim)
        self.codebooks = self.param("codebooks", nn.initializers.normal(1.0), shape)

    def sub_vectors(self, z: jax.Array) -> jax.Array:
        """(..., M*d) latents -> (..., M, d) float32, l2-normalised if configured."""
        sub_vectors = self._split(z)
        return unit_norm(sub_vectors) if self.normalize else sub_vectors

    def indices(self, z: jax.Array, penalty: jax.Array | float = 0.0) -> jax.Array:
        """(..., M*d) latents -> (..., M) int32; `penalty` as in `nearest_codewords`."""
        return nearest_codewords(self._split(z), self._codebooks(), self.normalize, penalty)

    def distances(self, z: jax.Array) -> jax.Array:
        """(..., M*d) latents -> (..., M, K) float32; see `relative_distances`."""
        return relative_distances(self.sub_vectors(z), self._codebooks())

    def codewords(self, indices: jax.Array) -> jax.Array:
        """(..., M) int32 -> (..., M, d) float32."""
        return look_up(indices, self._codebooks())

    def __call__(
        self, z: jax.Array, penalty: jax.Array | float = 0.0
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Quantizes latents.

        Args:
          z: (..., M*d).
          penalty: broadcasts to (..., M, K), as in `nearest_codewords`.

        Returns:
          sub-vectors (..., M, d) as compared with the codewords (l2-normalised if configured),
          their codewords (..., M, d), and indices (..., M) int32.
        """
        sub_vectors = self.sub_vectors(z)
        indices = nearest_codewords(sub_vectors, self._codebooks(), self.normalize, penalty)
        return sub_vectors, self.codewords(indices), indices

    def _codebooks(self) -> jax.Array:
        return unit_norm(self.codebooks) if self.normalize else self.codebooks

    def _split(self, z: jax.Array) -> jax.Array:
        return z.reshape(*z.shape[:-1], self.num_codebooks, self.dim).astype(jnp.float32)
