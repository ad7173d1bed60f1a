"""Classical codecs through Pillow: what anybody can use today."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import PIL
from PIL import Image, features

from pqmim_jax.evaluation.codecs.interface import CodecError, Encoded, Setting


@dataclass(frozen=True)
class PillowCodec:
    """A format of Pillow's and the values of its quality knob that are measured.

    Times are of memory to memory, in one thread.
    """

    name: str
    label: str
    description: str
    format: str  # Pillow's name
    feature: str  # what `PIL.features` calls its library
    options: dict  # of `Image.save`, the same at every setting
    knob: str  # "quality" (higher is better) or "ratio" (of raw bytes to bytes; lower is better)
    values: Sequence[int]  # from small files to large ones
    family: str = "classical"
    parallel: bool = True

    @property
    def settings(self) -> list[Setting]:
        """One for each of `values`, named "q50" or "r50"."""
        return [Setting(f"{self.knob[0]}{v}", {self.knob: v}) for v in self.values]

    @property
    def version(self) -> str:
        """Of Pillow and of the format's library."""
        library = features.version(self.feature)
        if self.feature == "jpg" and features.check("libjpeg_turbo"):
            library = f"libjpeg-turbo {features.version('libjpeg_turbo')}"
        return f"Pillow {PIL.__version__}, {library}"

    @property
    def fingerprint(self) -> str:
        """Of version and options."""
        text = f"{self.format} {self.version} {sorted(self.options.items())}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def missing(self) -> str | None:
        """Why the codec cannot run here, in one line, or None."""
        if features.check(self.feature):
            return None
        return f"this Pillow ({PIL.__version__}) was built without {self.label}"

    def warm_up(self) -> None:
        """There is nothing to warm up."""

    def encode(self, image: np.ndarray, setting: Setting) -> Encoded:
        """As `EvaluatedCodec.encode`."""
        return Encoded(self.compress(image, setting.parameters[self.knob]))

    def compress(self, image: np.ndarray, value: int) -> bytes:
        """The whole file of a picture (H, W, 3) uint8 at a value of the knob."""
        buffer = io.BytesIO()
        try:
            Image.fromarray(image).save(buffer, self.format, **self.options, **self._knob(value))
        except (OSError, ValueError) as error:  # such as a side longer than the format allows
            raise CodecError(f"Pillow cannot save it as {self.label}: {error}") from error
        return buffer.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        """Inverse of `compress`: uint8 (H, W, 3)."""
        with Image.open(io.BytesIO(data), formats=[self.format]) as image:
            return np.array(image.convert("RGB"))

    def _knob(self, value: int) -> dict:
        if self.knob == "ratio":
            return {"quality_mode": "rates", "quality_layers": [value]}
        return {"quality": value}


_QUALITIES = (10, 15, 20, 30, 40, 50, 60, 70, 80, 90)

PILLOW_CODECS = {
    codec.name: codec
    for codec in (
        PillowCodec(
            "jpeg",
            "JPEG",
            "4:2:0, optimised Huffman tables, baseline",
            "JPEG",
            "jpg",
            {"optimize": True, "subsampling": "4:2:0"},
            "quality",
            (1, 2, 3, 5, 7, *_QUALITIES, 95),
        ),
        PillowCodec(
            "jpeg2000",
            "JPEG 2000",
            "irreversible 9/7 wavelet, colour transform, one layer",
            "JPEG2000",
            "jpg_2000",
            {"irreversible": True, "mct": 1},
            "ratio",
            (600, 400, 300, 240, 200, 160, 120, 90, 60, 40, 30, 20, 12, 8),
        ),
        PillowCodec(
            "webp",
            "WebP",
            "lossy (always 4:2:0), method 6",
            "WEBP",
            "webp",
            {"method": 6},
            "quality",
            (0, 1, 2, 5, *_QUALITIES),
        ),
        # The number of threads decides how libavif tiles a picture, and so about its bytes.
        PillowCodec(
            "avif",
            "AVIF",
            "4:2:0, 8 bits, speed 6, one thread",
            "AVIF",
            "avif",
            {"speed": 6, "max_threads": 1},
            "quality",
            (0, 5, *_QUALITIES[:-1]),
        ),
    )
}
"""By name; not every Pillow has all of them (`PillowCodec.missing`)."""


def with_values(name: str, values: Sequence[int]) -> PillowCodec:
    """The codec of this name with other settings."""
    return replace(PILLOW_CODECS[name], values=tuple(values))


def nearest_in_size(codec: PillowCodec, image: np.ndarray, target: int) -> tuple[int, bytes]:
    """The quality, of 1 to 95, whose file comes nearest to `target` bytes.

    Returns:
      the quality and the file.
    """
    low, high = 1, 95  # a higher setting never gives a smaller file by much: bisection finds it
    while high - low > 1:
        middle = (low + high) // 2
        if len(codec.compress(image, middle)) < target:
            low = middle
        else:
            high = middle
    files = {quality: codec.compress(image, quality) for quality in (low, high)}
    quality = min(files, key=lambda q: abs(len(files[q]) - target))
    return quality, files[quality]
