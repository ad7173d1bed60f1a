"""What `pqmim evaluate` does once its arguments are settled."""

import argparse
import shlex
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.progress import with_progress


def evaluate(args: argparse.Namespace) -> dict:
    """Measures all codecs asked for, and fills the report's folder if there is to be one.

    Where no reference was asked for, `args.reference` is set to the one that was taken.

    Returns:
      the evaluation document, schema `pqmim-evaluation/1`.

    Raises:
      CommandError: there is nothing to measure, or it cannot be measured as asked.
    """
    from pqmim_jax.evaluation.codecs.choice import load_models, named_codecs
    from pqmim_jax.evaluation.pictures import EvaluationError, find_images, load_pictures
    from pqmim_jax.model_store import DEFAULT

    with ExitStack() as stack:
        try:
            others, notes = named_codecs(args.codecs)
            models = load_models(  # before anything else uses JAX: a codec sets how it computes
                args.model or [DEFAULT], args.quality, args.rate_weights, args.schedule
            )
            metrics = _metrics(args.lpips, notes)
            extractor = _extractor(args.features)
            pictures = load_pictures(find_images(Path(args.folder)))
            run = _prepare(args, stack, pictures, metrics)
            codecs = [*models, *others]
            args.reference = args.reference or _default_reference([each.name for each in codecs])
            return _measure(args, run, codecs, extractor, notes)
        except (EvaluationError, ValueError) as error:
            raise CommandError(str(error)) from error


def _default_reference(names: list[str]) -> str:
    return "jpeg" if "jpeg" in names else names[0]


def _metrics(lpips_file: str | None, notes: list[str]) -> dict:
    """MS-SSIM, and LPIPS where there are weights; a note where there are none."""
    from pqmim_jax.evaluation.perceptual import LpipsMetric, ms_ssim
    from pqmim_jax.weight_files.errors import WeightsError

    metrics = {"ms_ssim": ms_ssim}
    try:
        metrics["lpips"] = LpipsMetric("alexnet", lpips_file)
    except WeightsError as error:
        if lpips_file is not None:
            raise CommandError(f"--lpips: {error}") from error
        notes.append(f"no LPIPS: {error}")
    return metrics


def _extractor(features: str | None):
    """The `FeatureExtractor` that --features names, or None."""
    if features is None:
        return None
    from pqmim_jax.evaluation.perceptual import feature_extractor
    from pqmim_jax.weight_files.errors import WeightsError

    name, _, path = features.partition(":")
    try:
        return feature_extractor(name, path or None)
    except (WeightsError, ValueError) as error:
        raise CommandError(f"--features: {error}") from error


def _prepare(args: argparse.Namespace, stack: ExitStack, pictures: list, metrics: dict):
    """The `Run`: in OUT, or in a folder that goes away with `stack`."""
    from pqmim_jax.cores import usable_cores
    from pqmim_jax.evaluation.folder import EvaluationFolder
    from pqmim_jax.evaluation.run import Run

    keep = args.report is not None
    path = args.report if keep else stack.enter_context(tempfile.TemporaryDirectory())
    needs_pictures = keep or args.features is not None
    folder = EvaluationFolder(Path(path), keep_pictures=needs_pictures)
    return Run(
        folder,
        pictures,
        jobs=args.jobs or usable_cores(),
        force=args.force,
        metrics=metrics,
        progress=with_progress,
    )


def _measure(args: argparse.Namespace, run, codecs: list, extractor, notes: list[str]) -> dict:
    from pqmim_jax.evaluation.document import build_document
    from pqmim_jax.evaluation.feature_scores import FeatureScores
    from pqmim_jax.evaluation.schema import to_json
    from pqmim_jax.images import write_atomically

    groups = run.measure(codecs)
    scores = None
    if extractor is not None:
        scores = FeatureScores(extractor, run.folder, run.pictures)
    document = build_document(
        run,
        codecs,
        groups,
        reference=args.reference,
        scores=scores,
        notes=notes,
        command=shlex.join(["pqmim", *sys.argv[1:]]),
    )
    if args.report is not None:
        from pqmim_jax.evaluation.html import write_report

        text = to_json(document).encode()
        write_atomically(run.folder.path / "evaluation.json", text, overwrite=True)
        print(write_report(run.folder.path, Path(args.folder), overwrite=True), file=sys.stderr)
    return document
