"""Rate-distortion curves from the literature, each over one set of pictures.

A file a set, `<set>.json`: what the pictures are, the digests of their pixels, where the numbers
come from, how their means were taken, and for each curve the date of the method's publication.
"""

import json
from collections.abc import Iterable
from importlib import resources

from pqmim_jax.evaluation.schema import PublishedCurve

_SETS = ("kodak",)


def curves_for(digests: Iterable[str]) -> list[PublishedCurve]:
    """The curves over exactly these pictures; none where they are no set that has any.

    A published mean is over its whole set, so a part of the set, or more than the set, does not
    count. Names and file formats do not matter, pixels do.

    Args:
      digests: of the pictures' pixels, `pictures.pixel_digest`.
    """
    wanted = sorted(digests)
    for name in _SETS:
        text = (resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8")
        stored = json.loads(text)
        if stored["pixel_digests"] == wanted:
            return [_curve(stored, curve) for curve in stored["curves"]]
    return []


def _curve(stored: dict, curve: dict) -> PublishedCurve:
    return PublishedCurve(
        name=curve["name"],
        source=stored["source"],
        date=curve["date"],
        averaging=stored["averaging"],
        points=curve["points"],
    )
