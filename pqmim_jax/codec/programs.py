"""The four compiled programs of a codec, and how they are run.

Each program works on one window (or one block of tokens), is compiled for one thread, and is run
from a pool of threads. Sums inside a program are then always made in the same order, so results
do not depend on the number of cores, and cores are still all used.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.codec.program_cache import compiled, start_backend
from pqmim_jax.codec.tables import cumulative_table
from pqmim_jax.model_store import StoredModel

TOKENS_PER_BLOCK = 128  # rows of one head call; shorter ones are padded


def usable_cores() -> int:
    """Cores that this process may run on, where the system can tell; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Programs:
    """Compiled (or read from the disk cache) on first use, for the shapes the model fixes."""

    def __init__(self, model: StoredModel, threads: int | None = None):
        """`threads`: how many windows are worked on at once; default one a core."""
        start_backend()
        self._config = model.config
        self._params = jax.device_put({"autoencoder": model.autoencoder, "mim": model.mim})
        self._f = model.config["autoencoder"]["f"]
        self._num_codebooks = model.config["autoencoder"]["num_codebooks"]
        self.latent_width = self._num_codebooks * model.config["autoencoder"]["codeword_dim"]
        self._halo = model.config["codec"]["halo"]
        self._side = model.config["codec"]["window"] + 2 * self._halo
        self._pool = ThreadPoolExecutor(threads or usable_cores())

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""
        return list(self._pool.map(run, items))

    @cached_property
    def encode(self) -> Callable[[np.ndarray], np.ndarray]:
        """(side*f, side*f, 3) uint8 window with halo -> (window, window, M*d) float32 latents.

        As compared with the codewords: l2-normalised if the model is.
        """
        pixels = self._side * self._f

        def program(params, image):
            x = image[None].astype(jnp.float32) / 255.0 - 0.5
            sub_vectors = self._autoencoder.apply({"params": params}, x, method="sub_vectors")
            return self._inner(sub_vectors[0].reshape(self._side, self._side, -1), 1)

        return self._compile("encode", program, "autoencoder", ((pixels, pixels, 3), np.uint8))

    @cached_property
    def decode(self) -> Callable[[np.ndarray, np.int32], np.ndarray]:
        """(side, side, M) int32 indices and quality -> (window*f, window*f, 3) uint8."""

        def program(params, latents, quality):
            codewords = latents.reshape(1, self._side, self._side, self._num_codebooks, -1)
            image = self._autoencoder.apply(
                {"params": params}, codewords, quality[None], method="decode"
            )
            inner = self._inner(image[0], self._f)
            return jnp.clip(jnp.round((inner + 0.5) * 255.0), 0, 255).astype(jnp.uint8)

        inputs = ((self._side, self._side, self.latent_width), np.float32), ((), np.int32)
        return self._compile("decode", program, "autoencoder", *inputs)

    @cached_property
    def context(self) -> Callable[[np.ndarray], np.ndarray]:
        """(side, side, M) int32, -1 = unknown -> (window, window, width) of the MIM's dtype."""

        def program(params, visible):
            context = self._mim.apply({"params": params}, visible[None], method="context")
            return self._inner(context[0], 1)

        return self._compile("context", program, "mim", (self._grid_shape, np.int32))

    @cached_property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """Contexts (T, width), known indices (T, M), m -> (T, K+1) uint32 cumulative tables.

        T = TOKENS_PER_BLOCK.
        """

        def program(params, context, known, m):
            logits = self._mim.apply({"params": params}, context, known, m, method="head_logits")
            return cumulative_table(logits)

        inputs = (
            ((TOKENS_PER_BLOCK, self._config["mim"]["width"]), self._config["mim"]["dtype"]),
            ((TOKENS_PER_BLOCK, self._num_codebooks), np.int32),
            ((), np.int32),
        )
        return self._compile("head", program, "mim", *inputs)

    # The modules are built for tracing only: a cached program needs no Flax at all.

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
        return build_mim(ConfigDict(self._config["mim"]), section)

    @property
    def _grid_shape(self) -> tuple[int, int, int]:
        return self._side, self._side, self._num_codebooks

    def _inner(self, x: jax.Array, f: int) -> jax.Array:
        edge = self._halo * f
        return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge]

    def _compile(self, name: str, program, part: str, *inputs) -> Callable:
        params = self._params[part]
        shapes = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in inputs)
        run = compiled(name, self._config, lambda: program, (params, *shapes))
        return lambda *arguments: np.asarray(run(params, *arguments))
