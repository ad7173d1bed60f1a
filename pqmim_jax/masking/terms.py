"""The grammar that all specs share: name(key=value,...), terms joined by "*"."""

import difflib
import re
from collections.abc import Mapping

MAX_SPEC_LENGTH = 256
_TERM = re.compile(r" *([A-Za-z0-9_]+) *(?:\(([^()]*)\) *)?")
_ARGUMENT = re.compile(r" *([A-Za-z0-9_]+) *= *([A-Za-z0-9_.+-]+) *")


def split_terms(spec: str, noun: str) -> list[str]:
    """The texts between the "*" of a spec; ValueError if it is not short ASCII text."""
    if not isinstance(spec, str) or not spec.isascii() or len(spec) > MAX_SPEC_LENGTH:
        raise ValueError(f"a {noun} is ASCII text of at most {MAX_SPEC_LENGTH} characters")
    return spec.split("*")


def parse_term(
    text: str, what: str, defaults: Mapping[str, Mapping[str, str]]
) -> tuple[str, dict[str, str]]:
    """Reads name(key=value,...).

    Args:
      text: the term, spaces around words allowed.
      what: what it is called in errors.
      defaults: names that are allowed, each with its keys and their default values.

    Returns:
      the name, and the text of every value, defaults filled in.

    Raises:
      ValueError: not such a term; the message lists the choices.
    """
    match = _TERM.fullmatch(text)
    if match is None:
        raise ValueError(f"expected name or name(key=value,...) as {what}, not {text!r}")
    name, inside = match.groups()
    if name not in defaults:
        raise ValueError(unknown(what, name, defaults))
    values = dict(defaults[name])
    given = set()
    for argument in inside.split(",") if inside and inside.strip(" ") else ():
        match = _ARGUMENT.fullmatch(argument)
        if match is None:
            raise ValueError(f"expected key=value inside {name}(...), not {argument!r}")
        key, value = match.groups()
        if key not in values:
            raise ValueError(unknown(f"key of {name}", key, values))
        if key in given:
            raise ValueError(f"{key} is given twice inside {name}(...)")
        given.add(key)
        values[key] = value
    return name, values


def unknown(what: str, name: str, choices: Mapping) -> str:
    """One line: the name is none of the choices, which are listed, with the nearest one."""
    nearest = difflib.get_close_matches(name.lower(), choices, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"unknown {what} {name!r}, choices: {', '.join(choices) or 'none'}{hint}"
