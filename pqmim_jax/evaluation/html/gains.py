"""How much better or worse one picture fared than in another codec's file of equal size."""

import math
from collections import defaultdict

import numpy as np


def gains_at_equal_rate(records: list[dict]) -> list[dict[str, float]]:
    """PSNR of each record less that of every other codec at the record's bits per pixel.

    Between the other codec's settings for the same picture PSNR is taken as linear in log bpp;
    beyond its smallest and largest file there is no value.

    Returns:
      one dict a record, from the other codec's name to dB; negative where the record is worse.
    """
    curves: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        if record["psnr"] is not None:
            point = (math.log(record["bpp"]), record["psnr"])
            curves[record["file"], record["codec"]].append(point)
    others: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for (file, codec), points in curves.items():
        others[file][codec] = np.array(sorted(points)).T
    return [_gains(record, others[record["file"]]) for record in records]


def _gains(record: dict, curves: dict[str, np.ndarray]) -> dict[str, float]:
    if record["psnr"] is None:
        return {}
    rate = math.log(record["bpp"])
    return {
        codec: record["psnr"] - float(np.interp(rate, rates, psnr))
        for codec, (rates, psnr) in curves.items()
        if codec != record["codec"] and rates[0] <= rate <= rates[-1]
    }


def primary_codec(document: dict) -> str:
    """The codec that the report is about: the first PQ-MIM codec, or else the first of all."""
    codecs = document["codecs"]
    ours = [codec for codec in codecs if codec["family"] == "pqmim"]
    return (ours or codecs)[0]["name"]


def reference_codec(document: dict) -> str | None:
    """What the primary codec is compared with: the reference of the BD table, or the first other.

    A reference that was never measured does not count. None where there is one codec only.
    """
    primary = primary_codec(document)
    names = [codec["name"] for codec in document["codecs"] if codec["name"] != primary]
    asked = [row["reference"] for row in document["bd"] if row["reference"] in names]
    return next(iter([*asked, *names]), None)


def worst_first(records: list[dict], gains: list[dict], codec: str, reference: str | None) -> list:
    """Files by the codec's mean gain over the reference, or by mean PSNR where there is none."""
    scores = defaultdict(list)
    for record, gain in zip(records, gains, strict=True):
        if record["codec"] == codec:
            scores[record["file"]].append((gain.get(reference), record["psnr"]))

    def score(file):
        known = [gain for gain, _ in scores[file] if gain is not None]
        psnr = [value for _, value in scores[file] if value is not None]
        return (not known, np.mean(known or psnr or [math.inf]), file)

    return sorted(scores, key=score)
