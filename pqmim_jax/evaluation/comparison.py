"""Curves of an evaluation against each other: Bjontegaard's differences."""

import math
from collections.abc import Sequence

from pqmim_jax.evaluation.schema import CodecResult, Comparison, PublishedCurve

METRICS = ("psnr", "ms_ssim", "lpips")

Point = tuple[float, float]  # bits per pixel, quality (higher is better)


def quality_of(metric: str, value: float) -> float:
    """A metric's mean as a quality that rises: dB of PSNR, -10 log10(1 - MS-SSIM), -LPIPS."""
    if metric == "ms_ssim":
        return -10 * math.log10(max(1 - value, 1e-12))
    return -value if metric == "lpips" else value


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both rate and quality, by rising rate."""
    best: list[Point] = []
    for rate, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or quality > best[-1][1]:
            best.append((rate, quality))
    return best


def curve_of(result: CodecResult | PublishedCurve, metric: str) -> list[Point]:
    """A codec's or published curve as its frontier; points without the metric are left out."""
    if "settings" in result:
        means = [setting["means"] for setting in result["settings"]]
    else:
        means = result["points"]
    values = [(mean["bpp"], mean.get(metric)) for mean in means]
    return frontier([(bpp, quality_of(metric, v)) for bpp, v in values if v is not None])


def compare_with(
    reference: str, codecs: Sequence[CodecResult], published: Sequence[PublishedCurve]
) -> list[Comparison]:
    """Every other codec against the one, or the published curve, called `reference`."""
    by_name = {**{curve["name"]: curve for curve in published}, **{c["name"]: c for c in codecs}}
    if reference not in by_name:
        return []
    return [
        compare(by_name[reference], other, metric)
        for other in codecs
        if other["name"] != reference
        for metric in METRICS
        if curve_of(other, metric) and curve_of(by_name[reference], metric)
    ]


def compare(
    reference: CodecResult | PublishedCurve, other: CodecResult | PublishedCurve, metric: str
) -> Comparison:
    """BD-rate and BD-quality of one curve against another, or why there is none."""
    from pqmim_jax.evaluation.bd_rate import bd_quality, bd_rate

    curves = curve_of(reference, metric), curve_of(other, metric)
    values: dict = {"bd_rate": None, "bd_quality": None, "overlap": None, "note": None}
    if min(map(len, curves)) < 2:
        values["note"] = "a curve of one point: measure two settings or more"
        return Comparison(reference=reference["name"], other=other["name"], metric=metric, **values)
    try:
        rate, overlap = bd_rate(*curves)
        sign = -1 if metric == "lpips" else 1
        values |= {"bd_rate": rate, "overlap": sorted(sign * end for end in overlap)}
        values["bd_quality"] = sign * bd_quality(*curves)[0]
    except ValueError as error:
        values["note"] = str(error)
    return Comparison(reference=reference["name"], other=other["name"], metric=metric, **values)
