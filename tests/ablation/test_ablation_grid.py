"""From a config to trainings and cells."""

import pytest
from ml_collections import FrozenConfigDict

from pqmim_jax.ablation import default_config
from pqmim_jax.ablation.grid import coding_grid, combine, factor_columns, make_plan, series_of
from pqmim_jax.training.config import ConfigError


def config_with(**ablation):
    config = default_config.get_config()
    with config.unlocked():
        config.ablation.update(ablation)
    return config


def plan(config, data_key="data"):
    return make_plan(FrozenConfigDict(config), 12, data_key)


def test_every_training_is_measured_with_every_schedule():
    config = config_with(seeds=(3, 5), schedules=("one_shot",))
    config.ablation.training.mim_training.mask = ("uniform", "cosine")
    config.ablation.coding.stages = (4, 8)
    made = plan(config)
    assert [(t.factors["mim_training.mask"], t.seed) for t in made.trainings] == [
        ("uniform", 3),
        ("uniform", 5),
        ("cosine", 3),
        ("cosine", 5),
    ]
    assert [t.config.mim_training.mask for t in made.trainings] == ["uniform"] * 2 + ["cosine"] * 2
    assert [t.config.seed for t in made.trainings] == [3, 5, 3, 5]
    assert len(made.cells) == 4 * 3
    assert len({cell.key for cell in made.cells}) == 12
    assert {cell.stages for cell in made.cells} == {1, 4, 8}


def test_orders_take_the_values_that_they_have():
    config = config_with(schedules=("qlds(stages=9)",))
    config.ablation.coding.update(
        order=("one_shot", "quincunx", "qlds", "random"),
        stages=(5, 9),
        alpha=(2.2, 1.0),
        codebook=("joint", "coarse_first(size=4)"),
    )
    found = [schedule for schedule, _ in coding_grid(config)]
    assert len(set(found)) == len(found), "no schedule twice"
    joint = [schedule for schedule in found if "*" not in schedule]
    assert sorted(joint) == sorted(
        ["one_shot", "quincunx(levels=2)", "quincunx(levels=4)"]
        + [f"qlds(stages={s},alpha={a})" for s in (5, 9) for a in (2.2, 1.0)]
        + [f"random(stages={s},seed=0,alpha={a})" for s in (5, 9) for a in (2.2, 1.0)]
    )
    assert len(found) == 2 * len(joint)


def test_phases_and_windows_are_factors():
    config = config_with()
    config.ablation.coding.update(phase=(0, 3), window=(0, 8, 16))
    assert coding_grid(config) == [
        ("qlds(stages=8,alpha=2.2)", 16),
        ("qlds(stages=8,alpha=2.2)", 8),
        ("qlds(stages=8,alpha=2.2,phase=3)", 16),
        ("qlds(stages=8,alpha=2.2,phase=3)", 8),
    ]


def test_lists_pair_their_values():
    assert combine({"a": (1, 2), "b": ("x",), "c": (3, 4)}, "zip", "how") == [
        {"a": 1, "b": "x", "c": 3},
        {"a": 2, "b": "x", "c": 4},
    ]
    with pytest.raises(ConfigError, match="all factors must have 3 values, or one"):
        combine({"a": (1, 2), "b": (1, 2, 3)}, "zip", "how")
    with pytest.raises(ConfigError, match="unknown how 'sum'; choices: product, zip"):
        combine({}, "sum", "how")


def test_keys_change_with_what_decides_and_with_nothing_else():
    base = plan(config_with())
    assert plan(config_with()) == base
    assert plan(config_with(resamples=7)).cells[0].key == base.cells[0].key
    assert plan(config_with(schedules=("raster",))).cells[0].key == base.cells[0].key
    longer = config_with()
    longer.mim_training.steps += 1
    for other in (plan(longer), plan(config_with(), "other"), plan(config_with(seeds=(1,)))):
        assert other.trainings[0].key != base.trainings[0].key
        assert other.cells[0].key != base.cells[0].key


def test_a_curve_has_one_name_for_all_its_stages():
    assert series_of("qlds(stages=8,alpha=2.2)") == "qlds(alpha=2.2)"
    assert series_of("quincunx(levels=3)*coarse_first(size=4)") == "quincunx*coarse_first(size=4)"
    assert series_of("random(stages=12,seed=7,alpha=1.0)") == "random(seed=7,alpha=1.0)"
    assert series_of("qlds(stages=8,alpha=2.2,phase=3)") == "qlds(alpha=2.2,phase=3)"
    assert series_of("quincunx(levels=2,phase=1)") == "quincunx(phase=1)"
    assert series_of("raster") == "raster"


def test_columns_are_short_where_that_is_enough():
    config = default_config.get_config()
    with config.unlocked():
        config.ablation.training.mim = {"depth": (2,), "heads": (1, 2)}
        config.ablation.training.autoencoder = {"heads": (6,)}
    assert factor_columns(config) == {
        "mim_training.mask": "mask",
        "mim.depth": "depth",
        "mim.heads": "mim.heads",
        "autoencoder.heads": "autoencoder.heads",
    }


@pytest.mark.parametrize(
    ("ablation", "message"),
    [
        ({"training": {"mim": {"depht": (1,)}}}, "ablation.training.mim.depht: the config has no"),
        ({"training": {"mim": {"depth": 3}}}, "must be a tuple of values, got 3"),
        ({"training": {"mim": {"depth": ("deep",)}}}, "ablation.training"),
        ({"seeds": ()}, "seeds must be different numbers"),
        ({"seeds": (1, 1)}, "seeds must be different numbers"),
        ({"reference": "raster"}, "'raster' is not measured; measured are: qlds"),
        ({"schedules": ("qldz",)}, "unknown schedule 'qldz'"),
        ({"coding_combine": "sum"}, "unknown ablation.coding_combine 'sum'"),
    ],
)
def test_wrong_grids_are_refused_in_one_line(ablation, message):
    with pytest.raises(ValueError, match=message) as error:
        plan(config_with(**ablation))
    assert "\n" not in str(error.value)


def test_windows_larger_than_the_trained_one_are_refused():
    config = config_with()
    config.ablation.coding.window = (32,)
    with pytest.raises(ConfigError, match="window must be tokens up to the trained 16"):
        plan(config)
