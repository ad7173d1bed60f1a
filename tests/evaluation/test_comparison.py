"""Curves out of documents, and published ones."""

import math

import pytest

from pqmim_jax.evaluation.comparison import compare, compare_with, curve_of, frontier, quality_of
from pqmim_jax.evaluation.published import curves_for


def codec(name, points, metric="psnr"):
    means = [{"bpp": bpp, metric: value} for bpp, value in points]
    return {"name": name, "settings": [{"means": mean} for mean in means]}


CURVE = [(0.1, 25.0), (0.2, 28.0), (0.4, 31.0), (0.8, 33.5)]


def test_beaten_points_are_left_out():
    assert frontier([(3, 1), (1, 2), (2, 2), (4, 5), (4, 6)]) == [(1, 2), (4, 6)]
    assert frontier([]) == []


def test_qualities_rise():
    assert quality_of("psnr", 30.0) == 30.0
    assert quality_of("ms_ssim", 0.99) == pytest.approx(20)
    assert math.isfinite(quality_of("ms_ssim", 1.0))
    assert quality_of("lpips", 0.1) > quality_of("lpips", 0.2)


def test_a_constant_factor_of_the_rate():
    other = codec("half", [(bpp / 2, psnr) for bpp, psnr in CURVE])
    found = compare(codec("full", CURVE), other, "psnr")
    assert found["bd_rate"] == pytest.approx(-0.5)
    assert found["bd_quality"] > 0
    assert found["overlap"] == [25.0, 33.5]
    assert found["note"] is None


def test_less_lpips_is_better():
    reference = codec("a", [(0.1, 0.4), (0.2, 0.3), (0.4, 0.1)], "lpips")
    better = codec("b", [(0.1, 0.3), (0.2, 0.2), (0.4, 0.05)], "lpips")
    found = compare(reference, better, "lpips")
    assert found["bd_rate"] < 0
    assert found["bd_quality"] < 0
    assert found["overlap"] == [0.1, 0.3]


def test_curves_that_do_not_meet_have_a_note():
    found = compare(codec("a", CURVE), codec("b", [(0.1, 50.0), (0.2, 60.0)]), "psnr")
    assert found["bd_rate"] is None
    assert found["bd_quality"] is None
    assert found["overlap"] is None
    assert "in common" in found["note"]


def test_one_point_is_no_curve():
    found = compare(codec("a", CURVE), codec("b", [(0.1, 26.0)]), "psnr")
    assert found["bd_rate"] is None
    assert "measure two settings" in found["note"]


def test_any_codec_or_published_curve_can_be_the_reference():
    codecs = [codec("a", CURVE), codec("b", CURVE)]
    published = [{"name": "paper", "points": [{"bpp": b, "psnr": p} for b, p in CURVE]}]
    assert [row["other"] for row in compare_with("a", codecs, published)] == ["b"]
    assert [row["other"] for row in compare_with("paper", codecs, published)] == ["a", "b"]
    assert compare_with("absent", codecs, published) == []


def test_points_without_the_metric_are_left_out():
    assert curve_of(codec("a", [(0.1, None), (0.2, 30.0)]), "psnr") == [(0.2, 30.0)]
    assert curve_of(codec("a", CURVE), "lpips") == []


KODAK = (
    "052250e8a8b1cd8b 074a0781b33e98aa 149f9b4dae4b9514 17c6e4da0d0f776f 1cac3ccec216bb35 "
    "253d1c0f5dc71756 2d7f7991ea24a310 501d1057eeba483b 561c3ba27120416c 5f0ab04b74f300c0 "
    "5f431689e3897559 69b725997c383ff0 7d4cfad32ad784b1 93ada5efef57dfda a7c8898d0a3dd8a2 "
    "bc6e7c59d0b0aff6 c0f45db9012132ee dda8cada052895d4 e36ae0a6ad83edf1 e6d45b5e2230a1d8 "
    "e8fa36581ce11e67 e9eaec1ee65ebc38 ea865adaa24ae82f f071e5a3746daf71"
)
"""Digests of the pixels of kodim01 to 24, sorted."""


def test_published_curves_are_for_exactly_their_pictures():
    curves = curves_for(reversed(KODAK.split()))
    assert {"BPG 4:4:4", "Scale hyperprior (Ballé 2018)"} <= {curve["name"] for curve in curves}
    for curve in curves:
        rates = [point["bpp"] for point in curve["points"]]
        assert rates == sorted(rates)
        assert all(20 < point["psnr"] < 55 for point in curve["points"])
        assert curve["source"].startswith("https://")
    assert curves_for(KODAK.split()[1:]) == []
    assert curves_for([*KODAK.split(), "0" * 16]) == []
    assert curves_for([]) == []
