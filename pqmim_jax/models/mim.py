"""The MIM entropy model: a bidirectional transformer over the token grid (paper, stage 2)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.checks import activation_dtype, check_heads
from pqmim_jax.models.heads import HEADS
from pqmim_jax.models.layers.mixing import DepthwiseFilter, Mlp, WindowAttention

TRUNKS = ("plain", "lean")
_MASKED = -1  # any negative index stands for the mask
_BRANCH_SCALE = 0.2  # of a lean trunk's branches when training begins


class MimBlock(nn.Module):
    """Pre-norm window attention, a local depthwise filter (ours), and an MLP."""

    heads: int
    mlp_ratio: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C)."""
        normed = nn.LayerNorm(dtype=self.dtype, name="attention_norm")(x)
        x = x + WindowAttention(self.heads, self.dtype, name="attention")(normed)
        normed = nn.LayerNorm(dtype=self.dtype, name="local_norm")(x)
        x = x + DepthwiseFilter(self.dtype, name="local")(normed)
        normed = nn.LayerNorm(dtype=self.dtype, name="mlp_norm")(x)
        return x + Mlp(self.mlp_ratio, self.dtype, name="mlp")(normed)


class LeanBlock(nn.Module):
    """Residual branches without normalisation, with rectifiers, and attention only if `attends`.

    Made for exact integers, where normalisation, softmax and tables cost more than products.
    """

    heads: int
    mlp_ratio: int
    attends: bool
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C)."""
        channels = x.shape[-1]
        if self.attends:
            attention = WindowAttention(self.heads, self.dtype, name="attention")
            x = x + self._scale("attention_scale", channels) * attention(x)
        local = DepthwiseFilter(self.dtype, name="local")
        x = x + self._scale("local_scale", channels) * local(x)
        y = nn.Dense(self.mlp_ratio * channels, dtype=self.dtype, name="expand")(x)
        y = nn.Dense(channels, dtype=self.dtype, name="contract")(nn.relu(y))
        return x + self._scale("mlp_scale", channels) * y

    def _scale(self, name: str, channels: int) -> jax.Array:
        scale = self.param(name, nn.initializers.constant(_BRANCH_SCALE), (channels,))
        return scale.astype(self.dtype)


class CodeEmbedding(nn.Module):
    """Embeds every sub-quantizer index; row K of each table stands for the mask."""

    num_codebooks: int
    num_codewords: int
    dim: int

    @nn.compact
    def __call__(self, indices: jax.Array) -> jax.Array:
        """(..., M) int32 in [-1, K), -1 = masked -> (..., M*dim) float32."""
        shape = (self.num_codebooks, self.num_codewords + 1, self.dim)
        tables = self.param("tables", nn.initializers.normal(1.0), shape)
        rows = jnp.where(indices < 0, self.num_codewords, indices)
        embedded = tables[jnp.arange(self.num_codebooks), rows]
        return embedded.reshape(*indices.shape[:-1], self.num_codebooks * self.dim)


class MaskedImageModel(nn.Module):
    """Distribution of every masked index given the visible ones of a (h, w, M) window.

    `context` is run once a coding stage; `head_logits` once for each sub-quantizer in it.
    """

    num_codebooks: int
    num_codewords: int
    width: int
    depth: int
    heads: int
    mlp_ratio: int
    embedding_dim: int
    head: str
    head_width: int
    dtype: jnp.dtype = jnp.float32
    trunk: str = "plain"  # or "lean": LeanBlock, attention in every second one, a rectified head
    knows_quality: bool = False  # else what it is told of the quality changes nothing
    remat: bool = False  # recompute the blocks in the backward pass: less memory, more time

    def setup(self):
        """Trunk and head; the embedding tables are shared between both."""
        lean = self.trunk == "lean"
        self.embedding = CodeEmbedding(
            self.num_codebooks, self.num_codewords, self.embedding_dim, name="embedding"
        )
        self.stem = nn.Dense(self.width, dtype=self.dtype, name="stem")
        if self.knows_quality:
            self.quality = nn.Embed(
                self.num_codebooks,
                self.width,
                embedding_init=nn.initializers.zeros,
                name="quality",
            )
        kind = LeanBlock if lean else MimBlock
        block = nn.remat(kind) if self.remat else kind
        self.blocks = [
            block(
                self.heads,
                self.mlp_ratio,
                *([i % 2 == 1] if lean else []),
                self.dtype,
                name=f"block_{i}",
            )
            for i in range(self.depth)
        ]
        if not lean:
            self.norm = nn.LayerNorm(dtype=self.dtype, name="norm")
        size = (self.num_codebooks, self.num_codewords, self.head_width)
        self.output = HEADS[self.head](*size, self.dtype, lean, name="head")

    def context(self, visible: jax.Array, quality: jax.Array) -> jax.Array:
        """(B, h, w, M) int32, -1 = masked, and quality (B,) int32, 1..M -> (B, h, w, width)."""
        x = self.stem(self.embedding(visible).astype(self.dtype))
        if self.knows_quality:
            x = x + self.quality(quality - 1).astype(self.dtype)[:, None, None]
        for block in self.blocks:
            x = block(x)
        return x if self.trunk == "lean" else self.norm(x)

    def head_logits(self, context: jax.Array, known: jax.Array, m: jax.Array) -> jax.Array:
        """Logits of sub-quantizer `m` at some tokens.

        Args:
          context: (..., width) from `context`.
          known: (..., M) int32, -1 = unknown; only entries before m are looked at (and none by
            the `independent` head).
          m: scalar int32 in [0, M); may be traced, so one program serves every m.

        Returns:
          (..., K) float32.
        """
        before_m = jnp.where(jnp.arange(self.num_codebooks) < m, known, _MASKED)
        return self.output.one(context, self.embedding(before_m), m)

    def __call__(self, visible: jax.Array, indices: jax.Array, quality: jax.Array) -> jax.Array:
        """Teacher-forced logits of all indices.

        Args:
          visible: (B, h, w, M) int32, the masked grid.
          indices: (B, h, w, M) int32, what a depth head may see of indices before m.
          quality: (B,) int32, 1..M: how many sub-quantizers the file holds.

        Returns:
          (B, h, w, M, K) float32.
        """
        return self.output.all(self.context(visible, quality), self.embedding(indices))


def build_mim(config, autoencoder, remat: bool = False) -> MaskedImageModel:
    """MIM from a config section and the section of the autoencoder that it codes for."""
    if config.head not in HEADS:
        raise ValueError(f"unknown MIM head {config.head!r}; choices: {', '.join(HEADS)}")
    if (trunk := config.get("trunk", TRUNKS[0])) not in TRUNKS:
        raise ValueError(f"unknown MIM trunk {trunk!r}; choices: {', '.join(TRUNKS)}")
    check_heads("mim.width", config.width, config.heads)
    fields = {k: v for k, v in dict(config).items() if k in MaskedImageModel.__dataclass_fields__}
    return MaskedImageModel(
        **{
            **fields,
            "num_codebooks": autoencoder.num_codebooks,
            "num_codewords": autoencoder.num_codewords,
            "dtype": activation_dtype(config.dtype),
            "remat": remat,
        }
    )
