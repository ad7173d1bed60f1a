"""From a config to what is to be done: trainings, and cells measured on them. Pure functions."""

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from pqmim_jax.masking import canonical, spatial_keys, stage_count
from pqmim_jax.training.config import ConfigError, flat_keys

_DECIDES = ("mim", "codec", "mim_training", "sharding_rules", "seed")


@dataclass(frozen=True)
class Training:
    """One MIM to be trained."""

    factors: dict[str, Any]  # dotted config key -> value
    seed: int
    config: FrozenConfigDict  # resolved
    key: str  # digest of what decides about its weights


@dataclass(frozen=True)
class Cell:
    """One schedule measured on one trained MIM."""

    training: Training
    schedule: str  # canonical
    window: int  # tokens a side
    stages: int  # S of the schedule on such a window
    key: str


@dataclass(frozen=True)
class Plan:
    """Everything to be done, in order."""

    trainings: tuple[Training, ...]
    cells: tuple[Cell, ...]
    reference: str  # canonical schedule of the cells to compare with


def make_plan(config: FrozenConfigDict, num_codebooks: int, data_key: str) -> Plan:
    """The plan of a config.

    Args:
      config: resolved, with the fields of `ablation.default_config`.
      num_codebooks: M of the autoencoder.
      data_key: digest of the codes that are trained and evaluated on, and of the autoencoder.

    Raises:
      ConfigError: a factor that the config has not, nothing to vary, or a reference that is not
        measured.
      ValueError: a schedule that is none.
    """
    options = config.ablation
    if not options.seeds or len(set(options.seeds)) < len(options.seeds):
        raise ConfigError(f"ablation.seeds must be different numbers, got {options.seeds}")
    trainings = [
        _training(config, factors, int(seed), data_key)
        for factors in training_factors(config)
        for seed in options.seeds
    ]
    codings = coding_grid(config)
    reference = canonical(options.reference)
    if reference not in [schedule for schedule, _ in codings]:
        raise ConfigError(
            f"ablation.reference {reference!r} is not measured; measured are: "
            f"{', '.join(dict.fromkeys(schedule for schedule, _ in codings))}"
        )
    cells = [_cell(each, *coding, num_codebooks) for each in trainings for coding in codings]
    return Plan(tuple(trainings), tuple(cells), reference)


def training_factors(config) -> list[dict[str, Any]]:
    """The combinations of `ablation.training`: dotted keys of the config to values."""
    factors = flat_keys(config.ablation.training)
    known = flat_keys(config)
    for key, values in factors.items():
        if key not in known:
            raise ConfigError(f"ablation.training.{key}: the config has no {key}")
        if not isinstance(values, tuple | list) or not values:
            raise ConfigError(f"ablation.training.{key} must be a tuple of values, got {values!r}")
    return combine(factors, config.ablation.training_combine, "ablation.training_combine")


def coding_grid(config) -> list[tuple[str, int]]:
    """(canonical schedule, window) of every cell of a training, without repeats."""
    options = config.ablation
    factors = flat_keys(options.coding)
    windows = tuple(factors["window"])
    if not windows or not all(0 <= window <= config.codec.window for window in windows):
        raise ConfigError(
            f"ablation.coding.window must be tokens up to the trained {config.codec.window}, "
            f"got {windows}"
        )
    name = "ablation.coding_combine"
    combined = [
        (schedule_of(**{k: v for k, v in values.items() if k != "window"}), values["window"])
        for values in combine(factors, options.coding_combine, name)
    ]
    listed = itertools.product(map(canonical, options.schedules), windows)
    trained = config.codec.window
    found = [(schedule, window or trained) for schedule, window in (*combined, *listed)]
    return list(dict.fromkeys(found))


def combine(factors: dict[str, Sequence], how: str, name: str) -> list[dict[str, Any]]:
    """All combinations of the factors' values ("product"), or the i-th of each ("zip").

    With "zip", a factor of one value keeps it throughout.

    Raises:
      ConfigError: another `how` (of the config field `name`), or lists of different lengths.
    """
    if how == "product":
        rows = itertools.product(*factors.values())
    elif how == "zip":
        longest = max((len(values) for values in factors.values()), default=0)
        if any(len(values) not in (1, longest) for values in factors.values()):
            raise ConfigError(f"{name} zip: all factors must have {longest} values, or one")
        full = [
            values if len(values) == longest else values * longest
            for values in map(tuple, factors.values())
        ]
        rows = zip(*full, strict=True)
    else:
        raise ConfigError(f"unknown {name} {how!r}; choices: product, zip")
    return [dict(zip(factors, row, strict=True)) for row in rows]


def schedule_of(order: str, stages: int, alpha: float, phase: int, codebook: str) -> str:
    """Canonical spec of a spatial order with those of the values that it takes.

    `quincunx` gets the number of levels whose 2 levels + 1 stages are nearest to `stages`.
    """
    levels = max(1, round((stages - 1) / 2))
    values = {"stages": stages, "levels": levels, "alpha": alpha, "phase": phase}
    inside = ",".join(f"{key}={values[key]}" for key in spatial_keys(order) if key in values)
    return canonical(f"{order}({inside})*{codebook}")


def series_of(schedule: str) -> str:
    """A canonical schedule without its number of stages: what a curve over stages is called."""
    bare = re.sub(r"(stages|levels)=[0-9]+,?", "", schedule)
    return bare.replace("()", "").replace(",)", ")")


def factor_columns(config) -> dict[str, str]:
    """Dotted key of each training factor -> its column: the last word where that is enough."""
    keys = list(flat_keys(config.ablation.training))
    last = [key.rpartition(".")[2] for key in keys]
    return {
        key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)
    }


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits over a JSON-able value."""
    text = json.dumps(value, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _training(config, factors: dict[str, Any], seed: int, data_key: str) -> Training:
    resolved = ConfigDict(config)
    try:
        resolved.update_from_flattened_dict({**factors, "seed": seed})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"ablation.training: {error}") from error
    values = {name: value for name, value in resolved.to_dict().items() if name in _DECIDES}
    return Training(factors, seed, FrozenConfigDict(resolved), digest([values, data_key]))


def _cell(training: Training, schedule: str, window: int, num_codebooks: int) -> Cell:
    stages = stage_count(schedule, (window, window, num_codebooks))
    key = digest([training.key, schedule, window])
    return Cell(training, schedule, window, stages, key)
