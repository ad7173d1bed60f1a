"""This codec beside AVIF, WebP and JPEG at near equal size, on this machine, as Markdown.

    python tools/bench_codec.py photo.jpg other.png [--quality Q] [--model NAME]

Per megapixel, sums over the pictures: *warm* is in one process, the median of several calls; *cold*
a fresh process from its start to the finished file (PPM in and out, for all codecs), the compiled
programs of this codec in the disk cache. Peak memory is of those processes. A second table says
where the time of this codec goes in such a process.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from codec_bench import codecs_compared, processes
from codec_bench.timeline import CODER, OTHER

from pqmim_jax import model_store
from pqmim_jax.evaluation.metrics import psnr
from pqmim_jax.images import encode_image, read_image
from pqmim_jax.loading import load_codec


@dataclass(frozen=True)
class Measured:
    """One codec on one picture; seconds and peak bytes of (encoding, decoding)."""

    name: str
    setting: str
    megapixels: float
    num_bytes: int
    psnr: float
    warm: tuple[float, float]
    cold: tuple[processes.Run, processes.Run]


class Bench:
    """Measures pictures in a folder of its own."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        """Loads the model."""
        self.options = options
        self.folder = folder
        self.codec = load_codec(options.model)
        self.quality = options.quality or self.codec.qualities

    def measure(self, path: Path) -> list[Measured]:
        """All codecs on one picture, which is left in the folder as `picture.ppm`."""
        image = read_image(path)
        (self.folder / "picture.ppm").write_bytes(encode_image(image, ".ppm"))
        own = codecs_compared.ours(self.codec, self.options.model, self.quality)
        others = codecs_compared.others(image, len(own.encode(image)))
        return [self._measure(setting, image) for setting in (own, *others)]

    def empty_cache(self) -> tuple[float, float]:
        """Seconds of compressing and decompressing `picture.ppm`, each with an empty cache."""
        own = codecs_compared.ours(self.codec, self.options.model, self.quality)
        source, file, target = self._files(own)
        seconds = []
        for number, command in enumerate(
            (own.compress(source, file), own.decompress(file, target))
        ):
            cache = {"PQMIM_CACHE_DIR": str(self.folder / f"empty{number}")}
            seconds.append(processes.python(command, cache)[0].seconds)
        return tuple(seconds)

    def phases(self) -> dict[str, dict]:
        """Where the time of `picture.ppm` goes."""
        source, file = self.folder / "picture.ppm", self.folder / "file.pqm"
        model = self.options.model
        return {
            "compress": processes.phases(["compress", source, model, self.quality]),
            "decompress": processes.phases(["decompress", file, model]),
        }

    def _measure(self, setting, image: np.ndarray) -> Measured:
        data = setting.encode(image)
        decoded = setting.decode(data)  # by now all programs are in the disk cache
        source, file, target = self._files(setting)
        repeat = self.options.repeat
        cold = (
            processes.median_run(setting.compress(source, file), repeat),
            processes.median_run(setting.decompress(file, target), repeat),
        )
        if file.read_bytes() != data or not np.array_equal(read_image(target), decoded):
            raise SystemExit(f"{setting.name}: a fresh process gives other bytes or pixels")
        warm = (
            codecs_compared.median_s(lambda: setting.encode(image), repeat),
            codecs_compared.median_s(lambda: setting.decode(data), repeat),
        )
        megapixels = image.shape[0] * image.shape[1] / 1e6
        distortion = psnr(image, decoded)
        return Measured(
            setting.name, setting.setting, megapixels, len(data), distortion, warm, cold
        )

    def _files(self, setting) -> tuple[Path, Path, Path]:
        """The picture, the compressed file, the decompressed picture."""
        names = ("picture.ppm", f"file{setting.suffix}", "decoded.ppm")
        return tuple(self.folder / name for name in names)


def comparison(measured: list[Measured]) -> str:
    """Markdown: a row for each codec."""
    lines = [
        "| codec | setting | bytes | PSNR | encode warm | decode warm | encode cold | decode cold "
        "| peak encode | peak decode |",
        "| --- " * 10 + "|",
    ]
    for name in dict.fromkeys(each.name for each in measured):
        rows = [each for each in measured if each.name == name]
        area = sum(row.megapixels for row in rows)
        warm = [sum(row.warm[way] for row in rows) / area for way in (0, 1)]
        cold = [sum(row.cold[way].seconds for row in rows) / area for way in (0, 1)]
        peak = [max(row.cold[way].peak_bytes for row in rows) / 2**20 for way in (0, 1)]
        cells = [
            name,
            ", ".join(dict.fromkeys(row.setting for row in rows)),
            f"{sum(row.num_bytes for row in rows)}",
            f"{np.mean([row.psnr for row in rows]):.2f} dB",
            *(f"{seconds:.3f} s/MP" for seconds in (*warm, *cold)),
            *(f"{size:.0f} MiB" for size in peak),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def breakdown(found: dict[str, dict]) -> str:
    """Markdown: seconds of each phase of a fresh process, and the share of the host's work."""
    rows: dict[str, dict[str, float]] = {}
    for way, each in found.items():
        known = dict(each["phases"])
        rest = each["process"] - sum(known.values()) - each["total"]
        known = {"start and end Python": rest} | known | each["parts"]
        for name, seconds in known.items():
            rows.setdefault(name, {})[way] = seconds
    lines = [f"| where | {' | '.join(found)} |", "| --- " * (1 + len(found)) + "|"]
    for name in sorted(rows, key=lambda name: name in (CODER, OTHER)):
        seconds = rows[name]
        cells = [f"{seconds[way]:.3f} s" if way in seconds else "-" for way in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    shares = [f"{100 * each['host_share']:.1f}%" for each in found.values()]
    lines.append(f"| share of the host (coder and other work) once loaded | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> None:
    options = parse_options()
    measured = []
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(options, Path(temporary))
        for path in options.images:
            measured += bench.measure(path)
        empty = bench.empty_cache()
        found = bench.phases()
    print(comparison(measured))
    area = measured[-1].megapixels
    print(
        f"\nWith an empty cache, {options.images[-1].name} ({area:.2f} MP): compress "
        f"{empty[0]:.1f} s, decompress {empty[1]:.1f} s.\n"
    )
    print(breakdown(found))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--quality", type=int, help="default: the best")
    parser.add_argument("--model", default=model_store.DEFAULT, help="name, folder or workdir")
    parser.add_argument("--repeat", type=int, default=5, help="runs each (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
