"""Windows cover every picture exactly once, whatever its size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.codec.windows import WindowGrid

SIZES = st.integers(1, 90)


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, st.sampled_from([8, 16]), st.integers(1, 5), st.integers(0, 2))
def test_positions_visit_every_token_once(height, width, f, window, halo):
    grid = WindowGrid(height, width, f, window, halo)
    h, w = grid.tokens
    assert h * f >= height > (h - 1) * f and w * f >= width > (w - 1) * f
    assert sorted(map(tuple, grid.positions)) == [(y, x) for y in range(h) for x in range(w)]


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.integers(1, 5), st.integers(0, 2))
def test_windows_put_together_give_the_picture(height, width, window, halo):
    grid = WindowGrid(height, width, 8, window, halo)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    canvas = np.zeros_like(image)
    edge, side = halo * 8, (window + 2 * halo) * 8
    for origin in grid.origins:
        pixels = grid.pixels_of(image, origin)
        assert pixels.shape == (side, side, 3)
        grid.place(canvas, origin, pixels[edge : side - edge, edge : side - edge], 8)
    np.testing.assert_array_equal(canvas, image)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.integers(1, 5), st.integers(0, 2))
def test_masks_count_every_token_once(height, width, window, halo):
    grid = WindowGrid(height, width, 8, window, halo)
    counts = np.zeros(tuple(n + window + 2 * halo for n in grid.tokens))
    for y, x in grid.origins:
        mask = grid.mask_of((y, x))
        np.testing.assert_array_equal(mask > 0, grid.inside_of((y, x)) == 1)
        assert set(np.unique(mask)) <= {0, 0.5, 1}
        counts[y : y + window + 2 * halo, x : x + window + 2 * halo] += mask == 1
    (h, w), inside = grid.tokens, counts[halo:, halo:]
    assert (inside[:h, :w] == 1).all()
    assert counts.sum() == h * w


def test_halo_shows_neighbours_inside_and_edges_outside():
    grid = WindowGrid(64, 64, 8, 4, 1)  # 8 x 8 tokens, four windows
    codes = np.arange(64).reshape(8, 8, 1)
    second = grid.codes_of(codes, (0, 4))[..., 0]
    np.testing.assert_array_equal(second[1], [3, 4, 5, 6, 7, 7])
    np.testing.assert_array_equal(second[0], second[1])
    np.testing.assert_array_equal(second[5], codes[4, [3, 4, 5, 6, 7, 7], 0])


def test_unknown_grid_hides_what_lies_outside():
    grid = WindowGrid(40, 8, 8, 4, 1)  # 5 x 1 tokens
    known = grid.padded_unknown(1, -1)
    rows, columns = grid.positions.T + 1
    known[rows, columns, 0] = np.arange(5)
    first, second = (grid.known_of(known, origin)[..., 0] for origin in grid.origins)
    np.testing.assert_array_equal(first[:, 1], [-1, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(second[:, 1], [3, 4, -1, -1, -1, -1])
    assert (first[:, 2:] == -1).all() and (first[:, 0] == -1).all()


@pytest.mark.parametrize("size", [(1, 1), (16, 1000), (513, 17)])
def test_every_window_has_a_token(size):
    grid = WindowGrid(*size, 16, 4, 1)
    assert all(len(grid.window_positions(origin)) for origin in grid.origins)
