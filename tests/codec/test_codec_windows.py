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
