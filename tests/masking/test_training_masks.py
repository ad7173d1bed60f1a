"""Training masks: what the shares in the config mean at their extremes."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.masking import stage_map
from pqmim_jax.masking.training import TrainingMask, sample_mask

M = 4
GRID = (6, 6, M)
STAGES = stage_map("qlds(stages=5)*token_major", GRID)
BATCH = 256
NOTHING_SPECIAL = {
    "schedule_share": 0.0,
    "mask": "uniform",
    "leading_share": 0.0,
    "full_quality_share": 1.0,
}

draw = jax.jit(sample_mask, static_argnums=1, static_argnames="mask")


def sample(stages=STAGES, seed=0, **options):
    mask = draw(jax.random.key(seed), BATCH, stages, **{**NOTHING_SPECIAL, **options})
    visible, target = np.asarray(mask.visible), np.asarray(mask.target)
    assert visible.dtype == target.dtype == bool
    assert visible.shape == target.shape == (BATCH, *GRID)
    return visible, target


@given(
    seed=st.integers(0, 2**20),
    shares=st.tuples(*3 * [st.floats(0, 1)]),
    mask=st.sampled_from(["power(exponent=0.3)", "cosine*indices", "uniform*stages"]),
)
@settings(deadline=None, max_examples=15)
def test_no_index_is_visible_and_a_target_or_outside_the_picture(seed, shares, mask):
    stages = STAGES.copy()
    stages[0], stages[2, 3] = -1, -1
    visible, target = sample(
        stages,
        seed,
        schedule_share=shares[0],
        leading_share=shares[1],
        full_quality_share=shares[2],
        mask=mask,
    )
    assert not (visible & target).any()
    assert not (visible | target)[:, stages < 0].any()


def test_every_example_follows_the_schedule():
    visible, target = sample(schedule_share=1.0)
    coded_before = [stage > STAGES for stage in range(STAGES.max() + 1)]
    drawn = [
        next(s for s, known in enumerate(coded_before) if (known == example).all())
        for example in visible
    ]
    assert set(drawn) == set(range(STAGES.max() + 1)), "every stage is trained for"
    assert (visible | target).all()


def test_without_the_schedule_whole_tokens_are_known():
    visible, target = sample()
    assert (visible == visible[..., :1]).all()
    assert (visible | target).all()
    shares = visible[..., 0].mean((1, 2))
    assert np.quantile(shares, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.12)


def test_a_higher_power_makes_less_known():
    mean = functools.partial(np.mean, dtype=np.float64)
    known = [mean(sample(mask=f"power(exponent={power})")[0]) for power in (0.01, 1.0, 3.0)]
    assert known == pytest.approx([1, 1 / 2, 1 / 4], abs=0.06)  # E[u ** p] = 1 / (p + 1)


def test_leading_sub_quantizers_are_seen_everywhere():
    visible, _ = sample(leading_share=1.0, mask="fixed(ratio=1)")
    leading = visible.all((1, 2)).sum(-1)  # sub-quantizers seen at all positions
    assert visible[..., 0].all()
    assert set(leading) == set(range(1, M + 1))
    counts = np.bincount(leading, minlength=M + 1)[1:] / BATCH
    assert counts == pytest.approx([1 / M] * M, abs=0.12)


def test_some_examples_keep_leading_sub_quantizers_hidden():
    visible, _ = sample(leading_share=0.25, mask="fixed(ratio=1)")
    assert visible[..., 0].all((1, 2)).mean() == pytest.approx(0.25, abs=0.1)


def test_lower_qualities_drop_the_last_sub_quantizers():
    visible, target = sample(full_quality_share=0.0)
    exists = visible | target
    quality = exists[:, 0, 0].sum(-1)
    expected = np.arange(M) < quality[:, None]
    np.testing.assert_array_equal(exists, np.broadcast_to(expected[:, None, None], exists.shape))
    assert set(quality) == set(range(1, M + 1))
    np.testing.assert_array_equal(TrainingMask(visible, target).quality, quality)


def test_masks_are_a_function_of_the_key():
    options = {"schedule_share": 0.5, "leading_share": 0.5, "full_quality_share": 0.5}
    a, b, other = sample(**options), sample(**options), sample(seed=1, **options)
    np.testing.assert_array_equal(a, b)
    assert (a[0] != other[0]).any()
