"""The programs of an exported model in ONNX Runtime."""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from pqmim_jax.codec.program_set import SegmentedProgram
from pqmim_jax.coding import cumulative, frequencies
from pqmim_jax.cores import usable_cores
from pqmim_jax.runtime.manifest import MANIFEST, ExportError
from pqmim_jax.runtime.model import ExportedModel
from pqmim_jax.runtime.sessions import Session


class OnnxPrograms:
    """A `ProgramSet` without JAX: sessions are made on first use."""

    def __init__(self, model: ExportedModel, threads: int | None = None):
        """`threads`: how many windows are worked on at once; default one a core."""
        self._model = model
        flat = model.manifest["config"]
        self.f, self.window = flat["f"], flat["window"]
        self.latent_width = flat["num_codebooks"] * flat["codeword_dim"]
        self._programs = model.manifest["programs"]
        self._pool = ThreadPoolExecutor(threads or usable_cores())

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""
        return list(self._pool.map(run, items))

    @cached_property
    def encode(self) -> SegmentedProgram:
        """See `ProgramSet.encode`."""
        return self._segments("encode")

    @cached_property
    def decode(self) -> SegmentedProgram:
        """See `ProgramSet.decode`."""
        return self._segments("decode")

    @cached_property
    def correct(self) -> Callable[..., np.ndarray] | None:
        """See `ProgramSet.correct`."""
        if "correct" not in self._programs:
            return None
        session = self._session(self._programs["correct"])
        return lambda *inputs: session(*inputs)[0]

    @cached_property
    def context(self) -> Callable[[np.ndarray], np.ndarray]:
        """See `ProgramSet.context`."""
        session = self._session(self._programs["context"])
        return lambda visible: session(visible)[0]

    @cached_property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """See `ProgramSet.head`."""
        session = self._session(self._programs["head"])
        return lambda *inputs: cumulative(frequencies(session(*inputs)[0]))

    def _segments(self, role: str) -> SegmentedProgram:
        described = self._programs[role]
        first, *rest = self.map(self._session, described)
        return SegmentedProgram(first, rest, max(map(_output_bytes, described)))

    def _session(self, description: dict) -> Session:
        program, where = self._model.program(description), self._model.folder / description["file"]
        try:
            session = Session(program)
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise ExportError(f"{where}: ONNX Runtime cannot load it: {error}") from error
        described = tuple(_signature(description[side]) for side in ("inputs", "outputs"))
        if session.signature != described:
            raise ExportError(
                f"{where} does not take and give the arrays that {MANIFEST} describes"
            )
        return session


def _signature(arrays: list[dict]) -> list[tuple]:
    return [(each["name"], tuple(each["shape"]), each["dtype"]) for each in arrays]


def _output_bytes(description: dict) -> int:
    outputs = description["outputs"]
    return sum(math.prod(a["shape"]) * np.dtype(a["dtype"]).itemsize for a in outputs)
