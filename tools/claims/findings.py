"""The abstract's claims (a) to (d) as statistics of evaluation documents."""

from collections.abc import Callable, Sequence

import numpy as np
from claims.curves import Curve, Interval, interval, mean_gap
from claims.verdict import Finding

from pqmim_jax.evaluation.bd_rate import bd_rate

ON_PAR = 5.0  # percent of rate within which two codecs count as on par
NORMAL_95 = 1.96  # standard errors


def product_quantization(pairs: Sequence[tuple[Curve, Curve]]) -> list[Finding]:
    """(a) of (PQ, plain VQ) for each seed, both with K codewords a codebook."""

    def span(curve: Curve, chosen: np.ndarray) -> float:
        rates = [bpp for bpp, _ in curve.points("psnr", chosen)]
        return max(rates) / min(rates)

    def wider(pq: Curve, vq: Curve) -> Callable:
        return lambda chosen: span(pq, chosen) / span(vq, chosen)

    def gap(pq: Curve, vq: Curve) -> Callable:
        return lambda chosen: mean_gap(vq.points("psnr", chosen), pq.points("psnr", chosen))

    return [
        Finding(
            "a",
            "rates of one PQ model, largest over smallest, over the same of a VQ model",
            "x",
            1.0,
            False,
            [_measured(pq, wider(pq, vq)) for pq, vq in pairs],
        ),
        Finding(
            "a",
            "PSNR of PQ above VQ at the rates that both reach",
            " dB",
            0.0,
            False,
            [_measured(pq, gap(pq, vq)) for pq, vq in pairs],
        ),
    ]


def entropy_model(pairs: Sequence[tuple[Curve, Curve]]) -> list[Finding]:
    """(b) of (staged, one shot) for each seed: one setting each, the same indices."""

    def saved(spent: np.ndarray, other: np.ndarray) -> Callable:
        return lambda chosen: 100 * (1 - spent[0, chosen].sum() / other[0, chosen].sum())

    static, one_shot = [], []
    for staged, alone in pairs:
        bits = staged.metric("ideal_bits")
        static.append(_measured(staged, saved(bits, staged.metric("static_bits"))))
        one_shot.append(_measured(staged, saved(bits, alone.metric("ideal_bits"))))
    return [
        Finding("b", "bits saved against codeword frequencies", "%", 0.0, False, static),
        Finding("b", "bits saved against the MIM in one shot", "%", 0.0, False, one_shot),
    ]


def hyperprior(pairs: Sequence[tuple[Curve, Curve]]) -> list[Finding]:
    """(c) of (PQ-MIM, hyperprior) for each seed."""

    def bd(pq: Curve, other: Curve) -> Callable:
        return lambda chosen: (
            100 * bd_rate(other.points("psnr", chosen), pq.points("psnr", chosen))[0]
        )

    found = [_measured(pq, bd(pq, other)) for pq, other in pairs]
    measure = "BD-rate of PQ-MIM against the hyperprior (PSNR)"
    return [Finding("c", measure, "%", ON_PAR, True, found)]


def perceptual(pairs: Sequence[tuple[Curve, Curve]], sets: Sequence[tuple]) -> list[Finding]:
    """(d) of (perceptual PQ-MIM, HiFiC-style) for each seed.

    `sets` holds for each seed the two codecs' settings from the evaluation document, in the same
    order: FID and KID are of all pictures together.
    """

    def gap(pq: Curve, other: Curve) -> Callable:
        return lambda chosen: mean_gap(other.points("lpips", chosen), pq.points("lpips", chosen))

    lpips = [_measured(pq, gap(pq, other)) for pq, other in pairs]
    return [
        Finding("d", "LPIPS less HiFiC-style's at equal bpp", "", 0.0, True, lpips),
        Finding(
            "d",
            "KID less HiFiC-style's at equal bpp (own features)",
            "",
            0.0,
            True,
            [_kid_gap(*each) for each in sets],
        ),
        Finding(
            "d",
            "FID less HiFiC-style's at equal bpp (own features)",
            "",
            0.0,
            True,
            [_fid_gap(*each) for each in sets],
            "FID of one set of pictures has no interval",
        ),
    ]


def _measured(curve: Curve, statistic: Callable) -> Interval | None:
    return interval(len(curve.files), statistic)


def _kid_gap(ours: list[dict], other: list[dict]) -> Interval | None:
    gap = _set_gap(ours, other, "kid")
    if gap is None:
        return None
    error = np.hypot(*(max(s["kid_standard_error"] for s in each) for each in (ours, other)))
    return Interval(gap, gap - NORMAL_95 * error, gap + NORMAL_95 * error)


def _fid_gap(ours: list[dict], other: list[dict]) -> Interval | None:
    gap = _set_gap(ours, other, "fid")
    return None if gap is None else Interval(gap, -np.inf, np.inf)


def _set_gap(ours: list[dict], other: list[dict], name: str) -> float | None:
    points = [[(s["means"]["bpp"], s[name]) for s in settings] for settings in (other, ours)]
    try:
        return mean_gap(*points)
    except ValueError:
        return None
