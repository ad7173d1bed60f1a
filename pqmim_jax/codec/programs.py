"""The compiled programs of a codec, and how they are run.

Each program works on one region, window or block of tokens, is compiled for one thread, and is run
from a pool of threads. Sums inside a program are then always made in the same order, so results
do not depend on the number of cores, and cores are still all used.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from threading import Lock

import jax
import numpy as np

from pqmim_jax.codec.networks import Network, Networks
from pqmim_jax.codec.program_cache import compiled, start_backend
from pqmim_jax.codec.program_set import SegmentedProgram
from pqmim_jax.codec.segments import cut_into_segments
from pqmim_jax.cores import usable_cores
from pqmim_jax.masking import UNKNOWN
from pqmim_jax.model_store import StoredModel


class Programs:
    """A `ProgramSet` in JAX: compiled (or read from the disk cache) on first use."""

    few_shapes = can_correct = True

    def __init__(self, model: StoredModel, threads: int | None = None):
        """`threads`: how many regions are worked on at once; default one a core."""
        start_backend()
        self._config = model.config
        self._networks = Networks(model)
        self.f, self.window = self._networks.f, self._networks.window
        self.latent_width = self._networks.latent_width
        self.autoencoder_halo = self._networks.autoencoder_halo
        self.filter_halo = self._networks.filter_halo
        self._of_shapes: dict[tuple, Callable | SegmentedProgram] = {}
        self._lock = Lock()
        self.unknown_context = cache(self._unknown_context)
        self.threads = threads or usable_cores()
        self._pool = ThreadPoolExecutor(self.threads)

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""
        return list(self._pool.map(run, items))

    def encode(self, shape: tuple[int, int]) -> SegmentedProgram:
        """See `ProgramSet.encode`."""
        return self._once("encode", shape, self._compile_segments)

    def decode(self, shape: tuple[int, int]) -> SegmentedProgram:
        """See `ProgramSet.decode`."""
        return self._once("decode", shape, self._compile_segments)

    def filter(self, shape: tuple[int, int]) -> Callable[..., np.ndarray]:
        """See `ProgramSet.filter`."""
        return self._once("filter", shape, self._compile_region)

    def correct(self, shape: tuple[int, int]) -> Callable[..., np.ndarray]:
        """See `ProgramSet.correct`."""
        return self._once("correct", shape, self._compile_region)

    @cached_property
    def context(self) -> Callable[[np.ndarray, np.int32], np.ndarray]:
        """See `ProgramSet.context`."""
        network = self._networks.context
        run, count = self._compile("context", network), len(network.inputs)
        return lambda *inputs: run(*inputs[:count])

    def _unknown_context(self, quality: int) -> np.ndarray:
        visible = self._networks.context.inputs["visible"]
        return self.context(np.full(visible.shape, UNKNOWN, visible.dtype), np.int32(quality))

    @cached_property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """See `ProgramSet.head`."""
        return self._compile("head", self._networks.head)

    def _compile(self, name: str, network: Network) -> Callable:
        """A program of the MIM."""
        params = jax.device_put(network.params)
        arguments = (params, *network.inputs.values())
        program = compiled(name, self._config, lambda: network.function, arguments)
        return lambda *inputs: np.asarray(program(params, *inputs))

    def _once(self, name: str, shape: tuple[int, int], compile_it: Callable):
        """The program of a role for regions of a shape."""
        with self._lock:
            if (name, shape) not in self._of_shapes:
                network = getattr(self._networks, name)(shape)
                self._of_shapes[name, shape] = compile_it(name, network)
            return self._of_shapes[name, shape]

    @cached_property
    def _autoencoder_params(self):
        return jax.device_put(self._networks.autoencoder_params)

    def _compile_region(self, name: str, network: Network) -> Callable[..., np.ndarray]:
        """A program of the autoencoder without sums over the picture."""
        params = {part: self._autoencoder_params[part] for part in network.params}
        arguments = (params, *network.inputs.values())
        program = compiled(name, self._config, lambda: network.function, arguments)
        return lambda *inputs: np.asarray(program(params, *inputs))

    def _compile_segments(self, name: str, network: Network) -> SegmentedProgram:
        """Segments of a program of the autoencoder; each cached one tells the next one's shapes."""
        params = self._autoencoder_params
        shapes = tuple(network.inputs.values())

        @cache
        def cut() -> list[Callable]:
            return cut_into_segments(network.function, params, *shapes)

        segments, arguments, state_bytes = [], shapes, 0
        while len(segments) == 0 or len(arguments) > 1:
            i = len(segments)
            run = compiled(f"{name}-{i}", self._config, lambda i=i: cut()[i], (params, *arguments))
            segments.append(partial(run, params))
            arguments = tuple(run.out_info)
            state_bytes = max(state_bytes, sum(a.size * a.dtype.itemsize for a in arguments))
        return SegmentedProgram(segments[0], segments[1:], state_bytes)
