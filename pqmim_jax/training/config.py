"""Config files with `--config.a.b=c` overrides, locked: a misspelt key is an error."""

import ast
import difflib
import importlib.util
import json
import math
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict, FrozenConfigDict

from pqmim_jax.masking.terms import parse_term


class ConfigError(ValueError):
    """A config file or an override cannot be used."""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> FrozenConfigDict:
    """Runs `get_config()` of a Python file and applies overrides.

    Args:
      path: the config file.
      overrides: strings "a.b=value", values as Python literals or plain strings.

    Returns:
      the resolved config, frozen.

    Raises:
      ConfigError: no such file, no `get_config`, unknown key (with the nearest right name) in the
        file or an override, or a value of the wrong type.
    """
    config = _run_config_file(Path(path))
    config.lock()
    for override in overrides:
        key, sep, value = override.partition("=")
        if not sep:
            raise ConfigError(f"override {override!r} is not of the form --config.key=value")
        _assign(config, key, value)
    apply_rate_law(config)
    return FrozenConfigDict(config)


def apply_rate_law(config: ConfigDict) -> None:
    """Fills `codec.rate_weights` by `codec.rate_law`, where there is one.

    Raises:
      ConfigError: the law is malformed, or there are other weights besides.
    """
    law = config.get("codec", {}).get("rate_law", "")
    if not law:
        return
    try:
        weights = law_weights(law, config.autoencoder.num_codebooks)
    except ValueError as error:
        raise ConfigError(f"codec.rate_law: {error}") from error
    if config.codec.rate_weights and tuple(config.codec.rate_weights) != weights:
        raise ConfigError("codec.rate_weights and codec.rate_law exclude each other: empty one")
    config.codec.rate_weights = weights


def law_weights(law: str, num_codebooks: int) -> tuple[float, ...]:
    """Lambda of qualities 1..M by a law.

    Args:
      law: `exponential(last=..,slope=..,most=..)`: last * exp(slope * (M - q)), at most `most`.
      num_codebooks: M.

    Returns:
      M values, rounded to tenths, in squared error (8-bit units, summed over a token) a bit.

    Raises:
      ValueError: not such a law.
    """
    defaults = {"exponential": {"last": "25", "slope": "0.16", "most": "12000"}}
    _, values = parse_term(law, "law", defaults)
    try:
        last, slope, most = (float(values[name]) for name in ("last", "slope", "most"))
    except ValueError as error:
        raise ValueError(f"values of {law!r} must be numbers") from error
    if not (0 < last <= most < math.inf and 0 <= slope < math.inf):
        raise ValueError(f"{law!r} needs 0 < last <= most and slope >= 0")
    below = range(num_codebooks - 1, -1, -1)
    return tuple(round(min(most, last * math.exp(min(slope * q, 100))), 1) for q in below)


def _run_config_file(path: Path) -> ConfigDict:
    if not path.is_file():
        raise ConfigError(f"config file not found: {path}")
    spec = importlib.util.spec_from_file_location("pqmim_config", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise ConfigError(f"{path} does not define get_config()")
    try:
        return module.get_config()
    except (KeyError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: {error.args[0]}") from error


def _assign(config: ConfigDict, key: str, value: str) -> None:
    known = flat_keys(config)
    if key not in known:
        nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"; did you mean --config.{nearest[0]}?" if nearest else ""
        raise ConfigError(f"unknown key --config.{key}{hint}")
    current = known[key]
    try:
        config.update_from_flattened_dict({key: _parse(value, current)})
    except (TypeError, ValueError, SyntaxError) as e:
        kind = type(current).__name__
        raise ConfigError(
            f"--config.{key} must be a {kind} (now {current!r}), got {value!r}"
        ) from e


def _parse(value: str, current):
    if isinstance(current, str):
        return value
    if isinstance(current, bool):
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    if isinstance(current, int | float):
        return type(current)(value)
    if value[:1] in ("(", "["):
        return tuple(ast.literal_eval(value))
    # Spelled without brackets, items are of the kind of those that are there, else text.
    kind = current[0] if current and isinstance(current[0], int | float) else ""
    return tuple(_parse(item, kind) for item in value.split(","))


def flat_keys(config: ConfigDict, prefix: str = "") -> dict:
    """Leaves of a config by their dotted names."""
    leaves = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict | FrozenConfigDict):
            leaves |= flat_keys(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves


def from_json(text: str) -> FrozenConfigDict:
    """Inverse of `to_json`."""
    return FrozenConfigDict(json.loads(text))


def to_json(config: ConfigDict | FrozenConfigDict) -> str:
    """Resolved config as JSON, keys sorted; tuples become lists."""
    return ConfigDict(config).to_json_best_effort(indent=1, sort_keys=True)
