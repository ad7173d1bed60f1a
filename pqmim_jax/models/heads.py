"""Output heads of the MIM: from a token's context vector to logits over K codewords.

Both have `all` (training: every sub-quantizer at once, teacher-forced) and `one` (coding: the
sub-quantizer m that is next), with equal results.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.layers.precision import at_least_float32


class _Head(nn.Module):
    """Per-sub-quantizer two-layer network; subclasses say what of the token it sees."""

    num_codebooks: int
    num_codewords: int
    hidden: int
    dtype: jnp.dtype = jnp.float32
    rectified: bool = False  # max(x, 0) instead of GELU

    sees_token = False

    @nn.compact
    def _weights(self, width: int, embedded: int) -> dict[str, jax.Array]:
        m, hidden = self.num_codebooks, self.hidden
        dense = nn.initializers.variance_scaling(1.0, "fan_in", "normal", in_axis=1, batch_axis=0)
        small = nn.initializers.normal(0.02)
        zeros = nn.initializers.zeros
        weights = {
            "context": self.param("context", dense, (m, width, hidden)),
            "hidden_bias": self.param("hidden_bias", zeros, (m, hidden)),
            "output": self.param("output", small, (m, hidden, self.num_codewords)),
            "output_bias": self.param("output_bias", zeros, (m, self.num_codewords)),
        }
        if self.sees_token:
            token = nn.initializers.normal(embedded**-0.5)
            shape = (m, m, embedded // m, hidden)  # (of index, sees index, embedding, hidden)
            weights["token"] = self.param("token", token, shape)
        return weights

    def all(self, context: jax.Array, embedded: jax.Array) -> jax.Array:
        """(..., width) and (..., M*e) embeddings of the true indices -> (..., M, K) float32."""
        w = self._cast(self._weights(context.shape[-1], embedded.shape[-1]))
        hidden = jnp.einsum("...c,mch->...mh", context, w["context"]) + w["hidden_bias"]
        if self.sees_token:
            causal = jax.vmap(_before)(w["token"], jnp.arange(self.num_codebooks))
            hidden = hidden + jnp.einsum("...e,meh->...mh", embedded.astype(self.dtype), causal)
        logits = jnp.einsum("...mh,mhk->...mk", self._activation(hidden), w["output"])
        return at_least_float32(logits) + w["output_bias"]

    def one(self, context: jax.Array, embedded: jax.Array, m: jax.Array) -> jax.Array:
        """Like `all` for one m; (..., M*e) must hold mask embeddings from m on -> (..., K)."""
        w = self._cast(self._weights(context.shape[-1], embedded.shape[-1]))
        hidden = context @ w["context"][m] + w["hidden_bias"][m]
        if self.sees_token:
            hidden = hidden + embedded.astype(self.dtype) @ _before(w["token"][m], m)
        logits = self._activation(hidden) @ w["output"][m]
        return at_least_float32(logits) + w["output_bias"][m]

    def _activation(self, hidden: jax.Array) -> jax.Array:
        return nn.relu(hidden) if self.rectified else nn.gelu(hidden)

    def _cast(self, weights: dict[str, jax.Array]) -> dict[str, jax.Array]:
        # Log frequencies need more than the 8 bits of a bfloat16: the output bias stays float32.
        kept = {"output_bias": weights["output_bias"]}
        return {name: value.astype(self.dtype) for name, value in weights.items()} | kept


def _before(token: jax.Array, m: jax.Array) -> jax.Array:
    """Zeroes the weights of indices from m on in a kernel (M, e, hidden) -> (M*e, hidden)."""
    seen = (jnp.arange(token.shape[0]) < m).astype(token.dtype)
    return (token * seen[:, None, None]).reshape(-1, token.shape[-1])


class IndependentHead(_Head):
    """The paper's factorisation: the M indices of a token are independent given the context."""


class DepthHead(_Head):
    """Index m also sees the indices before m inside its token.

    The idea is that of the RQ-Transformer's depth transformer (Lee et al. 2022); here it is one
    masked dense layer (as in MADE, Germain et al. 2015), so coding runs the transformer once a
    stage and this layer M times.
    """

    sees_token = True


HEADS = {"independent": IndependentHead, "depth": DepthHead}
