"""Specs and the stage maps they name: properties that every schedule has, and errors."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.masking import canonical, stage_count, stage_map, stage_sizes

alphas = st.sampled_from(["0.1", "1", "2.2", "3.1416", "10"])
groups = st.one_of(st.just("M"), st.integers(1, 9), st.just(256))
spatial_specs = st.one_of(
    st.sampled_from(["one_shot", "raster", "checkerboard", "quincunx", "qlds", "random"]),
    st.builds("quincunx(levels={})".format, st.integers(1, 12)),
    st.builds("qlds(stages={},alpha={})".format, st.integers(1, 450), alphas),
    st.builds(
        "random(stages={},seed={},alpha={})".format,
        st.integers(1, 450),
        st.integers(0, 2**32 - 1),
        alphas,
    ),
)
codebook_specs = st.one_of(
    st.sampled_from(["joint", "codebook_major", "token_major", "coarse_first", "coarse_then_fine"]),
    st.builds("coarse_first(size={})".format, st.integers(1, 9)),
    st.builds("coarse_then_fine(size={})".format, st.integers(1, 9)),
    st.builds("codebook_major(groups={})".format, groups),
    st.builds("token_major(groups={})".format, groups),
)
specs = st.one_of(
    spatial_specs, codebook_specs, st.builds("{}*{}".format, spatial_specs, codebook_specs)
)
grids = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 8))

# SHA-256 (its first 16 digits) of each map on the grid (17, 24, 5) as little-endian int32. Files
# already written depend on these maps.
PINNED_MAPS = {
    "one_shot": "ea57129a18108380",
    "raster": "96685c352a345fac",
    "checkerboard": "fa445a8a1feedd6f",
    "quincunx(levels=3)": "b9ca22259c88d747",
    "qlds(stages=8,alpha=2.2)": "c149a87fb902b202",
    "qlds(stages=12,alpha=2.2)*token_major(groups=2)": "55bb529728fb2e62",
    "random(stages=8,seed=7,alpha=1.5)": "eb492e7b810341da",
    "quincunx(levels=2)*codebook_major(groups=2)": "b9fb7fa77fa90158",
    "one_shot*codebook_major(groups=M)": "deabfeef4be8fa55",
    "qlds(stages=3,alpha=2.2)*coarse_first(size=2)": "71566ecd9f19d025",
    "qlds(stages=3,alpha=2.2)*coarse_then_fine(size=2)": "2e5fe87214ccf5f8",
}
# An odd decimal context and hash seed: neither may reach a stage map.
HASH_PROGRAM = """
import decimal, hashlib, sys
decimal.getcontext().prec = 3
decimal.getcontext().rounding = decimal.ROUND_UP
from pqmim_jax.masking import canonical, stage_map
for spec in sys.argv[1:]:
    stages = stage_map(spec, (17, 24, 5)).astype("<i4")
    print(canonical(spec), hashlib.sha256(stages.tobytes()).hexdigest()[:16])
