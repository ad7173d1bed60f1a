"""Training masks by name: distributions of ratios, shapes of supports, and errors."""

import hashlib

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pqmim_jax.masking import stage_map
from pqmim_jax.masking.mask_specs import RATIOS, SUPPORTS, parse_mask
from pqmim_jax.masking.training import sample_mask

BATCH = 512
GRID = (8, 8, 3)
STAGES = stage_map("qlds(stages=6)*token_major", GRID)

# Cumulative distributions of the masked share.
MASKED = {
    "uniform": stats.uniform().cdf,
    "power(exponent=3)": lambda r: 1 - (1 - r) ** (1 / 3),
    "cosine": lambda r: 1 - 2 / np.pi * np.arccos(r),
    "arccos": lambda r: 1 - np.cos(np.pi / 2 * r),
    "beta(a=2,b=5)": stats.beta(2, 5).cdf,
    "gaussian": stats.truncnorm(-0.2, 1.8, 0.55, 0.25).cdf,
    "gaussian(mean=0.5,std=0.2,low=0)": stats.truncnorm(-2.5, 2.5, 0.5, 0.2).cdf,
}


def known(spec, seed=0, batch=BATCH, stages=STAGES):
    mask = np.asarray(parse_mask(spec).known(jax.random.key(seed), batch, stages))
    assert mask.dtype == bool
    assert mask.shape == (batch, *stages.shape)
    return mask


@pytest.mark.parametrize("ratio", MASKED)
def test_ratios_have_their_distribution(ratio):
    share = np.asarray(parse_mask(ratio).ratio(jax.random.key(1), 4000))
    assert share.shape == (4000, 1, 1, 1)
    assert stats.kstest(1 - share.ravel(), MASKED[ratio]).pvalue > 1e-3


def test_a_fixed_ratio_is_always_the_same():
    assert known("fixed(ratio=0)").all()
    assert not known("fixed(ratio=1)").any()
    half = known("fixed(ratio=0.25)*half_planes")
    assert (half[..., 0].sum((1, 2)) == 48).all()


@pytest.mark.parametrize("support", ["tokens", "indices", "blocks(size=3)", "half_planes"])
def test_supports_know_the_share_that_was_asked_for(support):
    mask = known(f"fixed(ratio=0.6)*{support}")
    assert mask.mean() == pytest.approx(0.4, abs=0.02)
    alike = np.full(GRID, 0.4) if support != "half_planes" else mask.mean(0)[::-1, ::-1]
    assert mask.mean(0) == pytest.approx(alike, abs=0.12), "everywhere alike, or on both sides"


@pytest.mark.parametrize("support", ["tokens", "blocks", "half_planes"])
def test_tokens_stay_whole_but_where_single_indices_are_masked(support):
    mask = known(f"uniform*{support}")
    assert (mask == mask[..., :1]).all()


def test_single_indices_are_independent_of_each_other():
    mask = known("fixed(ratio=0.5)*indices").reshape(BATCH, -1)
    correlation = np.corrcoef(mask.T) - np.eye(mask.shape[1])
    assert np.abs(correlation).max() < 0.3


def test_blocks_are_squares_of_their_size_on_a_shifted_lattice():
    mask = known("fixed(ratio=0.5)*blocks(size=4)", stages=np.zeros((12, 12, 1), np.int32))[..., 0]
    shifts = set()
    for example in mask:
        rows = {int(r) % 4 for r in np.flatnonzero((example[1:] != example[:-1]).any(1)) + 1}
        across = (example[:, 1:] != example[:, :-1]).any(0)
        columns = {int(c) % 4 for c in np.flatnonzero(across) + 1}
        assert len(rows) <= 1 and len(columns) <= 1, "changes lie on one lattice of step 4"
        shifts |= rows
    assert shifts == {0, 1, 2, 3}


def test_half_planes_are_cut_by_a_line():
    mask = known("uniform*half_planes", batch=64)[..., 0]
    places = np.argwhere(np.ones(GRID[:2]))
    directions = set()
    for example in mask:
        inside = example.ravel()
        if inside.all() or not inside.any():
            continue
        angles = np.linspace(0, 2 * np.pi, 721)
        along = places @ np.stack([np.cos(angles), np.sin(angles)])
        separated = along[inside].max(0) <= along[~inside].min(0) + 1e-3
        assert separated.any()
        directions.add(int(angles[np.argmax(separated)] // (np.pi / 2)))
    assert directions == {0, 1, 2, 3}


def test_stages_are_those_of_the_schedule():
    mask = known("uniform*stages")
    before = [stage > STAGES for stage in range(STAGES.max() + 1)]
    drawn = [next(s for s, each in enumerate(before) if (each == row).all()) for row in mask]
    assert set(drawn) == set(range(STAGES.max() + 1))
    shares = np.array([each.mean() for each in before])
    ratio = np.asarray(
        parse_mask("uniform").ratio(jax.random.split(jax.random.key(0))[0], BATCH)
    ).ravel()
    for stage, share in zip(drawn, ratio, strict=True):
        assert shares[stage] <= share + 1e-6
        assert stage == STAGES.max() or shares[stage + 1] > share - 1e-6


def test_stages_leave_positions_outside_the_picture_out():
    stages = STAGES.copy()
    stages[:4] = -1
    mask = known("fixed(ratio=0)*stages", stages=stages)
    assert not mask[:, :4].any()
    assert (mask[:, 4:] == (stages[4:] < stages.max())).all()


@given(
    ratio=st.sampled_from(sorted(RATIOS)),
    support=st.sampled_from(sorted(SUPPORTS)),
    seed=st.integers(0, 2**20),
)
@settings(deadline=None, max_examples=25)
def test_every_mask_is_a_function_of_its_key(ratio, support, seed):
    spec = parse_mask(f"{ratio}*{support}")
    assert parse_mask(spec.text).text == spec.text
    first, again = (np.asarray(spec.known(jax.random.key(seed), 4, STAGES)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (4, *GRID)


def test_the_default_masks_are_the_ones_they_always_were():
    # SHA-256 of masks drawn before there were specs, when the power was a number in the config.
    mask = sample_mask(
        jax.random.key(3),
        32,
        stage_map("qlds(stages=5)", (6, 6, 4)),
        mask="power(exponent=2.2)*tokens",
        schedule_share=0.7,
        leading_share=0.25,
        full_quality_share=0.7,
    )
    packed = np.packbits(np.stack([mask.visible, mask.target])).tobytes()
    assert hashlib.sha256(packed).hexdigest()[:16] == "9c448b0da09133ab"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cosin", "unknown mask ratio 'cosin', choices: uniform, power, cosine.*'cosine'"),
        ("tokens", "unknown mask ratio 'tokens'"),
        ("cosine*token", "unknown mask support 'token', choices: tokens, indices, blocks.*tokens'"),
        ("cosine*tokens*tokens", "with one '\\*'"),
        ("power(alpha=2)", "unknown key of power 'alpha', choices: exponent"),
        ("power(exponent=0)", "exponent must be a number from 0.001 to 1000, not '0'"),
        ("power(exponent=nan)", "exponent must be a number"),
        ("fixed(ratio=1.5)", "ratio must be a number from 0 to 1, not '1.5'"),
        ("cosine*blocks(size=2.5)", "size must be an integer from 1 to 256, not '2.5'"),
        ("gaussian(low=0.8,high=0.2)", "low must be below high, got 0.8 and 0.2"),
        ("", "expected name"),
        (2.2, "ASCII text of at most 256"),
    ],
)
def test_bad_specs_are_refused_in_one_line(spec, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_mask(spec)
    assert "\n" not in str(error.value)
