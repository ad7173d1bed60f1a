"""Which qualities of which models an evaluation measures."""

import pytest

from pqmim_jax.evaluation.codecs.choice import load_models
from pqmim_jax.training.random_hyperprior import save_random_hyperprior, tiny_hyperprior_config


@pytest.fixture(scope="module")
def hyperprior(tmp_path_factory):
    """A model folder with two rates."""
    folder = tmp_path_factory.mktemp("models") / "hyper"
    save_random_hyperprior(folder, tiny_hyperprior_config())
    return folder


def settings(codecs):
    return [[setting.name for setting in codec.settings] for codec in codecs]


def test_all_qualities_of_each_model_by_default(tiny_model, hyperprior):
    assert settings(load_models([tiny_model, hyperprior])) == [
        ["q1", "q2", "q3", "q4"],
        ["q1", "q2"],
    ]


def test_a_quality_is_measured_with_the_models_that_have_it(tiny_model, hyperprior):
    codecs = load_models([hyperprior, tiny_model], [4, 2, 4])
    assert settings(codecs) == [["q2"], ["q4", "q2"]]


@pytest.mark.parametrize(
    "qualities, message",
    [([2, 5], "from 1 to 4 .* got 5"), ([0], "got 0"), ([3], "'hyper' has qualities 1 to 2 only")],
)
def test_a_quality_that_no_model_has_is_an_error(tiny_model, hyperprior, qualities, message):
    with pytest.raises(ValueError, match=message):
        load_models([tiny_model, hyperprior], qualities)
