"""The functions that the programs of a model compute, ready to be traced.

`codec.programs` compiles them, `export` writes them down for other runtimes.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.codec.program_set import AUTOENCODER_HALO, REFINEMENT_HALO, TOKENS_PER_BLOCK
from pqmim_jax.codec.tables import cumulative_table
from pqmim_jax.integer import bounds
from pqmim_jax.integer.arithmetic import from_bytes, to_bytes
from pqmim_jax.integer.network import IntegerMim, carried, laid_out
from pqmim_jax.model_store import StoredModel


@dataclass(frozen=True)
class Network:
    """function(params, *inputs) -> array, for one window or one block of tokens."""

    function: Callable
    params: dict
    inputs: dict[str, jax.ShapeDtypeStruct]  # by name, in order


class Networks:
    """All networks of a model; building them traces nothing.

    The modules are built when a function is traced: a cached program needs no Flax at all.
    """

    def __init__(self, model: StoredModel):
        """Raises ModelError if numbers of the MIM could leave the range where they are exact."""
        self._config = model.config
        section, codec = model.config["autoencoder"], model.config["codec"]
        self.num_codebooks = section["num_codebooks"]
        self.num_codewords = section["num_codewords"]
        self.latent_width = self.num_codebooks * section["codeword_dim"]
        self.f, self.window, self._halo = section["f"], codec["window"], codec["halo"]
        self._side = self.window + 2 * AUTOENCODER_HALO
        self.refines = codec.get("refinement_steps", 0) > 0
        self._mim = IntegerMim(model.config["mim"]["heads"], model.config["mim"]["depth"])
        self._autoencoder_params = model.autoencoder
        bounds.check(model.mim, self.window + 2 * self._halo)
        self._mim_params = carried(model.mim)

    @property
    def encode(self) -> Network:
        """See `ProgramSet.encode`."""
        side = self._side

        def function(params, image, mask):
            x = image[None].astype(jnp.float32) / 255.0 - 0.5
            sub_vectors = self._autoencoder.apply(
                {"params": params}, x, mask[None], method="sub_vectors"
            )
            return _inner(sub_vectors[0].reshape(side, side, -1), AUTOENCODER_HALO)

        image = jax.ShapeDtypeStruct((side * self.f, side * self.f, 3), np.uint8)
        return Network(function, self._autoencoder_params, {"image": image, "mask": self._mask})

    @property
    def decode(self) -> Network:
        """See `ProgramSet.decode`."""
        side = self._side

        def function(params, latents, quality, mask):
            apply = functools.partial(self._autoencoder.apply, {"params": params})
            codewords = latents.reshape(1, side, side, self.num_codebooks, -1)
            image = apply(codewords, quality[None], mask[None], method="unfiltered")
            # The post-filter reaches less far than the halo: less of it to compute.
            edge = AUTOENCODER_HALO - self._filter_halo
            image, mask = _inner(image[0], edge * self.f), _inner(mask, edge)
            image = apply(image[None], quality[None], mask[None], method="filtered")
            inner = _inner(image[0], self._filter_halo * self.f)
            return jnp.clip(jnp.round((inner + 0.5) * 255.0), 0, 255).astype(jnp.uint8)

        inputs = {
            "latents": jax.ShapeDtypeStruct((side, side, self.latent_width), np.float32),
            "quality": jax.ShapeDtypeStruct((), np.int32),
            "mask": self._mask,
        }
        return Network(function, self._autoencoder_params, inputs)

    @property
    def correct(self) -> Network:
        """See `ProgramSet.correct`."""
        side = self.window + 2 * REFINEMENT_HALO

        def function(params, latents, quality, image, mask):
            apply = functools.partial(self._autoencoder.apply, {"params": params})
            target = image[None].astype(jnp.float32) / 255.0 - 0.5
            weights = jnp.repeat(jnp.repeat(mask, self.f, 0), self.f, 1)[None, :, :, None]

            def decode(latents):
                codewords = latents.reshape(1, side, side, self.num_codebooks, -1)
                return apply(codewords, quality[None], mask[None], method="unfiltered")

            decoded, pull_back = jax.vjp(decode, latents)
            # What the post-filter adds, half a token beyond the window and no further: a gradient
            # need not be exact. Nor does it count how that changes with the latents, which would
            # take longer than all the rest.
            cells = jnp.repeat(jnp.repeat(mask, 2, 0), 2, 1)  # of half a token a side
            cut = 2 * REFINEMENT_HALO - 1
            edge, near = cut * self.f // 2, _inner(cells, cut)[None]
            inner = _inner(decoded[0], edge)[None]
            added = apply(inner, quality[None], near, method="filtered") - inner
            error = target - decoded - jnp.pad(added, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
            return _inner(pull_back(weights * error)[0], REFINEMENT_HALO)

        inputs = {
            "latents": jax.ShapeDtypeStruct((side, side, self.latent_width), np.float32),
            "quality": jax.ShapeDtypeStruct((), np.int32),
            "image": jax.ShapeDtypeStruct((side * self.f, side * self.f, 3), np.uint8),
            "mask": jax.ShapeDtypeStruct((side, side), np.float32),
        }
        return Network(function, self._autoencoder_params, inputs)

    @property
    def context(self) -> Network:
        """See `ProgramSet.context`."""
        side = self.window + 2 * self._halo

        def function(params, visible):
            return to_bytes(self._mim.context(params, visible, self._halo))

        trunk = {name: value for name, value in self._mim_params.items() if name != "head"}
        visible = jax.ShapeDtypeStruct((side, side, self.num_codebooks), np.int32)
        return Network(function, laid_out(trunk, side), {"visible": visible})

    @property
    def head(self) -> Network:
        """See `ProgramSet.head`."""
        return self._head(cumulative_table)

    @property
    def head_to_fixed_logits(self) -> Network:
        """`head` before the tables: -> (T, K) int32, see `coding.pmf`."""
        return self._head(lambda logits: logits)

    def _head(self, finish: Callable) -> Network:
        def function(params, context, known, m):
            return finish(self._mim.fixed_logits(params, from_bytes(context), known, m))

        width = self._mim_params["stem"]["bias"].shape[0]
        inputs = {
            "context": jax.ShapeDtypeStruct((TOKENS_PER_BLOCK, width), np.uint8),
            "known": jax.ShapeDtypeStruct((TOKENS_PER_BLOCK, self.num_codebooks), np.int32),
            "m": jax.ShapeDtypeStruct((), np.int32),
        }
        params = {**self._mim_params["head"], "embedding": self._mim_params["embedding"]}
        return Network(function, params, inputs)

    @property
    def _filter_halo(self) -> int:
        """Tokens around a window that its post-filter sees: all it reaches, if there are."""
        from pqmim_jax.models.post_filter import reach

        model = self._autoencoder
        if not model.post_filter_width:
            return 0
        return min(-(-reach(model.post_filter_depth) // self.f), AUTOENCODER_HALO)

    @cached_property
    def _autoencoder(self):
        from ml_collections import ConfigDict

        from pqmim_jax.models import build_autoencoder

        return build_autoencoder(ConfigDict(self._config["autoencoder"]))

    @property
    def _mask(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((self._side, self._side), np.float32)


def _inner(x: jax.Array, edge: int) -> jax.Array:
    return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge]
