"""What the codec needs of the networks, whatever runs them: JAX, or ONNX Runtime without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Tokens around a region's own that the autoencoder sees, on each side, at most. Its filters reach
# further (a block of `xcit` two tokens), but what comes from there is below 1/255 for the packaged
# model; with two tokens it is 8/255 at quality 1. A `pyramid` of depth 3 reaches 8 tokens, twice
# which a region of 2048 can hardly show. What lies beyond 2, 3, 4 of them moved pixels by at most
# 0.03, 0.003, 0.0005 of 1/255 after 1600 steps of training, when its correction was 6.6 of 1/255 in
# the mean; were branches as large as what they are added to, it would be 0.4, 0.08, 0.02 of the
# correction's deviation. The MIM's halo is another one, fixed when it is trained.
AUTOENCODER_HALO = 4
# Tokens around a region's own where `correct` knows the picture: a gradient need not be exact.
REFINEMENT_HALO = 2
# What programs see beyond a picture's border, as in training.
OUTSIDE = "zero"
TOKENS_PER_BLOCK = 128  # of one call of a head that is compiled; fewer are padded


@dataclass(frozen=True)
class SegmentedProgram:
    """Segments with their parameters bound: first(*inputs), then rest(total, *state)."""

    first: Callable[..., tuple]
    rest: list[Callable[..., tuple]]
    state_bytes: int  # the most that one region keeps from one segment to the next


def autoencoder_halo(section: dict) -> int:
    """Tokens around a region's own that the autoencoder sees, on each side.

    Args:
      section: "autoencoder" of a model's config.

    Returns:
      1..AUTOENCODER_HALO: what `pyramid` and a post-filter behind it reach, if there are no more;
      regions then give exactly the picture. The formula is that of `models.pyramid.reach`, without
      its packages.
    """
    if section["backbone"] != "pyramid":
        return AUTOENCODER_HALO
    f, depth = section["f"], max(section["encoder_depth"], section["decoder_depth"])
    reach = 4 + depth * (3 * f - 8) + _filter_reach(section)
    return min(-(-reach // f), AUTOENCODER_HALO)


def filter_halo(section: dict) -> int:
    """Tokens around others that an autoencoder's post-filter sees: all it reaches, if there are.

    Args:
      section: "autoencoder" of a model's config.

    Returns:
      0..AUTOENCODER_HALO. The formula is that of `models.post_filter.reach`, without its packages.
    """
    return min(-(-_filter_reach(section) // section["f"]), AUTOENCODER_HALO)


def _filter_reach(section: dict) -> int:
    if not section.get("post_filter_width", 0):
        return 0
    return 2 * (section.get("post_filter_depth", 4) + 2) + 1


class Model(Protocol):
    """What of a model decides about files."""

    name: str
    config: dict  # sections "autoencoder", "mim", "codec"
    fingerprint: int  # uint32, of what decides about indices
    decoder: int  # uint16, of what makes pixels of indices
    # Codewords' occurrences in the training set, int64: (M, K), or (M, M, K) whose row q - 1 is of
    # pictures of quality q.
    counts: np.ndarray


class ProgramSet(Protocol):
    """The programs of a model; safe to call from several threads.

    Those of the autoencoder are asked for by the shape of a region, (rows, cols) tokens. Their
    results are of the whole region; which part of it counts is the caller's business. `side` is a
    window with the model's own halo; T is TOKENS_PER_BLOCK where there are `few_shapes`, else any.
    """

    f: int  # pixels a side of a token
    window: int  # tokens a side
    latent_width: int  # M*d
    autoencoder_halo: int  # tokens, see `autoencoder_halo` above
    filter_halo: int  # tokens, see `filter_halo` above
    threads: int  # calls at once
    # Every shape is compiled: regions had better have few, and may reach beyond the picture's end.
    # Elsewhere they lie inside the picture.
    few_shapes: bool
    can_correct: bool  # whether there is `correct`, which only encoders call

    def map(self, run: Callable, items: Iterable) -> list:
        """`[run(item) for item in items]`, several at once."""

    def encode(self, shape: tuple[int, int]) -> SegmentedProgram:
        """Segments of: (rows*f, cols*f, 3) uint8 pixels and (rows, cols) float32 mask, as in
        `models.layers.presence`, -> (rows, cols, M*d) float32 latents.

        As compared with the codewords: l2-normalised if the model is.
        """

    def decode(self, shape: tuple[int, int]) -> SegmentedProgram:
        """Segments of: (rows, cols, M*d) float32 codewords, quality int32 and (rows, cols)
        float32 mask -> (rows*f, cols*f, 3) float32 for `filter`.
        """

    def filter(self, shape: tuple[int, int]) -> Callable[..., np.ndarray]:
        """What `decode` gave, quality int32 and (rows, cols) float32, 1 inside of the picture and
        0 beyond -> (rows*f, cols*f, 3) uint8: the post-filter, if there is one.
        """

    def correct(self, shape: tuple[int, int]) -> Callable[..., np.ndarray]:
        """(rows, cols, M*d) float32 codewords, quality int32, (rows*f, cols*f, 3) uint8 pixels of
        the picture and (rows, cols) float32, 1 inside of it -> (rows, cols, M*d) float32: minus
        half the gradient of the squared error of the decoded picture, a change of the codewords
        that lowers it; what a post-filter adds counts as constant.
        """

    @property
    def context(self) -> Callable[[np.ndarray, np.int32], np.ndarray]:
        """(side, side, M) int32, -1 = unknown, and quality int32 -> (window, window, width) uint8.

        Most models do not know the quality: theirs is the same for all.
        """

    def unknown_context(self, quality: int) -> np.ndarray:
        """`context` of a window of which nothing is known, computed once for each quality."""

    @property
    def head(self) -> Callable[[np.ndarray, np.ndarray, np.int32], np.ndarray]:
        """Contexts (T, width) uint8, known indices (T, M) int32, m -> (T, K+1) uint32 cumulative
        tables; of the known indices it looks at those before m.
        """
