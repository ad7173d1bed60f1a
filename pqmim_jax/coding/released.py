"""Models that came with releases of the package, by what their files say of them.

Files outlive the models that made them: a reader that lacks one can say who has it. A row is never
taken out; that of a model which is no longer packaged gets the last version that held it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReleasedModel:
    """A model that is packaged, or was.

    Attributes:
        name: under which it is packaged.
        format_version: of its files.
        fingerprint: in its files.
        decoder: in its files; None before format version 3, which brought that field.
        last_version: of the package that held it; None where this one does.
    """

    name: str
    format_version: int
    fingerprint: int
    decoder: int | None
    last_version: str | None


RELEASED = (
    ReleasedModel("small", 2, 0xE025, None, "0.1.0"),
    ReleasedModel("small-perceptual", 2, 0x019D, None, "0.1.0"),
    ReleasedModel("small", 3, 0x198EB3B7, 0x4DC7, None),
    ReleasedModel("small-perceptual", 3, 0x198EB3B7, 0x0C1D, None),
)


def released_model(
    format_version: int, fingerprint: int, decoder: int | None = None
) -> ReleasedModel | None:
    """The model that made a file; else one that differs in its decoder only; None: none did."""
    alike = [
        row
        for row in RELEASED
        if (row.format_version, row.fingerprint) == (format_version, fingerprint)
    ]
    return next((row for row in alike if row.decoder == decoder), alike[0] if alike else None)


def where_to_find(format_version: int, fingerprint: int, decoder: int) -> str:
    """What ends a line on a file of another model: who has that one; "" if nobody knows."""
    model = released_model(format_version, fingerprint, decoder)
    if model is None:
        return ""
    if model.last_version is None:
        return f": model {model.name!r} of this package; choose it with --model {model.name}"
    return (
        f": model {model.name!r} of pqmim_jax {model.last_version}, which this version no longer "
        f"packages; install pqmim-jax=={model.last_version}, or give its folder with --model"
    )
