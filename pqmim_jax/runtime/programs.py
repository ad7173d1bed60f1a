"""The programs of an exported model in ONNX Runtime."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property

import numpy as np

from pqmim_jax.codec.program_set import SegmentedProgram
from pqmim_jax.coding import cumulative, frequencies
from pqmim_jax.cores import usable_cores
from pqmim_jax.masking import UNKNOWN
from pqmim_jax.runtime.manifest import MANIFEST, ExportError
from pqmim_jax.runtime.model import ExportedModel
from pqmim_jax.runtime.sessions import Session
from pqmim_jax.runtime.shapes import output_bytes


class OnnxPrograms:
    """A `ProgramSet` without JAX: sessions are made on first use; regions have any shape."""

    few_shapes = False

    def __init__(self, model: ExportedModel, threads: int | None = None):
        """`threads`: how many regions are worked on at once; default one a core."""
        self._model = model
        flat = model.manifest["config"]
        self.f, self.window = flat["f"], flat["window"]
        self.latent_width = flat["num_codebooks"] * flat["codeword_dim"]
        self.autoencoder_halo, self.filter_halo = flat["autoencoder_halo"], flat["filter_halo"]
        self._programs = model.manifest["programs"]
        self.unknown_context = cache(self._unknown_context)
        self.threads = threads or usable_cores()
        self._pool = ThreadPoolExecutor(self.threads)

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""
        return list(self._pool.map(run, items))

    @property
    def can_correct(self) -> bool:
        """See `ProgramSet`."""
        return "correct" in self._programs

    def encode(self, shape: tuple[int, int]) -> SegmentedProgram:
        """See `ProgramSet.encode`."""
        return self._segmented("encode", self._encode, shape)

    def decode(self, shape: tuple[int, int]) -> SegmentedProgram:
        """See `ProgramSet.decode`."""
        return self._segmented("decode", self._decode, shape)

    def filter(self, shape: tuple[int, int]) -> Callable[..., np.ndarray]:
        """See `ProgramSet.filter`; regions lie inside the picture, so it knows no mask."""
        return lambda unfiltered, quality, _: self._filter(unfiltered, quality)[0]

    def correct(self, shape: tuple[int, int]) -> Callable[..., np.ndarray]:
        """See `ProgramSet.correct`."""
        return lambda *inputs: self._correct(*inputs)[0]

    @cached_property
    def context(self) -> Callable[[np.ndarray, np.int32], np.ndarray]:
        """See `ProgramSet.context`."""
        described = self._programs["context"]
        session, count = self._session(described), len(described["inputs"])
        return lambda *inputs: session(*inputs[:count])[0]

    def _unknown_context(self, quality: int) -> np.ndarray:
        visible = self._programs["context"]["inputs"][0]
        return self.context(np.full(visible["shape"], UNKNOWN, np.int32), np.int32(quality))

    @cached_property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """See `ProgramSet.head`."""
        session = self._session(self._programs["head"])
        return lambda *inputs: cumulative(frequencies(session(*inputs)[0]))

    @cached_property
    def _encode(self) -> list[Session]:
        return self.map(self._session, self._programs["encode"])

    @cached_property
    def _decode(self) -> list[Session]:
        self._filter  # noqa: B018  first used where many threads ask for it at once
        return self.map(self._session, self._programs["decode"])

    @cached_property
    def _filter(self) -> Session:
        return self._session(self._programs["filter"])

    @cached_property
    def _correct(self) -> Session:
        return self._session(self._programs["correct"])

    def _segmented(self, role: str, sessions: list[Session], shape) -> SegmentedProgram:
        kept = max(output_bytes(each, shape) for each in self._programs[role])
        return SegmentedProgram(sessions[0], sessions[1:], kept)

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
