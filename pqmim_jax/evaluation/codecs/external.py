"""Codecs that are programs of their own, where they are installed: BPG, VVC, JPEG XL.

Every picture goes through files, so times include starting the program and writing its input.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pqmim_jax.evaluation.codecs import yuv
from pqmim_jax.evaluation.codecs.interface import CodecError, Encoded, Setting
from pqmim_jax.evaluation.codecs.programs import find_program, run_on_files, version_of

Arguments = Callable[..., list]


@dataclass(frozen=True)
class ExternalCodec:
    """A pair of programs that take PNG files and give them back.

    Their command lines are data: `{program}`, `{source}`, `{target}` and `{value}` stand for what
    their names say.
    """

    name: str
    label: str
    description: str
    programs: tuple[str, str]  # encoder and decoder
    encoder: Sequence[str]  # arguments
    decoder: Sequence[str]
    version_option: str | None  # of the encoder; None: it prints its version without arguments
    suffix: str  # of its files
    knob: str
    values: Sequence[float]  # from small files to large ones
    family: str = "external"
    parallel: bool = True

    @property
    def settings(self) -> list[Setting]:
        """One for each of `values`, named by the knob's first letter: "q32", "d1.5"."""
        return [Setting(f"{self.knob[0]}{v:g}", {self.knob: v}) for v in self.values]

    @property
    def missing(self) -> str | None:
        """Why the codec cannot run here, in one line, or None."""
        absent = [name for name in self.programs if find_program(name) is None]
        return f"{' and '.join(absent)} not found on PATH" if absent else None

    @property
    def version(self) -> str:
        """The first line that the encoder prints about itself."""
        return version_of(self.programs[0], self.version_option)

    @property
    def fingerprint(self) -> str:
        """Of version and command lines."""
        text = f"{self.version} {self.encoder} {self.decoder}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def warm_up(self) -> None:
        """There is nothing to warm up: each picture starts a program anew."""

    def encode(self, image: np.ndarray, setting: Setting) -> Encoded:
        """As `EvaluatedCodec.encode`."""
        value = f"{setting.parameters[self.knob]:g}"
        return Encoded(self._code(0, _to_png(image), (".png", self.suffix), value=value))

    def decode(self, data: bytes) -> np.ndarray:
        """As `EvaluatedCodec.decode`."""
        return _from_png(self._code(1, data, (self.suffix, ".png")), self.programs[1])

    def _code(self, which: int, data: bytes, suffixes: tuple[str, str], **more) -> bytes:
        words = (self.encoder, self.decoder)[which]

        def arguments(source: Path, target: Path) -> list[str]:
            places = {"source": source, "target": target, **more}
            return [self.programs[which], *(word.format(**places) for word in words)]

        return run_on_files(arguments, data, suffixes)


@dataclass(frozen=True)
class VvcCodec(ExternalCodec):
    """VVC through vvenc, which takes raw 4:2:0 video: one frame of 10 bits, BT.709.

    A file is the raw stream behind one byte that says whether the last column (1) and the last
    row (2) only make the sides even.
    """

    def encode(self, image: np.ndarray, setting: Setting) -> Encoded:
        """As `EvaluatedCodec.encode`."""
        height, width = image.shape[:2]
        padded = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        size = f"{padded.shape[1]}x{padded.shape[0]}"
        value = f"{setting.parameters[self.knob]:g}"
        frame = yuv.to_frame(padded)
        stream = self._code(0, frame, (".yuv", self.suffix), value=value, size=size)
        return Encoded(bytes([width % 2 | height % 2 << 1]) + stream)

    def decode(self, data: bytes) -> np.ndarray:
        """As `EvaluatedCodec.decode`."""
        film = self._code(1, data[1:], (self.suffix, ".y4m"))
        try:
            image = yuv.from_y4m(film)
        except ValueError as error:
            raise CodecError(f"{self.programs[1]} wrote no usable picture: {error}") from error
        return image[: image.shape[0] - (data[0] >> 1), : image.shape[1] - (data[0] & 1)]


_QUANTIZERS = (51, 48, 45, 42, 39, 36, 33, 30, 27, 24)

EXTERNAL_CODECS = {
    codec.name: codec
    for codec in (
        ExternalCodec(
            "bpg",
            "BPG",
            "bpgenc, 4:4:4, the build's own HEVC encoder; times with the program's start",
            ("bpgenc", "bpgdec"),
            ("-q", "{value}", "-f", "444", "-o", "{target}", "{source}"),
            ("-o", "{target}", "{source}"),
            None,
            ".bpg",
            "qp",
            _QUANTIZERS,
        ),
        VvcCodec(
            "vvc",
            "VVC (vvenc)",
            "vvencapp, 4:2:0, 10 bits, preset medium, constant QP; times with the program's start",
            ("vvencapp", "vvdecapp"),
            (
                *("-i", "{source}", "-s", "{size}", "-c", "yuv420_10", "-f", "1", "-r", "1"),
                *("--preset", "medium", "--qp", "{value}", "--qpa", "0", "-t", "1"),
                *("-o", "{target}"),
            ),
            ("-b", "{source}", "-o", "{target}", "-t", "1"),
            "--version",
            ".266",
            "qp",
            _QUANTIZERS,
        ),
        ExternalCodec(
            "jxl",
            "JPEG XL",
            "cjxl, effort 7, one thread; times with the program's start",
            ("cjxl", "djxl"),
            ("{source}", "{target}", "-d", "{value}", "-e", "7", "--num_threads=0"),
            ("{source}", "{target}", "--num_threads=0"),
            "--version",
            ".jxl",
            "distance",
            (25, 20, 15, 12, 9, 7, 5, 4, 3, 2, 1),
        ),
    )
}
"""By name; a codec whose programs are not installed says so in `missing`."""


def _to_png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _from_png(data: bytes, program: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.array(image.convert("RGB"))
    except Exception as error:  # a damaged picture makes Pillow raise nearly anything
        raise CodecError(f"{program} wrote no usable PNG file: {error}") from error
