"""What every codec looks like to the evaluation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


class CodecError(RuntimeError):
    """A codec cannot code a picture: its program failed, or the picture is not for it."""


@dataclass(frozen=True)
class Setting:
    """One point of a codec's rate-distortion curve."""

    name: str  # unique within the codec, fit for a folder's name: "q12"
    parameters: dict  # JSON values: all that decides about the bytes besides codec and picture


@dataclass(frozen=True)
class Encoded:
    """A whole file, and what the encoder knows besides; None is what it does not know."""

    data: bytes
    ideal_bits: float | None = None  # what the entropy model says the symbols cost
    static_bits: float | None = None  # what they cost under the codewords' fixed frequencies
    stage_bits: list[float] | None = None  # (S,): `ideal_bits` by stage
    token_bits: np.ndarray | None = None  # (S, h, w) float32: the same by token, too
    indices: np.ndarray | None = None  # (h, w, M') int32: the codewords sent
    # Makes the picture (H, W, 3) uint8 that the decoder must make of `data`, to the last bit.
    reconstruction: Callable[[], np.ndarray] | None = field(default=None, compare=False)


class EvaluatedCodec(Protocol):
    """A codec with the settings that are to be measured."""

    name: str  # unique in an evaluation, fit for a folder's name
    label: str  # for people
    family: str  # one of `FAMILIES`
    description: str  # one line: the variant, what its times mean
    version: str
    fingerprint: str  # equal for codecs that make the same bytes of the same setting and picture
    settings: Sequence[Setting]
    parallel: bool  # may be sent to other processes; false: it uses all cores by itself

    def warm_up(self) -> None:
        """Does what must not count as coding time: compiling."""

    def encode(self, image: np.ndarray, setting: Setting) -> Encoded:
        """The file of a picture (H, W, 3) uint8; CodecError if there is none."""

    def decode(self, data: bytes) -> np.ndarray:
        """The picture (H, W, 3) uint8 of a file that `encode` made; CodecError if there is none."""


FAMILIES = ("pqmim", "hyperprior", "classical", "external")
"""Of codecs: this project's, the trained baseline, Pillow's, other programs."""
