import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from malicious import Malicious, Ran

from pqmim_jax.weight_files.array_pickle import read_array_pickle
from pqmim_jax.weight_files.errors import WeightsError

arrays = hnp.arrays(
    st.sampled_from(["<f4", ">f4", "<f8", "<i8", "|u1", "<f2"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
trees = st.dictionaries(st.text(max_size=3), arrays | st.dictionaries(st.text(max_size=3), arrays))


@settings(deadline=None, max_examples=25)
@given(tree=trees, protocol=st.integers(3, 4), fortran=st.booleans())
def test_dictionaries_of_arrays_are_read_back(tmp_path_factory, tree, protocol, fortran):
    path = tmp_path_factory.mktemp("pickles") / "a.ckpt"
    if fortran:
        tree = {k: np.asfortranarray(v) if not isinstance(v, dict) else v for k, v in tree.items()}
    path.write_bytes(pickle.dumps(tree, protocol))
    assert_equal_trees(read_array_pickle(path), tree)


def assert_equal_trees(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            assert_equal_trees(found[key], value)
        else:
            np.testing.assert_array_equal(found[key], value)
            assert found[key].dtype == value.dtype.newbyteorder("=")
            assert found[key].shape == value.shape


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_that_a_pickle_names_is_run(tmp_path, protocol):
    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps({"a": {"b": Malicious()}}, protocol))
    with pytest.raises(Ran):
        pickle.loads(path.read_bytes())
    with pytest.raises(WeightsError, match="run_me; only arrays are admitted"):
        read_array_pickle(path)


@pytest.mark.parametrize(
    "value",
    [
        {"a": np.array([None, "x"], object)},
        {"a": np.array(["text"])},
        {"a": np.zeros(2, [("x", "<f4")])},
        {"a": np.ma.zeros(2)},
        {"a": 1.5},
        {1: np.zeros(2)},
        [np.zeros(2)],
        np.zeros(2),
        {"a": np.float32},
        {"a": np.random.default_rng(0)},
    ],
    ids=lambda value: repr(value).split(" at ")[0],  # no addresses: names are those of other runs
)
def test_anything_but_nested_dictionaries_of_numbers_is_refused(tmp_path, value):
    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps(value, 4))
    with pytest.raises(WeightsError, match="not a pickle of"):
        read_array_pickle(path)


def test_damaged_files_are_one_clear_error(tmp_path):
    path = tmp_path / "a.ckpt"
    whole = pickle.dumps({"a": np.arange(5.0)}, 3)
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="not a pickle of NumPy arrays"):
            read_array_pickle(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.ckpt: No such file"):
        read_array_pickle(tmp_path / "none.ckpt")
