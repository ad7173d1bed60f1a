import numpy as np
import pytest
from claims import findings, tiny_files
from claims.curves import Curve, Interval, interval, mean_gap
from claims.trainings import BATCH, CROP, MIM_BATCH, WINDOW, Budget, trainings
from claims.verdict import FAILS, HOLDS, UNKNOWN, Finding, to_markdown

PICTURES = 12


def document(codec, rates, gain=0.0, bits=1000.0, noise=0.05):
    """An evaluation of one codec whose PSNR rises by 6 dB with every doubling of the rate."""
    rng = np.random.default_rng(0)
    base = 25 + rng.normal(size=PICTURES)
    records = [
        {
            "codec": codec,
            "setting": f"s{number}",
            "file": f"{picture}.png",
            "bpp": rate,
            "psnr": base[picture] + 6 * np.log2(rate / 0.1) + gain + noise * rng.normal(),
            "lpips": 0.5 - 0.1 * np.log2(rate / 0.1) - gain / 10,
            "ideal_bits": bits * rate,
            "static_bits": 1000.0 * rate,
        }
        for number, rate in enumerate(rates)
        for picture in range(PICTURES)
    ]
    return {"images": records}


def curve(*args, **options):
    return Curve(document("ours", *args, **options), "ours")


RATES = (0.05, 0.1, 0.2, 0.4)


def test_intervals_hold_their_value_and_shrink_with_more_pictures():
    rng = np.random.default_rng(1)
    few, many = rng.normal(size=10), rng.normal(size=1000)
    short, long = (interval(len(v), lambda i, v=v: v[i].mean()) for v in (many, few))
    for found, values in ((long, few), (short, many)):
        assert found.low < found.value < found.high
        assert found.value == pytest.approx(values.mean())
    assert short.high - short.low < (long.high - long.low) / 3
    # Of a normal sample: 1.96 standard errors each way.
    assert short.high - short.low == pytest.approx(2 * 1.96 / np.sqrt(1000), rel=0.15)


def test_a_statistic_without_a_value_has_no_interval():
    def undefined(chosen):
        raise ValueError("no overlap")

    assert interval(5, undefined) is None


def test_mean_gap_of_parallel_curves_is_their_distance():
    lower = [(0.1, 20.0), (0.4, 32.0)]
    upper = [(0.2, 27.5), (0.8, 39.5)]
    assert mean_gap(lower, upper) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="no rate in common"):
        mean_gap(lower, [(0.5, 30.0), (0.9, 31.0)])


@pytest.mark.parametrize(
    ("found", "lower_is_better", "verdict"),
    [
        ((1.0, 0.5, 1.5), False, HOLDS),
        ((1.0, 0.5, 1.5), True, FAILS),
        ((-1.0, -1.5, -0.5), True, HOLDS),
        ((0.1, -0.5, 0.7), False, UNKNOWN),
        ((0.1, -np.inf, np.inf), False, UNKNOWN),
        (None, False, UNKNOWN),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(found, lower_is_better, verdict):
    found = None if found is None else Interval(*found)
    assert Finding("a", "m", "", 0.0, lower_is_better, [found]).verdict == verdict


def test_seeds_that_disagree_show_nothing():
    sides = [Interval(1, 0.5, 1.5), Interval(-1, -1.5, -0.5)]
    assert Finding("a", "m", "", 0.0, False, sides).verdict == UNKNOWN


def test_product_quantization_is_judged_by_range_and_by_psnr():
    pq, vq = curve(RATES, gain=1.0), curve((0.1, 0.15))
    wider, better = findings.product_quantization([(pq, vq)])
    assert wider.by_seed[0].value == pytest.approx(8 / 1.5)
    assert better.by_seed[0].value == pytest.approx(1.0, abs=0.1)
    assert wider.verdict == better.verdict == HOLDS


def test_entropy_models_are_compared_by_bits():
    staged, alone = curve((0.4,), bits=700.0), curve((0.4,), bits=875.0)
    static, one_shot = findings.entropy_model([(staged, alone)])
    assert static.by_seed[0].value == pytest.approx(30)
    assert one_shot.by_seed[0].value == pytest.approx(20)


@pytest.mark.parametrize(("gain", "verdict"), [(1.0, HOLDS), (0.0, HOLDS), (-2.0, FAILS)])
def test_on_par_with_the_hyperprior_means_within_five_percent(gain, verdict):
    pair = curve(RATES, gain=gain, noise=0.01), curve(RATES, noise=0.01)
    (found,) = findings.hyperprior([pair])
    assert found.by_seed[0].value == pytest.approx(100 * (2 ** (-gain / 6) - 1), abs=1.5)
    assert found.verdict == verdict


def test_curves_without_overlap_are_not_shown():
    (found,) = findings.hyperprior([(curve((0.01, 0.02)), curve((0.4, 0.8)))])
    assert found.by_seed == [None]
    assert "no overlap" in to_markdown([found], [0])
    assert found.verdict == UNKNOWN


def test_perceptual_sets_are_compared_at_equal_rates():
    def settings(shift):
        return [
            {
                "means": {"bpp": bpp},
                "fid": fid + shift,
                "kid": 0.1 + shift,
                "kid_standard_error": 0.01,
            }
            for bpp, fid in ((0.1, 60.0), (0.2, 50.0))
        ]

    pair = curve(RATES, gain=0.5), curve(RATES)
    lpips, kid, fid = findings.perceptual([pair], [(settings(-0.05), settings(0.0))])
    assert lpips.by_seed[0].value == pytest.approx(-0.05)
    assert (lpips.verdict, kid.verdict, fid.verdict) == (HOLDS, HOLDS, UNKNOWN)
    assert fid.by_seed[0].value == pytest.approx(-0.05)


def test_all_codecs_see_as_many_pixels():
    budget = Budget(codec=400, perceptual=25)
    staged = budget.autoencoder_steps * BATCH * CROP**2 + budget.mim_steps * MIM_BATCH * WINDOW**2
    alone = budget.hyperprior_steps * BATCH * CROP**2
    assert staged == pytest.approx(400e6, rel=0.01)
    assert alone == pytest.approx(400e6, rel=0.01)


def test_every_training_is_a_config_with_known_keys(tmp_path):
    from pqmim_jax.training.config import load_config

    for each in trainings(Budget(1, 1), tmp_path, tmp_path, seed=3):
        arguments = each.arguments(tmp_path)
        config_file = arguments[1].removeprefix("--config=")
        overrides = [word.removeprefix("--config.") for word in arguments[3:]]
        assert load_config(config_file, overrides).seed == 3


def test_thumbnails_are_within_their_bytes_and_better_with_more():
    rows, columns = np.mgrid[:128, :192]
    image = np.stack([rows, columns, (rows * columns) % 251], -1).astype(np.uint8)
    few, more = (tiny_files.thumbnail_psnr(image, target) for target in (150, 1500))
    assert few < more
    assert np.isnan(tiny_files.thumbnail_psnr(image, 10))


def test_a_target_that_no_thumbnail_reaches_is_not_compared():
    values = np.array([[20.0, 19.0], [21.0, np.nan]])
    assert tiny_files.finding(200, [values]).verdict == UNKNOWN
    assert tiny_files.finding(200, [np.array([[20.0, 19.0], [21.0, 19.5]])]).verdict == HOLDS
