"""Spatial orders: small maps written out by hand, and what each order promises."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.masking import spatial, stage_sizes


def order_of(stages):
    """The (row, column) of each stage's position, for one position a stage."""
    places = {int(stage): place for place, stage in np.ndenumerate(stages)}
    return [places[stage] for stage in range(len(places))]


def test_small_maps_by_hand():
    assert spatial.one_shot(2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert spatial.raster(2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert spatial.checkerboard(2, 2).tolist() == [[0, 1], [1, 0]]
    assert spatial.checkerboard(1, 4).tolist() == [[0, 1, 0, 1]]


def test_quincunx_of_one_level_by_hand():
    assert spatial.quincunx(5, 5, levels=1).tolist() == [
        [0, 2, 0, 2, 0],
        [2, 1, 2, 1, 2],
        [0, 2, 0, 2, 0],
        [2, 1, 2, 1, 2],
        [0, 2, 0, 2, 0],
    ]


def test_quincunx_of_two_levels_by_hand():
    assert spatial.quincunx(5, 5, levels=2).tolist() == [
        [0, 4, 2, 4, 0],
        [4, 3, 4, 3, 4],
        [2, 4, 1, 4, 2],
        [4, 3, 4, 3, 4],
        [0, 4, 2, 4, 0],
    ]


def test_quincunx_closes_gaps_on_a_small_grid():
    # One row has no centres: only the three lattices remain of five stages.
    assert spatial.quincunx(1, 5, levels=2).tolist() == [[0, 2, 1, 2, 0]]
    assert spatial.quincunx(1, 1, levels=12).tolist() == [[0]]


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_each_quincunx_stage_doubles_what_is_known(levels):
    known = np.cumsum(stage_sizes(spatial.quincunx(16, 16, levels)))
    assert len(known) == 2 * levels + 1
    assert known[-1] == 256
    assert (known[1:] == 2 * known[:-1]).all()


def test_qlds_starts_where_the_r2_sequence_starts():
    # (n / phi2 mod 1, n / phi2**2 mod 1) for n = 1..4 is (.755, .570), (.510, .140),
    # (.265, .710), (.020, .279): times 4, rounded down.
    assert order_of(spatial.qlds(4, 4, stages=16))[:4] == [(3, 2), (2, 0), (1, 2), (0, 1)]


@pytest.mark.parametrize(("h", "w"), [(13, 7), (24, 24), (1, 30), (50, 2)])
def test_qlds_order_is_the_r2_sequence_without_repeats(h, w):
    with localcontext() as context:
        context.prec = 60
        phi2 = Decimal("1.32471795724474602596")
        expected = []
        n = 0
        while len(expected) < h * w:
            n += 1
            place = (int(n / phi2 % 1 * h), int(n / phi2 / phi2 % 1 * w))
            if place not in expected:
                expected.append(place)
    assert order_of(spatial.qlds(h, w, stages=h * w)) == expected


def test_qlds_spreads_early_stages_over_the_grid():
    known = spatial.qlds(24, 24, stages=8) <= 2  # the first tenth of the positions
    quarters = [known[r : r + 12, c : c + 12].sum() for r in (0, 12) for c in (0, 12)]
    assert max(quarters) - min(quarters) <= 3


@pytest.mark.parametrize("stages", [2, 5, 8, 12])
@pytest.mark.parametrize("order", [spatial.qlds, spatial.random])
def test_cumulative_sizes_follow_the_power_law(order, stages):
    known = np.cumsum(stage_sizes(order(24, 24, stages, alpha=2.2)))
    ideal = 576 * (np.arange(1, stages + 1) / stages) ** 2.2
    assert np.abs(known - ideal).max() <= 0.5 + 1e-9


def test_cumulative_sizes_are_exact_and_ties_go_up():
    # 9 s / 6 = 1.5, 3, 4.5, 6, 7.5, 9 and 18 (s / 6)**2 = 0.5, 2, 4.5, 8, 12.5, 18.
    halves = np.cumsum(stage_sizes(spatial.random(3, 3, stages=6, alpha=1.0)))
    assert halves.tolist() == [2, 3, 5, 6, 8, 9]
    squares = np.cumsum(stage_sizes(spatial.qlds(3, 6, stages=6, alpha=2)))
    assert squares.tolist() == [1, 2, 5, 8, 13, 18]


@given(count=st.integers(1, 400), stages=st.integers(1, 40))
@settings(deadline=None, max_examples=50)
def test_squared_sizes_equal_their_rational_formula(count, stages):
    known = np.cumsum(stage_sizes(spatial.random(1, count, stages, alpha=2)))
    used = min(stages, count)
    previous = 0
    for s in range(1, used + 1):
        rounded = (2 * count * s * s + used * used) // (2 * used * used)
        previous = max(previous + 1, min(rounded, count - (used - s)))
        assert known[s - 1] == previous


def test_steep_and_flat_power_laws_leave_no_stage_empty():
    assert stage_sizes(spatial.qlds(4, 4, stages=8, alpha=10)).min() == 1
    assert stage_sizes(spatial.qlds(4, 4, stages=8, alpha=0.1)).min() == 1
    assert stage_sizes(spatial.qlds(2, 2, stages=4096)).tolist() == [1, 1, 1, 1]


def test_random_order_is_pinned():
    assert spatial.random(4, 4, stages=16).tolist() == [
        [13, 6, 0, 15],
        [1, 4, 2, 12],
        [3, 14, 5, 11],
        [8, 9, 10, 7],
    ]


def test_random_seeds_give_unrelated_orders():
    ranks = np.stack([spatial.random(16, 16, 256, seed).ravel() for seed in range(20)])
    correlation = np.corrcoef(ranks) - np.eye(20)
    assert np.abs(correlation).max() < 0.3  # 5 standard deviations of a random pair
    # One stream read from another start would repeat stretches of an order.
    for lag in range(1, 20):
        assert abs(np.corrcoef(ranks[0, lag:], ranks[1, :-lag])[0, 1]) < 0.3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spatial.raster(0, 4), "at least 1 x 1"),
        (lambda: spatial.quincunx(4, 4, levels=0), "levels must be between 1 and 12, not 0"),
        (lambda: spatial.qlds(4, 4, stages=4097), "stages must be between 1 and 4096, not 4097"),
        (lambda: spatial.qlds(4, 4, 2, alpha=0.05), "alpha must be between 0.1 and 10, not 0.05"),
        (lambda: spatial.qlds(4, 4, 2, alpha=float("nan")), "not nan"),
        (lambda: spatial.random(4, 4, 2, seed=-1), "seed must be between 0 and 4294967295, not -1"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(
    levels=st.integers(1, 4), phase=st.integers(0, 40), h=st.integers(1, 20), w=st.integers(1, 20)
)
@settings(deadline=None, max_examples=40)
def test_a_phase_moves_the_lattice(levels, phase, h, w):
    step = 2**levels
    moved = phase % step
    whole = spatial.quincunx(h + step, w + step, levels)  # periodic: a shift is another cut
    cut = whole[step - moved : step - moved + h, step - moved : step - moved + w]
    expected = np.unique(cut, return_inverse=True)[1].reshape(h, w)
    np.testing.assert_array_equal(spatial.quincunx(h, w, levels, phase), expected)


def test_phases_of_the_checkerboard_and_the_sequence():
    assert spatial.checkerboard(2, 2, phase=1).tolist() == [[1, 0], [0, 1]]
    assert spatial.checkerboard(1, 1, phase=1).tolist() == [[0]]
    # The sequence without its first two points, see above.
    assert order_of(spatial.qlds(4, 4, stages=16, phase=2))[:2] == [(1, 2), (0, 1)]


def test_a_phase_out_of_range_is_refused():
    for call in (spatial.checkerboard, spatial.quincunx, spatial.qlds):
        arguments = {"levels": 1} if call is spatial.quincunx else {}
        arguments |= {"stages": 2} if call is spatial.qlds else {}
        with pytest.raises(ValueError, match="phase must be between 0 and 4095, not 4096"):
            call(4, 4, **arguments, phase=4096)
