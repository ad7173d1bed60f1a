"""What an evaluation found, as one document of the schema."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from pqmim_jax.evaluation.codecs.interface import EvaluatedCodec, Setting
from pqmim_jax.evaluation.comparison import compare_with
from pqmim_jax.evaluation.feature_scores import FeatureScores
from pqmim_jax.evaluation.metrics import codebook_perplexity
from pqmim_jax.evaluation.published import curves_for
from pqmim_jax.evaluation.run import Run
from pqmim_jax.evaluation.schema import (
    SCHEMA,
    CodecResult,
    Document,
    Means,
    Record,
    SettingResult,
)

_PACKAGES = ("pqmim-jax", "jax", "jaxlib", "flax", "numpy", "pillow", "scipy")

Groups = dict[tuple[str, str], list[Record]]


def build_document(
    run: Run,
    codecs: Sequence[EvaluatedCodec],
    groups: Groups,
    *,
    reference: str,
    scores: FeatureScores | None = None,
    notes: Sequence[str] = (),
    command: str,
) -> Document:
    """Everything measured.

    Args:
      groups: what `run.measure(codecs)` returned.
      reference: name of the codec, or published curve, that the others are compared with.
      scores: computes FID and KID, or None.
      notes: on what was left out before.
    """
    results = [_codec_result(run, codec, groups, scores) for codec in codecs]
    results = [result for result in results if result["settings"]]
    published = curves_for(picture.digest for picture in run.pictures)
    known = {each["name"] for each in (*results, *published)}
    if len(results) > 1 and reference not in known:
        notes = [*notes, f"no BD-rates: the reference {reference!r} was not measured"]
    score_notes = [] if scores is None else scores.notes
    left_out = [f"left out: {reason}" for reason in run.failures.values()]
    return Document(
        schema=SCHEMA,
        pictures={
            "folder": run.pictures[0].path.parent.resolve().name,
            "count": len(run.pictures),
            "pixels": sum(picture.width * picture.height for picture in run.pictures),
        },
        codecs=results,
        features=None if scores is None else scores.describe(),
        published=published,
        bd=compare_with(reference, results, published),
        images=[record for group in groups.values() for record in group],
        notes=[*notes, *run.folder.notes, *left_out, *score_notes, *_notes_on_times(run, codecs)],
        environment=_environment(),
        command=command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def means_of(records: Sequence[Record]) -> Means:
    """Means over the pictures; None where a picture has no value."""

    def mean(name: str) -> float | None:
        values = [record[name] for record in records]
        return None if None in values else float(np.mean(values))

    return Means(**{name: mean(name) for name in Means.__annotations__})


def _codec_result(
    run: Run, codec: EvaluatedCodec, groups: Groups, scores: FeatureScores | None
) -> CodecResult:
    measured = [s for s in codec.settings if (codec.name, s.name) in groups]
    return CodecResult(
        name=codec.name,
        label=codec.label,
        family=codec.family,
        description=codec.description,
        version=codec.version,
        settings=[
            _setting_result(run, codec.name, setting, groups[codec.name, setting.name], scores)
            for setting in measured
        ],
    )


def _setting_result(
    run: Run,
    codec: str,
    setting: Setting,
    records: list[Record],
    scores: FeatureScores | None,
) -> SettingResult:
    fid, kid, error = (None, None, None) if scores is None else scores(records)
    return SettingResult(
        setting=setting.name,
        parameters=setting.parameters,
        images=len(records),
        means=means_of(records),
        stage_bits=_mean_stage_bits(records),
        codebook_perplexity=_perplexity(run, codec, setting.name),
        fid=fid,
        kid=kid,
        kid_standard_error=error,
    )


def _mean_stage_bits(records: list[Record]) -> list[float] | None:
    rows = [record["stage_bits"] for record in records]
    if any(row is None or len(row) != len(rows[0]) for row in rows):
        return None
    return np.mean(rows, axis=0).tolist()


def _perplexity(run: Run, codec: str, setting: str) -> list[float] | None:
    """Of each sub-quantizer's codewords over all pictures; None for codecs that store none."""
    paths = [run.folder.bits_path(codec, setting, picture.stem) for picture in run.pictures]
    if not all(path.is_file() for path in paths):
        return None
    columns = []
    for path in paths:
        with np.load(path, allow_pickle=False) as stored:
            indices = stored["indices"]
            columns.append(indices.reshape(-1, indices.shape[-1]))
    indices = np.concatenate(columns)
    return codebook_perplexity(indices, int(indices.max()) + 1).tolist()


def _notes_on_times(run: Run, codecs: Sequence[EvaluatedCodec]) -> list[str]:
    if run.jobs == 1 or not any(codec.parallel for codec in codecs):
        return []
    return [
        f"seconds of classical and external codecs were taken with {run.jobs} of them running at "
        "once; models ran alone"
    ]


def _environment() -> dict:
    import jax

    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device.platform} {device.device_kind}",
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
