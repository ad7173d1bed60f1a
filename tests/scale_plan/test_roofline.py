import pytest

from pqmim_jax.scale_plan.chips import CHIPS, parse_topology
from pqmim_jax.scale_plan.errors import PlanError
from pqmim_jax.scale_plan.roofline import roofline


def test_published_peaks():
    assert {name: chip.peak / 1e12 for name, chip in CHIPS.items()} == {
        "v4": 275,
        "v5e": 197,
        "v5p": 459,
        "v6e": 918,
    }


def test_topology_names():
    pod = parse_topology("v5p:4x4x8")
    assert (pod.chip.name, pod.shape, pod.chips, pod.name) == ("v5p", (4, 4, 8), 128, "v5p:4x4x8")


@pytest.mark.parametrize("name", ["v5e", "v5e:", "v5e:0x4", "v5e:4x4x4", "v5p:4x4", "v9:2x2", ""])
def test_unknown_topologies_are_named_with_examples(name):
    with pytest.raises(PlanError, match=r"topology .*examples: v5e:4x4") as caught:
        parse_topology(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("v5e:1x1", 0),
        ("v5e:1x2", 1 / 4),
        ("v5e:4x4", 1 / 2),  # open lines both ways
        ("v5e:8x16", 3 / 4),
        ("v6e:16x16", 1),  # a torus
        ("v4:2x2x4", 1 / 2),  # no whole cube: nothing is closed
        ("v5p:4x4x4", 1),
    ],
)
def test_share_of_links_that_a_slice_can_use(name, share):
    where = parse_topology(name)
    assert where.send_bandwidth == pytest.approx(share * where.chip.ici_bandwidth)


@pytest.mark.parametrize(
    ("flops", "accessed", "sent", "bound", "seconds"),
    [
        (197e12, 81.9e9, 10e9, "compute", 1.0),
        (1.97e12, 819e9, 10e9, "memory", 1.0),
        (1.97e12, 81.9e9, 400e9, "network", 2.0),
    ],
)
def test_the_slowest_bounds_the_step(flops, accessed, sent, bound, seconds):
    line = roofline(flops, accessed, sent, parse_topology("v5e:16x16"))
    assert (line.bound, line.step_s) == (bound, pytest.approx(seconds))
    assert line.mfu == pytest.approx(flops / seconds / 197e12)


def test_one_chip_has_no_network_time():
    assert roofline(1e12, 1e9, 0.0, parse_topology("v5e:1x1")).network_s == 0