"""


@given(spec=specs, grid=grids)
@settings(deadline=None, max_examples=300)
def test_every_schedule_covers_the_grid_in_contiguous_ascending_stages(spec, grid):
    stages = stage_map(spec, grid)
    assert stages.shape == grid
    assert stages.dtype == np.int32
    assert stages.min() == 0
    sizes = stage_sizes(stages)
    assert (sizes > 0).all()
    assert sizes.sum() == stages.size
    assert stage_count(spec, grid) == len(sizes)
    assert (np.diff(stages, axis=2) >= 0).all()


@given(spec=specs, grid=grids)
@settings(deadline=None, max_examples=100)
def test_canonical_is_idempotent_short_and_the_same_schedule(spec, grid):
    text = canonical(spec)
    assert canonical(text) == text
    assert len(text) <= 120
    assert text.isascii()
    assert " " not in text
    np.testing.assert_array_equal(stage_map(text, grid), stage_map(spec, grid))


def test_the_longest_canonical_form_fits():
    longest = "random(stages=4096,seed=4294967295,alpha=9.9999)*codebook_major(groups=256)"
    assert canonical(longest) == longest
    assert len(longest) <= 120


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("one_shot()", "one_shot"),
        (" raster ", "raster"),
        ("quincunx", "quincunx(levels=3)"),
        ("qlds", "qlds(stages=8,alpha=2.2)"),
        ("qlds( alpha = 02.20 )", "qlds(stages=8,alpha=2.2)"),
        ("random(alpha=10,stages=012)", "random(stages=12,seed=0,alpha=10.0)"),
        ("checkerboard * joint", "checkerboard"),
        ("joint", "one_shot"),
        ("codebook_major", "one_shot*codebook_major(groups=M)"),
        ("raster * token_major( groups=2 )", "raster*token_major(groups=2)"),
        ("coarse_first", "one_shot*coarse_first(size=4)"),
    ],
)
def test_canonical_examples(spec, expected):
    assert canonical(spec) == expected


def test_products_by_hand():
    grid = (1, 2, 3)
    assert stage_map("raster", grid).tolist() == [[[0, 0, 0], [1, 1, 1]]]
    assert stage_map("raster*codebook_major", grid).tolist() == [[[0, 2, 4], [1, 3, 5]]]
    assert stage_map("raster*token_major", grid).tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert stage_map("raster*codebook_major(groups=2)", grid).tolist() == [[[0, 0, 2], [1, 1, 3]]]
    assert stage_map("codebook_major(groups=2)", grid).tolist() == [[[0, 0, 1], [0, 0, 1]]]
    # More groups than sub-quantizers is one group each.
    assert stage_map("token_major(groups=9)", grid).tolist() == [[[0, 1, 2], [0, 1, 2]]]


@given(spec=spatial_specs, grid=grids, groups=st.integers(1, 8))
@settings(deadline=None, max_examples=60)
def test_codebook_major_prefixes_hold_whole_coarser_pictures(spec, grid, groups):
    stages = stage_map(f"{spec}*codebook_major(groups={groups})", grid)
    spatial_stages = stage_count(spec, grid)
    used = min(groups, grid[2])
    assert stages.max() + 1 == used * spatial_stages
    for group in range(used + 1):
        known = (stages < group * spatial_stages).sum(axis=2)
        assert known.min() == known.max()  # every position has the same leading sub-quantizers


@given(spec=spatial_specs, grid=grids, groups=st.integers(1, 8))
@settings(deadline=None, max_examples=60)
def test_token_major_refines_the_spatial_order(spec, grid, groups):
    stages = stage_map(f"{spec}*token_major(groups={groups})", grid)
    whole_tokens = stage_map(spec, grid)
    np.testing.assert_array_equal(stages // min(groups, grid[2]), whole_tokens)


@pytest.mark.parametrize(
    ("order", "after"),
    [("coarse_first", lambda m, size: m // size), ("coarse_then_fine", lambda m, size: 0)],
)
@given(spec=spatial_specs, grid=grids, size=st.integers(1, 8))
@settings(deadline=None, max_examples=60)
def test_what_is_not_coarse_follows_whole(order, after, spec, grid, size):
    """`after`: how many stages behind the last spatial one sub-quantizer m comes."""
    stages = stage_map(f"{spec}*{order}(size={size})", grid)
    spatial = stage_map(spec, (*grid[:2], 1))[..., 0]
    for m in range(grid[2]):
        expected = np.full_like(spatial, spatial.max() + after(m, size)) if m >= size else spatial
        np.testing.assert_array_equal(stages[..., m], expected)


@pytest.mark.parametrize("spec", PINNED_MAPS)
def test_maps_are_pinned(spec):
    stages = stage_map(spec, (17, 24, 5)).astype("<i4")
    assert hashlib.sha256(stages.tobytes()).hexdigest()[:16] == PINNED_MAPS[spec]


def test_maps_are_the_same_in_another_process():
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", HASH_PROGRAM, *PINNED_MAPS]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert dict(line.split() for line in other.stdout.splitlines()) == PINNED_MAPS


def test_cached_maps_cannot_be_spoilt():
    with pytest.raises(ValueError, match="read-only"):
        stage_map("qlds", (4, 4, 2))[0, 0, 0] = 99


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("qldz", "unknown schedule 'qldz', choices: one_shot, raster, .*did you mean 'qlds'"),
        ("Raster", "did you mean 'raster'"),
        ("qlds(stage=3)", "unknown key of qlds 'stage', choices: stages, alpha, phase; .*'stages'"),
        ("raster(stages=3)", "unknown key of raster 'stages', choices: none"),
        ("qlds(stages=3,stages=4)", "stages is given twice"),
        ("qlds(3)", r"expected key=value inside qlds\(...\), not '3'"),
        ("qlds(stages=3,)", "expected key=value"),
        ("qlds(stages=0)", "stages must be an integer from 1 to 4096, not '0'"),
        ("qlds(stages=4097)", "stages must be an integer from 1 to 4096"),
        ("qlds(stages=1e3)", "stages must be an integer"),
        ("qlds(stages=99999999999999)", "stages must be an integer"),
        ("qlds(alpha=0.09)", "alpha must be a number from 0.1 to 10 with at most 4 decimals"),
        ("qlds(alpha=10.0001)", "alpha must be a number"),
        ("qlds(alpha=2.20000)", "at most 4 decimals, not '2.20000'"),
        ("qlds(alpha=nan)", "alpha must be a number"),
        ("qlds(alpha=-1)", "alpha must be a number"),
        ("quincunx(levels=13)", "levels must be an integer from 1 to 12, not '13'"),
        ("random(seed=4294967296)", "seed must be an integer from 0 to 4294967295"),
        ("token_major(groups=257)", "groups must be an integer from 1 to 256, or M, not '257'"),
        ("coarse_first(size=0)", "size must be an integer from 1 to 256, not '0'"),
        ("coarse_first(size=M)", "size must be an integer from 1 to 256, not 'M'"),
        ("qlds*raster", "unknown codebook order 'raster', choices: joint, codebook_major, token"),
        ("joint*qlds", "unknown spatial order 'joint', choices: one_shot, raster"),
        ("qlds*joint*joint", "with one '\\*'"),
        ("qlds*", "expected name"),
        ("qlds(", "expected name"),
        ("", "expected name"),
        ("qlds\n", "expected name"),
        ("qlds(stages=٣)", "ASCII text"),
        (" " * 300 + "qlds", "at most 256 characters"),
        (b"qlds", "ASCII text"),
    ],
)
def test_bad_specs_are_refused_in_one_line(spec, message):
    with pytest.raises(ValueError, match=message) as error:
        canonical(spec)
    assert "\n" not in str(error.value)


@given(text=st.text(alphabet="qldsrate_joinM(),=*. 0123456789", max_size=40))
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_schedule_or_a_value_error(text):
    try:
        spec = canonical(text)
    except ValueError:
        return
    assert canonical(spec) == spec


@pytest.mark.parametrize(
    "grid", [(0, 4, 1), (4, -1, 1), (4, 4), (4, 4, 1.5), "abc", (4096, 4096, 2)]
)
def test_bad_grids_are_refused(grid):
    with pytest.raises(ValueError, match="grid"):
        stage_map("qlds", grid)


def test_grids_may_be_numpy_integers():
    grid = np.array([3, 4, 2])
    np.testing.assert_array_equal(stage_map("qlds", grid), stage_map("qlds", (3, 4, 2)))
