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

from pqmim_jax.codec.program_set import TOKENS_PER_BLOCK, autoencoder_halo, filter_halo
from pqmim_jax.codec.tables import cumulative_table
from pqmim_jax.integer import bounds
from pqmim_jax.integer.arithmetic import from_bytes, to_bytes
from pqmim_jax.integer.network import IntegerMim, carried, laid_out
from pqmim_jax.model_store import StoredModel

_OF_THE_FILTER = ("post_filter", "quality_bias")  # the latter every call of the autoencoder needs
_QUALITY = jax.ShapeDtypeStruct((), np.int32)


@dataclass(frozen=True)
class Network:
    """function(params, *inputs) -> array, for one region, window or block of tokens."""

    function: Callable
    params: dict
    inputs: dict[str, jax.ShapeDtypeStruct]  # by name, in order


class Networks:
    """All networks of a model; building them traces nothing.

    The modules are built when a function is traced: a cached program needs no Flax at all.
    """

    def __init__(self, model: StoredModel, *, inside: bool = False):
        """Networks of a model.

        Args:
          inside: regions lie inside the picture (else, their ends may reach beyond its end).

        Raises:
          ModelError: numbers of the MIM could leave the range where they are exact.
        """
        self._config = model.config
        section, codec = model.config["autoencoder"], model.config["codec"]
        self.num_codebooks = section["num_codebooks"]
        self.num_codewords = section["num_codewords"]
        self.latent_width = self.num_codebooks * section["codeword_dim"]
        self.f, self.window, self._halo = section["f"], codec["window"], codec["halo"]
        self.autoencoder_halo, self.filter_halo = autoencoder_halo(section), filter_halo(section)
        self._inside, self._counts = inside, section["backbone"] != "pyramid"
        self.refines = codec.get("refinement_steps", 0) > 0
        mim = model.config["mim"]
        self._mim = IntegerMim(mim["heads"], mim["depth"])
        self._knows_quality = "quality" in model.mim
        # A call takes as long as its parameters are many: each program gets its own only.
        self._params = {
            "autoencoder": model.autoencoder,
            "filter": {k: v for k, v in model.autoencoder.items() if k in _OF_THE_FILTER},
        }
        bounds.check(model.mim, self.window + 2 * self._halo)
        self._mim_params = carried(model.mim)

    @property
    def autoencoder_params(self) -> dict:
        """Parameters of encode, decode and correct; filter has some of them."""
        return self._params["autoencoder"]

    def encode(self, shape: tuple) -> Network:
        """See `ProgramSet.encode`; rows and columns may be symbolic in all of these."""

        def function(params, image, mask):
            x = image[None].astype(jnp.float32) / 255.0 - 0.5
            sub_vectors = self._autoencoder.apply(
                {"params": params}, x, self._presence(mask), method="sub_vectors"
            )
            return sub_vectors[0].reshape(*mask.shape, -1)

        inputs = {"image": self._pixels(shape, np.uint8), "mask": _mask(shape)}
        return Network(function, self._params["autoencoder"], inputs)

    def decode(self, shape: tuple) -> Network:
        """See `ProgramSet.decode`."""

        def function(params, latents, quality, mask):
            codewords = latents.reshape(1, *mask.shape, self.num_codebooks, -1)
            apply = functools.partial(self._autoencoder.apply, {"params": params})
            return apply(codewords, quality[None], self._presence(mask), method="unfiltered")[0]

        inputs = {"latents": self._latents(shape), "quality": _QUALITY, "mask": _mask(shape)}
        return Network(function, self._params["autoencoder"], inputs)

    def filter(self, shape: tuple) -> Network:
        """See `ProgramSet.filter`; without the mask where all is inside of the picture."""

        def function(params, unfiltered, quality, mask=None):
            image = self._filtered(params, unfiltered, quality, mask)
            return jnp.clip(jnp.round((image + 0.5) * 255.0), 0, 255).astype(jnp.uint8)

        inputs = {"unfiltered": self._pixels(shape, np.float32), "quality": _QUALITY}
        inputs |= {} if self._inside else {"mask": _mask(shape)}
        return Network(function, self._params["filter"], inputs)

    def correct(self, shape: tuple) -> Network:
        """See `ProgramSet.correct`."""

        def function(params, latents, quality, image, mask):
            from pqmim_jax.models.layers.presence import zero_outside

            target = image.astype(jnp.float32) / 255.0 - 0.5

            def decode(latents):
                codewords = latents.reshape(1, *mask.shape, self.num_codebooks, -1)
                apply = functools.partial(self._autoencoder.apply, {"params": params})
                return apply(codewords, quality[None], self._presence(mask), method="unfiltered")[0]

            decoded, pull_back = jax.vjp(decode, latents)
            # How what the post-filter adds changes with the latents does not count: that would
            # take longer than all the rest, and a gradient need not be exact.
            filtered = self._filtered(params, decoded, quality, None if self._inside else mask)
            error = zero_outside((target - filtered)[None], self._presence(mask))[0]
            return pull_back(error)[0]

        inputs = {
            "latents": self._latents(shape),
            "quality": _QUALITY,
            "image": self._pixels(shape, np.uint8),
            "mask": _mask(shape),
        }
        return Network(function, self._params["autoencoder"], inputs)

    def _presence(self, mask: jax.Array) -> jax.Array | None:
        """A region's mask; None where it says nothing: all is inside, and no token is counted."""
        return None if self._inside and not self._counts else mask[None]

    def _filtered(self, params, pixels, quality, mask) -> jax.Array:
        mask = None if mask is None else mask[None]
        arguments = pixels[None], quality[None], mask
        return self._autoencoder.apply({"params": params}, *arguments, method="filtered")[0]

    def _pixels(self, shape: tuple, dtype) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((shape[0] * self.f, shape[1] * self.f, 3), dtype)

    def _latents(self, shape: tuple) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*shape, self.latent_width), np.float32)

    @property
    def context(self) -> Network:
        """See `ProgramSet.context`; without the quality where the model does not know it."""
        side = self.window + 2 * self._halo

        def function(params, visible, quality=None):
            return to_bytes(self._mim.context(params, visible, quality, self._halo))

        trunk = {name: value for name, value in self._mim_params.items() if name != "head"}
        inputs = {"visible": jax.ShapeDtypeStruct((side, side, self.num_codebooks), np.int32)}
        inputs |= {"quality": _QUALITY} if self._knows_quality else {}
        return Network(function, laid_out(trunk, side), inputs)

    @property
    def head(self) -> Network:
        """See `ProgramSet.head`, for T = TOKENS_PER_BLOCK."""
        return self._head(cumulative_table, TOKENS_PER_BLOCK)

    def head_to_fixed_logits(self, tokens: int = TOKENS_PER_BLOCK) -> Network:
        """`head` before the tables: -> (T, K) int32, see `coding.pmf`; T may be symbolic."""
        return self._head(lambda logits: logits, tokens)

    def _head(self, finish: Callable, tokens: int) -> Network:
        def function(params, context, known, m):
            return finish(self._mim.fixed_logits(params, from_bytes(context), known, m))

        width = self._mim_params["stem"]["bias"].shape[0]
        inputs = {
            "context": jax.ShapeDtypeStruct((tokens, width), np.uint8),
            "known": jax.ShapeDtypeStruct((tokens, self.num_codebooks), np.int32),
            "m": jax.ShapeDtypeStruct((), np.int32),
        }
        params = {**self._mim_params["head"], "embedding": self._mim_params["embedding"]}
        return Network(function, params, inputs)

    @cached_property
    def _autoencoder(self):
        from ml_collections import ConfigDict

        from pqmim_jax.models import build_autoencoder

        return build_autoencoder(ConfigDict(self._config["autoencoder"]))


def _mask(shape: tuple) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.float32)
