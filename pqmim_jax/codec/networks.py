"""The functions that the programs of a model compute, ready to be traced.

`codec.programs` compiles them, `export` writes them down for other runtimes.
"""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.codec.program_set import AUTOENCODER_HALO, REFINEMENT_HALO, TOKENS_PER_BLOCK
from pqmim_jax.codec.tables import cumulative_table, fixed_logits
from pqmim_jax.model_store import StoredModel

PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Network:
    """function(params, *inputs) -> array, for one window or one block of tokens."""

    function: Callable
    params: dict
    inputs: dict[str, jax.ShapeDtypeStruct]  # by name, in order
    double: bool = False  # computed in float64

    def arithmetic(self):
        """Context in which it is traced, and called: JAX knows float64 only where told."""
        return jax.enable_x64(True) if self.double else nullcontext()


class Networks:
    """All networks of a model; building them traces nothing.

    The modules are built when a function is traced: a cached program needs no Flax at all.
    """

    def __init__(self, model: StoredModel):
        """Raises ValueError if the model names an unknown precision."""
        self._config = model.config
        section, codec = model.config["autoencoder"], model.config["codec"]
        self.num_codebooks = section["num_codebooks"]
        self.num_codewords = section["num_codewords"]
        self.latent_width = self.num_codebooks * section["codeword_dim"]
        self.f, self.window, self._halo = section["f"], codec["window"], codec["halo"]
        self._side = self.window + 2 * AUTOENCODER_HALO
        # Models of before the field was there were coded in single precision.
        self.precision = codec.get("mim_precision", "float32")
        if self.precision not in PRECISIONS:
            choices = ", ".join(PRECISIONS)
            raise ValueError(f"unknown mim_precision {self.precision!r}; choices: {choices}")
        self.refines = codec.get("refinement_steps", 0) > 0
        mim = jax.tree.map(lambda a: np.asarray(a, self.precision), model.mim)
        # A call takes as long as its parameters are many: each program gets its own only.
        self._params = {
            "autoencoder": model.autoencoder,
            "context": {name: value for name, value in mim.items() if name != "head"},
            "head": {name: mim[name] for name in ("embedding", "head")},
        }

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
        return Network(function, self._params["autoencoder"], {"image": image, "mask": self._mask})

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
        return Network(function, self._params["autoencoder"], inputs)

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
        return Network(function, self._params["autoencoder"], inputs)

    @property
    def context(self) -> Network:
        """See `ProgramSet.context`."""
        return self._context({"params": self._params["context"]})

    @property
    def context_with_biases(self) -> Network:
        """`context`, bit by bit, with the attention's biases laid out beforehand.

        XLA looks them up anew in every pass over the attention weights: a third of the time.
        """
        biases = _expanded_biases(self._params["context"])
        return self._context({"params": self._params["context"], "expanded_biases": biases})

    def _context(self, variables: dict) -> Network:
        def function(variables, visible):
            context = self._mim.apply(variables, visible[None], method="context")
            return _inner(context[0], self._halo)

        side = self.window + 2 * self._halo
        visible = jax.ShapeDtypeStruct((side, side, self.num_codebooks), np.int32)
        return Network(function, variables, {"visible": visible}, self._double)

    @property
    def head(self) -> Network:
        """See `ProgramSet.head`."""
        return self._head(cumulative_table)

    @property
    def head_to_fixed_logits(self) -> Network:
        """`head` up to the last operation on floats: -> (T, K) int32, see `coding.pmf`."""
        return self._head(fixed_logits)

    def _head(self, finish: Callable) -> Network:
        def function(params, context, known, m):
            logits = self._mim.apply({"params": params}, context, known, m, method="head_logits")
            return finish(logits)

        width, dtype = self._config["mim"]["width"], self._mim_dtype
        inputs = {
            "context": jax.ShapeDtypeStruct((TOKENS_PER_BLOCK, width), dtype),
            "known": jax.ShapeDtypeStruct((TOKENS_PER_BLOCK, self.num_codebooks), np.int32),
            "m": jax.ShapeDtypeStruct((), np.int32),
        }
        return Network(function, self._params["head"], inputs, self._double)

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

    @cached_property
    def _mim(self):
        from ml_collections import ConfigDict

        from pqmim_jax.models import build_mim

        section = ConfigDict(self._config["autoencoder"])
        mim = build_mim(ConfigDict(self._config["mim"]), section)
        return mim.clone(dtype=jnp.dtype(self._mim_dtype))

    @property
    def _mim_dtype(self) -> str:
        return "float64" if self._double else self._config["mim"]["dtype"]

    @property
    def _double(self) -> bool:
        return self.precision == "float64"

    @property
    def _mask(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((self._side, self._side), np.float32)


def _inner(x: jax.Array, edge: int) -> jax.Array:
    return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge]


def _expanded_biases(params: dict) -> dict:
    """Collection `EXPANDED_BIASES` of parameters; NumPy, for programs that need no Flax."""
    expanded = {}
    for name, value in params.items():
        if name == "relative_bias":
            n = (len(value) + 1) // 2
            offsets = np.arange(n)[:, None] - np.arange(n) + n - 1
            pairs = value[offsets[:, None, :, None], offsets[None, :, None, :]]
            matrix = pairs.reshape(n * n, n * n, -1).transpose(2, 0, 1)
            expanded["matrix"] = np.ascontiguousarray(matrix)
        elif isinstance(value, dict) and (inner := _expanded_biases(value)):
            expanded[name] = inner
    return expanded
