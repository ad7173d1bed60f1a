"""What the codec needs of the networks, whatever runs them: JAX, or ONNX Runtime without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Tokens around a window that the autoencoder sees, on each side. Its filters reach further (a block
# of `xcit` two tokens), but what comes from there is below 1/255 for the packaged model; with two
# tokens it is 8/255 at quality 1. The MIM's halo is another one, fixed when it is trained.
AUTOENCODER_HALO = 4
# Tokens around a window where `correct` knows the picture: a gradient need not be exact.
REFINEMENT_HALO = 2
# What programs see beyond a picture's border, as in training. Programs that were exported for
# repeated edges would take the mask of `models.layers.presence` for weights.
OUTSIDE = "zero"
TOKENS_PER_BLOCK = 128  # rows of one head call; shorter ones are padded


@dataclass(frozen=True)
class SegmentedProgram:
    """Segments with their parameters bound: first(*inputs), then rest(total, *state)."""

    first: Callable[..., tuple]
    rest: list[Callable[..., tuple]]
    state_bytes: int  # the most that one window keeps from one segment to the next


class Model(Protocol):
    """What of a model decides about files."""

    name: str
    config: dict  # sections "autoencoder", "mim", "codec"
    fingerprint: int  # uint32, of what decides about indices
    decoder: int  # uint16, of what makes pixels of indices
    counts: np.ndarray  # (M, K) int64: codewords' occurrences in the training set


class ProgramSet(Protocol):
    """The programs of a model; safe to call from several threads.

    Shapes: `side` is a window with its halo, AUTOENCODER_HALO for encode and decode,
    REFINEMENT_HALO for correct and the model's own for context; T = TOKENS_PER_BLOCK.
    """

    f: int  # pixels a side of a token
    window: int  # tokens a side
    latent_width: int  # M*d

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""

    @property
    def encode(self) -> SegmentedProgram:
        """Segments of: (side*f, side*f, 3) uint8 window and (side, side) float32 mask, as in
        `models.layers.presence`, -> (window, window, M*d) float32 latents.

        As compared with the codewords: l2-normalised if the model is.
        """

    @property
    def decode(self) -> SegmentedProgram:
        """Segments of: (side, side, M*d) float32 codewords, quality int32 and (side, side)
        float32 mask -> (window*f, window*f, 3) uint8.
        """

    @property
    def correct(self) -> Callable[..., np.ndarray] | None:
        """(side, side, M*d) float32 codewords, quality int32, (side*f, side*f, 3) uint8 window of
        the picture and (side, side) float32 mask of its tokens -> (window, window, M*d) float32:
        minus half the gradient of the squared error of `decode`, a change of the codewords that
        lowers it; what a post-filter adds counts as constant. Only encoders call it; None where
        it was not exported.
        """

    @property
    def context(self) -> Callable[[np.ndarray], np.ndarray]:
        """(side, side, M) int32, -1 = unknown -> (window, window, width) uint8."""

    @property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """Contexts (T, width) uint8, known indices (T, M) int32, m -> (T, K+1) uint32 cumulative
        tables; of the known indices it looks at those before m.
        """
