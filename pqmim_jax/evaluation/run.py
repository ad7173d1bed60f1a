"""Measures what has not been measured yet: every codec, every setting, every picture."""

import itertools
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np

from pqmim_jax.evaluation.codecs.interface import CodecError, EvaluatedCodec, Setting
from pqmim_jax.evaluation.folder import EvaluationFolder, read_png
from pqmim_jax.evaluation.measurement import Measurement, finite
from pqmim_jax.evaluation.pictures import EvaluatedPicture
from pqmim_jax.evaluation.schema import Record
from pqmim_jax.images import read_image

# Of two pictures (H, W, 3) uint8; None where they are too small for it
PictureMetric = Callable[[np.ndarray, np.ndarray], float | None]
# (items, how many, what they are) -> the same items, while progress is shown
Progress = Callable[[Iterable, int, str], Iterable]
Result = tuple[Record, np.ndarray] | CodecError


@dataclass
class Run:
    """One pass over all measurements; `measure` may be interrupted at any time and run again."""

    folder: EvaluationFolder
    pictures: Sequence[EvaluatedPicture]
    jobs: int = 1  # processes at once, for codecs that are `parallel`
    force: bool = False  # measure anew what is stored
    metrics: dict[str, PictureMetric] = field(default_factory=dict)  # "ms_ssim", "lpips"
    progress: Progress = lambda items, total, name: items
    failures: dict[tuple[str, str], str] = field(default_factory=dict)  # by codec and setting

    def measure(self, codecs: Sequence[EvaluatedCodec]) -> dict[tuple[str, str], list[Record]]:
        """Measures codecs, first those that need the machine for themselves, for honest times.

        A setting at which a codec fails on any picture is left out as a whole, with its reason in
        `failures`: means over other pictures could not be compared.

        Returns:
          records by codec and setting, in the order of `codecs`, their settings and the pictures.

        Raises:
          EvaluationError: a codec broke its promise.
          ImageError, OSError: a picture cannot be read, or a result not be written.
        """
        for codec in codecs:
            if not codec.parallel:
                self._measure_alone(codec)
        self._measure_together([codec for codec in codecs if codec.parallel])
        groups = ((c, s) for c in codecs for s in c.settings)
        return {
            (c.name, s.name): [self._stored(c, s, picture) for picture in self.pictures]
            for c, s in groups
            if (c.name, s.name) not in self.failures
        }

    def _measure_alone(self, codec: EvaluatedCodec) -> None:
        pending = self._pending([codec])
        if pending:
            codec.warm_up()
        results = zip(pending, self._one_by_one(pending), strict=True)
        for measurement, result in self.progress(results, len(pending), codec.name):
            self._finish(measurement, result)

    def _measure_together(self, codecs: Sequence[EvaluatedCodec]) -> None:
        pending = self._pending(codecs)
        if not pending:
            return
        names = ", ".join(dict.fromkeys(m.codec.name for m in pending))
        if self.jobs == 1:
            results = zip(pending, self._one_by_one(pending), strict=True)
        else:
            results = self._in_processes(pending)
        for measurement, result in self.progress(results, len(pending), names):
            self._finish(measurement, result)

    def _pending(self, codecs: Sequence[EvaluatedCodec]) -> list[Measurement]:
        """What is not stored; stored records get the metrics that they lack."""
        pending = []
        for codec, picture in itertools.product(codecs, self.pictures):
            for setting in codec.settings:
                record = None if self.force else self._stored(codec, setting, picture)
                if record is None:
                    pending.append(self._measurement(codec, setting, picture))
                elif any(record[name] is None for name in self.metrics):
                    self._add_metrics(record, picture)
        return pending

    def _stored(
        self, codec: EvaluatedCodec, setting: Setting, picture: EvaluatedPicture
    ) -> Record | None:
        key = self._measurement(codec, setting, picture).key
        return self.folder.find(key, codec.name, setting.name, picture)

    def _measurement(
        self, codec: EvaluatedCodec, setting: Setting, picture: EvaluatedPicture
    ) -> Measurement:
        place = codec.name, setting.name, picture.stem
        target = self.folder.picture_path(*place) if self.folder.keep_pictures else None
        return Measurement(codec, setting, picture, target, self.folder.bits_path(*place))

    def _one_by_one(self, measurements: Sequence[Measurement]) -> Iterator[Result | None]:
        """A result each; None where the setting has failed already."""
        for measurement in measurements:
            failed = _group(measurement) in self.failures
            yield None if failed else _attempt(measurement)

    def _in_processes(
        self, measurements: Sequence[Measurement]
    ) -> Iterator[tuple[Measurement, Result | None]]:
        context = get_context("spawn")  # a fork of a process with JAX's threads may hang
        pool = ProcessPoolExecutor(self.jobs, context, _prepare_process)
        try:
            # Few at once: results hold pictures, and must not pile up.
            queue, running = iter(measurements), {}
            while True:
                for measurement in itertools.islice(queue, 2 * self.jobs - len(running)):
                    if _group(measurement) in self.failures:
                        yield measurement, None
                    else:
                        running[pool.submit(_attempt, measurement)] = measurement
                if not running:
                    if (rest := next(queue, None)) is None:
                        return
                    queue = itertools.chain([rest], queue)
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _finish(self, measurement: Measurement, result: Result | None) -> None:
        if isinstance(result, CodecError):
            self.failures.setdefault(
                _group(measurement), f"{measurement}: {' '.join(str(result).split())}"
            )
        elif result is not None:
            record, decoded = result
            values = self._values(measurement.picture, decoded, self.metrics)
            self.folder.add({**record, **values})

    def _add_metrics(self, record: Record, picture: EvaluatedPicture) -> None:
        path = self.folder.picture_path(record["codec"], record["setting"], picture.stem)
        lacking = [name for name in self.metrics if record[name] is None]
        values = self._values(picture, read_png(path), lacking)
        if any(value is not None for value in values.values()):
            self.folder.add({**record, **values})

    def _values(
        self, picture: EvaluatedPicture, decoded: np.ndarray, names: Iterable[str]
    ) -> dict[str, float | None]:
        original = read_image(picture.path) if names else None
        return {name: finite(self.metrics[name](original, decoded)) for name in names}


def _group(measurement: Measurement) -> tuple[str, str]:
    return measurement.codec.name, measurement.setting.name


def _attempt(measurement: Measurement) -> Result:
    try:
        return measurement.run()
    except CodecError as error:
        return error


def _prepare_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to deal with
    warnings.simplefilter("ignore")  # on pictures: the parent has read them all, and said so
