"""The codecs that are compared: each in this process and as a command in a fresh one."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from codec_bench.processes import HERE

from pqmim_jax.evaluation.codecs.pillow import PILLOW_CODECS, PillowCodec, nearest_in_size

_COMMAND = ("-m", "pqmim_jax")


@dataclass(frozen=True)
class Setting:
    """A codec at one setting for one picture."""

    name: str
    setting: str
    suffix: str
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[bytes], np.ndarray]
    compress: Callable[[Path, Path], list]  # arguments for Python
    decompress: Callable[[Path, Path], list]


def ours(codec, model: str, quality: int) -> Setting:
    """`pqmim` with a packaged model's name or a model folder."""
    options = ("--model", model, "--force")
    return Setting(
        name="pqmim",
        setting=f"quality {quality}",
        suffix=".pqm",
        encode=lambda image: codec.compress(image, quality=quality),
        decode=codec.decompress,
        compress=lambda source, target: [
            *(*_COMMAND, "compress", source, "-o", target, "--quality", quality, *options)
        ],
        decompress=lambda source, target: [
            *(*_COMMAND, "decompress", source, "-o", target, *options)
        ],
    )


def others(image: np.ndarray, num_bytes: int) -> list[Setting]:
    """AVIF (where this Pillow has it), WebP and JPEG at the size nearest to `num_bytes`."""
    codecs = (PILLOW_CODECS[name] for name in ("avif", "webp", "jpeg"))
    return [_nearest(codec, image, num_bytes) for codec in codecs if not codec.missing]


def median_s(run: Callable[[], object], repeat: int) -> float:
    """Median seconds of `repeat` calls, after one that does not count."""
    run()
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _nearest(codec: PillowCodec, image: np.ndarray, num_bytes: int) -> Setting:
    quality, _ = nearest_in_size(codec, image, num_bytes)
    options = json.dumps({**codec.options, "quality": quality})
    script = HERE / "pillow_process.py"
    return Setting(
        name=codec.label,
        setting=f"quality {quality}",
        suffix=f".{codec.format.lower()}",
        encode=lambda image: codec.compress(image, quality),
        decode=codec.decode,
        compress=lambda source, target: [script, source, target, codec.format, options],
        decompress=lambda source, target: [script, source, target, "PPM", "{}"],
    )
