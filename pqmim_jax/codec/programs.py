"""The four compiled programs of a codec, and how they are run.

Each program works on one window (or one block of tokens), is compiled for one thread, and is run
from a pool of threads. Sums inside a program are then always made in the same order, so results
do not depend on the number of cores, and cores are still all used.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax.codec.tables import cumulative_table
from pqmim_jax.model_store import StoredModel
from pqmim_jax.models import build_autoencoder, build_mim

TOKENS_PER_BLOCK = 128  # rows of one head call; shorter ones are padded
_ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}


def use_compilation_cache() -> None:
    """Keeps compiled programs on disk: `$PQMIM_CACHE_DIR`, else below the user's cache folder.

    Leaves a cache that the user has already configured in JAX alone.
    """
    if jax.config.jax_compilation_cache_dir:
        return
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = os.environ.get("PQMIM_CACHE_DIR") or Path(base) / "pqmim_jax"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


class Programs:
    """Compiled on first use, for the shapes that the model's codec settings fix."""

    def __init__(self, model: StoredModel, threads: int | None = None):
        """`threads`: how many windows are worked on at once; default one a core."""
        self._autoencoder = build_autoencoder(ConfigDict(model.config["autoencoder"]))
        self._mim = build_mim(
            ConfigDict(model.config["mim"]), ConfigDict(model.config["autoencoder"])
        )
        self._params = jax.device_put({"autoencoder": model.autoencoder, "mim": model.mim})
        codec = model.config["codec"]
        self._halo, self._side = codec["halo"], codec["window"] + 2 * codec["halo"]
        self._pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)))

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""
        return list(self._pool.map(run, items))

    @cached_property
    def encode(self) -> Callable[[np.ndarray], np.ndarray]:
        """(side*f, side*f, 3) uint8 window with halo -> (window, window, M) int32 indices."""
        pixels = self._side * self._autoencoder.f

        def program(params, image):
            x = image[None].astype(jnp.float32) / 255.0 - 0.5
            indices = self._autoencoder.apply({"params": params}, x, method="indices")[0]
            return self._inner(indices, 1)

        return self._compile(program, "autoencoder", ((pixels, pixels, 3), np.uint8))

    @cached_property
    def decode(self) -> Callable[[np.ndarray, np.int32], np.ndarray]:
        """(side, side, M) int32 indices and quality -> (window*f, window*f, 3) uint8."""
        f, m = self._autoencoder.f, self._autoencoder.num_codebooks

        def program(params, indices, quality):
            image = self._autoencoder.apply(
                {"params": params}, indices[None], quality[None], method="decode_indices"
            )
            samples = jnp.clip(jnp.round((self._inner(image[0], f) + 0.5) * 255.0), 0, 255)
            return samples.astype(jnp.uint8)

        shape = (self._side, self._side, m)
        return self._compile(program, "autoencoder", (shape, np.int32), ((), np.int32))

    @cached_property
    def context(self) -> Callable[[np.ndarray], np.ndarray]:
        """(side, side, M) int32, -1 = unknown -> (window, window, width) float32."""

        def program(params, visible):
            context = self._mim.apply({"params": params}, visible[None], method="context")
            return self._inner(context[0], 1)

        shape = (self._side, self._side, self._autoencoder.num_codebooks)
        return self._compile(program, "mim", (shape, np.int32))

    @cached_property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """Contexts (T, width), known indices (T, M), m -> (T, K+1) uint32 cumulative tables.

        T = TOKENS_PER_BLOCK.
        """

        def program(params, context, known, m):
            logits = self._mim.apply({"params": params}, context, known, m, method="head_logits")
            return cumulative_table(logits)

        shapes = (
            ((TOKENS_PER_BLOCK, self._mim.width), self._mim.dtype),
            ((TOKENS_PER_BLOCK, self._mim.num_codebooks), np.int32),
            ((), np.int32),
        )
        return self._compile(program, "mim", *shapes)

    def _inner(self, x: jax.Array, f: int) -> jax.Array:
        edge = self._halo * f
        return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge]

    def _compile(self, program, part: str, *inputs) -> Callable:
        use_compilation_cache()
        params = self._params[part]
        shapes = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in inputs]
        options = _ONE_THREAD if jax.default_backend() == "cpu" else None
        compiled = jax.jit(program).lower(params, *shapes).compile(options)
        return lambda *arguments: np.asarray(compiled(params, *arguments))
