"""From what a user names to codecs."""

import re
from collections.abc import Sequence
from pathlib import Path

from pqmim_jax import hyperprior_store
from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.codecs.external import EXTERNAL_CODECS, ExternalCodec
from pqmim_jax.evaluation.codecs.hyperprior import HyperpriorBaseline
from pqmim_jax.evaluation.codecs.interface import EvaluatedCodec
from pqmim_jax.evaluation.codecs.pillow import PILLOW_CODECS, PillowCodec
from pqmim_jax.evaluation.codecs.pqmim import PqmimCodec
from pqmim_jax.model_store import kind_of

_GROUPS = {
    "classical": tuple(PILLOW_CODECS),
    "external": tuple(EXTERNAL_CODECS),
    "all": (*PILLOW_CODECS, *EXTERNAL_CODECS),
}

CODEC_CHOICES = (*PILLOW_CODECS, *EXTERNAL_CODECS, *_GROUPS)
"""What `named_codecs` takes."""


def named_codecs(names: Sequence[str]) -> tuple[list[PillowCodec | ExternalCodec], list[str]]:
    """Codecs by name or group, each once.

    Returns:
      those that run here, and for each other one a line that says why it does not.

    Raises:
      ValueError: an unknown name.
    """
    for name in names:
        if name not in CODEC_CHOICES:
            raise ValueError(f"unknown codec {name!r}; there are: {', '.join(CODEC_CHOICES)}")
    wanted = dict.fromkeys(each for name in names for each in _GROUPS.get(name, (name,)))
    codecs = [{**PILLOW_CODECS, **EXTERNAL_CODECS}[name] for name in wanted]
    notes = [f"{c.name} left out: {c.missing}" for c in codecs if c.missing]
    return [codec for codec in codecs if not codec.missing], notes


def load_models(
    models: Sequence[str | Path],
    qualities: Sequence[int] | None = None,
    rate_weights: Sequence[float] | None = None,
    schedule: str | None = None,
) -> list[EvaluatedCodec]:
    """Trained models: packaged names, model folders or training workdirs.

    Args:
      qualities: to measure, each with the models that have it; default all of each model's.
      rate_weights: lambdas to measure each PQ-MIM quality at; default the model's own.
      schedule: coding order of PQ-MIM models; default the model's own.

    Raises:
      ModelError: no such model, or a damaged one.
      ValueError: an option is not usable with a model.
    """
    codecs = [
        HyperpriorBaseline(model)
        if kind_of(model) == hyperprior_store.KIND
        else PqmimCodec(Codec.load(model), rate_weights, schedule)
        for model in models
    ]
    if qualities:
        _keep_qualities(codecs, list(dict.fromkeys(qualities)))
    taken = dict.fromkeys(_GROUPS["all"], "")  # name to fingerprint
    distinct = []
    for codec in codecs:
        codec.name = re.sub(r"[^\w.+-]+", "_", codec.name).lstrip(".") or "model"
        if taken.get(codec.name, codec.fingerprint) != codec.fingerprint:
            codec.name = f"{codec.name}-{codec.fingerprint[:4]}"
        elif codec.name in taken:
            continue  # the same model twice
        taken[codec.name] = codec.fingerprint
        distinct.append(codec)
    return distinct


def _keep_qualities(codecs: Sequence[EvaluatedCodec], qualities: list[int]) -> None:
    """Leaves each model those of `qualities` that it has, in their order.

    Raises:
      ValueError: a quality that no model has, or a model without any of them.
    """
    largest = max(setting.parameters["quality"] for c in codecs for setting in c.settings)
    for quality in qualities:
        if not 1 <= quality <= largest:
            models = " and ".join(repr(codec.name) for codec in codecs)
            raise ValueError(
                f"--quality must be from 1 to {largest} with model {models}, got {quality}"
            )
    for codec in codecs:
        available = max(setting.parameters["quality"] for setting in codec.settings)
        codec.settings = [
            setting
            for quality in qualities
            for setting in codec.settings
            if setting.parameters["quality"] == quality
        ]
        if not codec.settings:
            raise ValueError(f"--quality: model {codec.name!r} has qualities 1 to {available} only")
