"""Regions: every token is one region's own, with a halo wherever the picture goes on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.codec.program_set import AUTOENCODER_HALO, autoencoder_halo, filter_halo
from pqmim_jax.codec.regions import SMALL, Span, cut
from pqmim_jax.models import post_filter, pyramid

SIZES = st.integers(1, 140)
LIMITS = st.sampled_from(
    [(4, 2048, 4), (2, 1024, 4), (1, 512, 2), (0, 64, 2), (1, 9, 1), (4, 81, 4)]
)


def check(tokens, halo, limit, step):
    regions = cut(tokens, halo, limit, step)
    owned = np.zeros(tokens, int)
    for region in regions:
        assert region.shape == regions[0].shape
        assert region.shape[0] * region.shape[1] <= limit
        for span, n in zip((region.rows, region.columns), tokens, strict=True):
            assert 0 <= span.start <= span.begin < span.end <= span.start + span.size <= n
            assert span.start <= max(0, span.begin - halo)
            assert span.start + span.size >= min(n, span.end + halo)
        mask = region.mask(tokens)
        assert (region.inside(tokens) == 1).all() and set(np.unique(mask)) <= {0.5, 1}
        owned[region.rows.shown(1), region.columns.shown(1)] += mask == 1
    assert (owned == 1).all()
    return regions


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, LIMITS)
def test_every_token_is_owned_once_and_sees_its_neighbours(height, width, limits):
    check((height, width), *limits)


@pytest.mark.parametrize("tokens", [(1, 1), (1, 5000), (5000, 1), (300, 260)])
def test_shapes_that_are_out_of_the_ordinary(tokens):
    check(tokens, 4, 2048, 4)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, LIMITS)
def test_grown_regions_are_multiples_of_the_step_and_own_the_same(height, width, limits):
    tokens, step = (height, width), limits[-1]
    for region in cut(tokens, *limits):
        grown = region.grown(tokens, step)
        for before, after, n in zip(
            (region.rows, region.columns), (grown.rows, grown.columns), tokens, strict=True
        ):
            assert after.size % step == 0 and before.size <= after.size
            assert after.size < max(before.size + step, 3 * step + 1)
            assert (after.begin, after.end) == (before.begin, before.end)
            assert 0 <= after.start <= before.start
            assert after.start + after.size >= before.start + before.size
            assert after.size > n or after.start + after.size <= n
        assert grown.inside(tokens).sum() == min(height, grown.shape[0]) * min(
            width, grown.shape[1]
        )


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, LIMITS, st.booleans())
def test_regions_put_together_give_the_picture(height, width, limits, grown):
    f, tokens = 4, (-(-height // 4), -(-width // 4))
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    canvas = np.zeros_like(image)
    for region in cut(tokens, *limits):
        each = region.grown(tokens, limits[-1]) if grown else region
        pixels = each.shown(image, f)
        assert pixels.shape == (each.shape[0] * f, each.shape[1] * f, 3)
        each.place(canvas, pixels, f)
    np.testing.assert_array_equal(canvas, image)


def test_edges_are_repeated_beyond_the_end():
    (region,) = cut((1, 3), 4, 2048, 4)
    codes = np.array([[[1], [2], [3]]])
    shown = region.grown((1, 3), 4).shown(codes)[..., 0]
    np.testing.assert_array_equal(shown, np.tile([1, 2, *[3] * 10], (12, 1)))


def test_a_part_of_a_region_is_placed_where_the_region_lies():
    (tile,) = cut((3, 3), 1, 512, 2)
    canvas, result = np.zeros((9, 9), int), np.arange(1, 10).reshape(3, 3)
    rows = Span(0, 3, 0, 3).limited(1, 9)
    type(tile)(rows, tile.columns).place(canvas, result, 1, (4, 2))
    np.testing.assert_array_equal(canvas[5:7, 2:5], result[1:])
    assert np.count_nonzero(canvas) == 6


def test_little_is_computed_twice_and_two_threads_have_work():
    regions = check((48, 32), AUTOENCODER_HALO, 2048, 4)
    assert [region.shape for region in regions] == [(28, 32)] * 2
    assert len(check((SMALL, 1), 4, 2048, 4)) == 1
    for tokens in ((40, 30), (120, 68), (188, 250)):
        regions = check(tokens, AUTOENCODER_HALO, 2048, 4)
        work = sum(region.shape[0] * region.shape[1] for region in regions)
        assert len(regions) % 2 == 0 or len(regions) > 8
        assert work < 1.45 * tokens[0] * tokens[1]


@pytest.mark.parametrize("f", [8, 16])
@pytest.mark.parametrize("depth", [0, 1, 4, 6])
def test_the_filter_sees_all_that_it_reaches(f, depth):
    section = {"f": f, "post_filter_width": 8, "post_filter_depth": depth}
    assert filter_halo(section) == -(-post_filter.reach(depth) // f)
    assert filter_halo({**section, "post_filter_width": 0}) == 0


@pytest.mark.parametrize("f", [8, 16])
@pytest.mark.parametrize("depths", [(0, 0), (1, 0), (0, 1), (6, 2)])
@pytest.mark.parametrize("filter_width", [0, 8])
def test_a_pyramid_sees_all_that_it_and_its_filter_reach_unless_that_is_too_much(
    f, depths, filter_width
):
    section = {"backbone": "pyramid", "f": f, "post_filter_width": filter_width}
    section |= dict(zip(("encoder_depth", "decoder_depth"), depths, strict=True))
    pixels = pyramid.reach(f, max(depths))
    pixels += post_filter.reach(4) if filter_width else 0  # 4: of models that do not say
    assert autoencoder_halo(section) == min(-(-pixels // f), AUTOENCODER_HALO)
    assert filter_halo(section) <= autoencoder_halo(section)
    for backbone in ("xcit", "conv"):
        assert autoencoder_halo({**section, "backbone": backbone}) == AUTOENCODER_HALO
