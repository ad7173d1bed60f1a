import pytest

from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.freezing import merge_params, split_params

PARAMS = {"encoder": {"block_0": {"kernel": 1, "bias": 2}}, "decoder": {"kernel": 3}, "scale": 4}


@pytest.mark.parametrize(
    ("frozen", "trained"),
    [
        ((), PARAMS),
        (("^encoder/",), {"decoder": {"kernel": 3}, "scale": 4}),
        (("kernel$", "scale"), {"encoder": {"block_0": {"bias": 2}}}),
    ],
)
def test_expressions_say_what_is_frozen_and_both_parts_make_the_whole(frozen, trained):
    parts = split_params(PARAMS, frozen)
    assert parts[0] == trained
    assert merge_params(*parts) == PARAMS


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        (("^encoders/",), r"'\^encoders/' matches no parameter.*decoder, encoder, scale"),
        (("(",), "bad regular expression"),
        (("",), "every parameter is frozen"),
    ],
)
def test_what_cannot_be_meant_is_refused(frozen, message):
    with pytest.raises(ConfigError, match=message):
        split_params(PARAMS, frozen)
