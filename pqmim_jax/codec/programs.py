"""The compiled programs of a codec, and how they are run.

Each program works on one window (or one block of tokens), is compiled for one thread, and is run
from a pool of threads. Sums inside a program are then always made in the same order, so results
do not depend on the number of cores, and cores are still all used.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.codec.program_cache import compiled, start_backend
from pqmim_jax.codec.segments import SegmentedProgram, cut_into_segments
from pqmim_jax.codec.tables import cumulative_table
from pqmim_jax.cores import usable_cores
from pqmim_jax.model_store import StoredModel

# Tokens around a window that the autoencoder sees, on each side. Its filters reach further (a block
# of `xcit` two tokens), but what comes from there is below 1/255 for the packaged model; with two
# tokens it is 8/255 at quality 1. The MIM's halo is another one, fixed when it is trained.
AUTOENCODER_HALO = 4
TOKENS_PER_BLOCK = 128  # rows of one head call; shorter ones are padded


class Programs:
    """Compiled (or read from the disk cache) on first use, for the shapes the model fixes."""

    def __init__(self, model: StoredModel, threads: int | None = None):
        """`threads`: how many windows are worked on at once; default one a core."""
        start_backend()
        self._config = model.config
        # A call takes as long as its parameters are many: each program gets its own only.
        head = {name: model.mim[name] for name in ("embedding", "head")}
        context = {name: value for name, value in model.mim.items() if name != "head"}
        self._params = jax.device_put(
            {"autoencoder": model.autoencoder, "context": context, "head": head}
        )
        self.f = model.config["autoencoder"]["f"]
        self._num_codebooks = model.config["autoencoder"]["num_codebooks"]
        self.latent_width = self._num_codebooks * model.config["autoencoder"]["codeword_dim"]
        self._halo = model.config["codec"]["halo"]
        self.window = model.config["codec"]["window"]
        self._autoencoder_side = self.window + 2 * AUTOENCODER_HALO
        self._pool = ThreadPoolExecutor(threads or usable_cores())

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""
        return list(self._pool.map(run, items))

    @cached_property
    def encode(self) -> SegmentedProgram:
        """Segments of: (side*f, side*f, 3) uint8 window with halo and (side, side) float32 mask
        of its tokens that count -> (window, window, M*d) float32 latents.

        As compared with the codewords: l2-normalised if the model is.
        """
        side = self._autoencoder_side

        def program(params, image, mask):
            x = image[None].astype(jnp.float32) / 255.0 - 0.5
            sub_vectors = self._autoencoder.apply(
                {"params": params}, x, mask[None], method="sub_vectors"
            )
            return _inner(sub_vectors[0].reshape(side, side, -1), AUTOENCODER_HALO)

        pixels = side * self.f
        inputs = ((pixels, pixels, 3), np.uint8), self._mask
        return self._compile_segments("encode", program, *inputs)

    @cached_property
    def decode(self) -> SegmentedProgram:
        """Segments of: (side, side, M*d) float32 codewords, quality and
        (side, side) float32 mask -> (window*f, window*f, 3) uint8.
        """
        side = self._autoencoder_side

        def program(params, latents, quality, mask):
            codewords = latents.reshape(1, side, side, self._num_codebooks, -1)
            image = self._autoencoder.apply(
                {"params": params}, codewords, quality[None], mask[None], method="decode"
            )
            inner = _inner(image[0], AUTOENCODER_HALO * self.f)
            return jnp.clip(jnp.round((inner + 0.5) * 255.0), 0, 255).astype(jnp.uint8)

        latents = (side, side, self.latent_width), np.float32
        return self._compile_segments("decode", program, latents, ((), np.int32), self._mask)

    @cached_property
    def context(self) -> Callable[[np.ndarray], np.ndarray]:
        """(side, side, M) int32, -1 = unknown -> (window, window, width) of the MIM's dtype."""

        def program(params, visible):
            context = self._mim.apply({"params": params}, visible[None], method="context")
            return _inner(context[0], self._halo)

        return self._compile("context", program, (self._grid_shape, np.int32))

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
        return self._compile("head", program, *inputs)

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
    def _mask(self) -> tuple:
        return (self._autoencoder_side,) * 2, np.float32

    @property
    def _grid_shape(self) -> tuple[int, int, int]:
        side = self.window + 2 * self._halo
        return side, side, self._num_codebooks

    def _compile(self, name: str, program, *inputs) -> Callable:
        params = self._params[name]
        shapes = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in inputs)
        run = compiled(name, self._config, lambda: program, (params, *shapes))
        return lambda *arguments: np.asarray(run(params, *arguments))

    def _compile_segments(self, name: str, program, *inputs) -> SegmentedProgram:
        """Segments of a program of the autoencoder; each cached one tells the next one's shapes."""
        params = self._params["autoencoder"]
        shapes = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in inputs)

        @cache
        def cut() -> list[Callable]:
            return cut_into_segments(program, params, *shapes)

        segments, arguments, state_bytes = [], shapes, 0
        while len(segments) == 0 or len(arguments) > 1:
            i = len(segments)
            run = compiled(f"{name}-{i}", self._config, lambda i=i: cut()[i], (params, *arguments))
            segments.append(partial(run, params))
            arguments = tuple(run.out_info)
            state_bytes = max(state_bytes, sum(a.size * a.dtype.itemsize for a in arguments))
        return SegmentedProgram(segments[0], segments[1:], state_bytes)


def _inner(x: jax.Array, edge: int) -> jax.Array:
    return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge]
