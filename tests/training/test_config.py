import math
import textwrap
from pathlib import Path

import pytest

from pqmim_jax.training import default_config
from pqmim_jax.training.config import ConfigError, flat_keys, from_json, load_config, to_json
from pqmim_jax.training.mim_stage import mim_stage
from pqmim_jax.training.pqvae_stage import pqvae_stage

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.py"

CONFIG = """
    from ml_collections import ConfigDict

    def get_config():
        return ConfigDict({
            "name": "a",
            "count": 3,
            "rate": 0.5,
            "flag": True,
            "stages": ("pqvae", "mim"),
            "seeds": (0,),
            "nested": {"learning_rate": 1.0, "rules": (("linear", 0.1),), "rates": (0.5, 1.0)},
        })
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "experiment.py"
    file.write_text(textwrap.dedent(CONFIG))
    return file


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("name=b=c", "name", "b=c"),
        ("name=12", "name", "12"),
        ("count=-7", "count", -7),
        ("rate=1e-4", "rate", 1e-4),
        ("rate=2", "rate", 2.0),
        ("flag=false", "flag", False),
        ("flag=True", "flag", True),
        ("stages=mim", "stages", ("mim",)),
        ("stages=mim,pqvae", "stages", ("mim", "pqvae")),
        ("stages=('mim',)", "stages", ("mim",)),
        ("seeds=3,4", "seeds", (3, 4)),
        ("nested.rates=2", "nested.rates", (2.0,)),
        ("nested.learning_rate=0.25", "nested.learning_rate", 0.25),
        ("nested.rules=()", "nested.rules", ()),
        ('nested.rules=(("a$",0.5),("b",2))', "nested.rules", (("a$", 0.5), ("b", 2))),
    ],
)
def test_an_override_changes_its_field_alone(path, override, key, value):
    before, after = flat_keys(load_config(path)), flat_keys(load_config(path, [override]))
    assert after.pop(key) == value
    assert type(value) is type(before.pop(key))
    assert after == before


def test_the_last_of_several_overrides_holds(path):
    config = load_config(path, ["count=1", "rate=0.1", "count=2"])
    assert (config.count, config.rate) == (2, 0.1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("nested.learning_rat=1", "did you mean --config.nested.learning_rate?"),
        ("learning_rate=1", "did you mean --config.nested.learning_rate?"),
        ("zzzzzz=1", "unknown key --config.zzzzzz"),
        ("nested=1", "unknown key --config.nested"),
        ("count", "'count' is not of the form"),
        ("count=1.5", "--config.count must be a int"),
        ("count=", "--config.count must be a int"),
        ("rate=fast", "--config.rate must be a float"),
        ("flag=1", "--config.flag must be a bool"),
        ("stages=(mim,pqvae)", "--config.stages must be a tuple"),
        ("stages=(1)", "--config.stages must be a tuple"),
        ("stages=('mim'", "--config.stages must be a tuple"),
        ("seeds=1,b", "--config.seeds must be a tuple"),
    ],
)
def test_an_unusable_override_is_one_clear_line(path, override, message):
    with pytest.raises(ConfigError) as error:
        load_config(path, [override])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_or_empty_config_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"not found: .*nowhere\.py"):
        load_config(tmp_path / "nowhere.py")
    for name in ("empty.py", "config.yaml"):
        (tmp_path / name).write_text("")
        with pytest.raises(ConfigError, match=name):
            load_config(tmp_path / name)


def test_a_loaded_config_cannot_change(path):
    config = load_config(path)
    with pytest.raises(AttributeError):
        config.count = 4
    with pytest.raises(AttributeError):
        _ = config.counts


def test_json_round_trip_keeps_values_and_types():
    config = default_config.get_config()
    again = from_json(to_json(config))
    assert again.to_dict() == config.to_dict()
    assert to_json(again) == to_json(config)
    types = {key: type(value) for key, value in flat_keys(again).items()}
    assert types == {key: type(value) for key, value in flat_keys(config).items()}


def test_a_misspelt_key_in_the_file_is_an_error(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from pqmim_jax.training import default_config\n"
        "def get_config():\n"
        "    config = default_config.get_config()\n"
        "    config.mim_training.update(warm_up_steps=3)\n"
        "    return config\n"
    )
    with pytest.raises(ConfigError, match=r"mine\.py: .*warm_up_steps"):
        load_config(path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("autoencoder.dtype=float17", "unknown dtype 'float17'; choices: float32, bfloat16"),
        ("autoencoder.heads=7", "autoencoder.encoder_width: heads 7 does not divide the width"),
        ("mim.heads=3", "mim.width: heads 3 does not divide the width"),
        ("mim.dtype=half", "unknown dtype 'half'"),
    ],
)
def test_sizes_and_dtypes_that_no_model_has_are_one_clear_error(override, message):
    config = load_config(SMOKE, [override])
    with pytest.raises(ValueError, match=message):
        pqvae_stage(config)
        mim_stage(config, config.autoencoder)


def test_lambdas_follow_a_law_that_is_filled_in_when_a_config_is_loaded():
    law = "exponential(last=25,slope=0.16,most=12000)"
    overrides = [f"codec.rate_law={law}", "autoencoder.num_codebooks=40"]
    weights = load_config(default_config.__file__, overrides).codec.rate_weights
    assert len(weights) == 40
    assert weights[-1] == 25.0
    assert weights[-2] == pytest.approx(25 * math.exp(0.16), abs=0.05)
    assert weights[0] == 12000.0 > weights[1] > weights[2]


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("linear(last=1)", "unknown law 'linear'"),
        ("exponential(last=x)", "must be numbers"),
        ("exponential(last=0)", "needs 0 < last <= most"),
        ("exponential(slope=-1)", "slope >= 0"),
        ("exponential(last=30,most=20)", "needs 0 < last <= most"),
        ("exponential(most=inf)", "needs 0 < last <= most"),
    ],
)
def test_a_law_that_gives_no_lambdas_is_refused(law, message):
    with pytest.raises(ConfigError, match=r"codec\.rate_law: ") as error:
        load_config(default_config.__file__, [f"codec.rate_law={law}"])
    assert message in str(error.value)


def test_lambdas_are_given_in_one_way_only():
    overrides = ["codec.rate_law=exponential()", "codec.rate_weights=(1.0, 2.0)"]
    with pytest.raises(ConfigError, match="exclude each other"):
        load_config(default_config.__file__, overrides)
