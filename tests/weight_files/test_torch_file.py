"""Files that PyTorch wrote (tests/weight_files/torch_files), read without it."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from malicious import Malicious, Ran

from pqmim_jax.weight_files.errors import WeightsError
from pqmim_jax.weight_files.torch_file import read_torch_tensors

FILES = Path(__file__).parent / "torch_files"


@pytest.mark.parametrize("name", ["archive.pth", "legacy.pth"])
def test_tensors_of_both_formats(name):
    tensors = read_torch_tensors(FILES / name)
    base = np.arange(24, dtype=np.float32)
    expected = {
        "plain": base.reshape(2, 3, 4),
        "transposed": base.reshape(4, 6).T,
        "tail": base[20:],
        "half": np.array([0.5, -2], np.float16),
        "count": np.array(7),
        "parameter": np.ones(2, np.float32),
    }
    assert list(tensors) == list(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(tensors[key], value)
        assert tensors[key].dtype == value.dtype


def test_a_pickled_module_is_refused():
    with pytest.raises(WeightsError, match=r"names torch\.nn.*only tensors are admitted"):
        read_torch_tensors(FILES / "module.pth")


def write_archive(path, description, data=b""):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", description)
        archive.writestr("x/data/0", data)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_that_a_pickle_names_is_run(tmp_path, protocol):
    description = pickle.dumps({"a": Malicious()}, protocol)
    with pytest.raises(Ran):
        pickle.loads(description)
    write_archive(tmp_path / "a.pth", description)
    (tmp_path / "b.pth").write_bytes(description)
    for name in ("a.pth", "b.pth"):
        with pytest.raises(WeightsError, match="run_me; only tensors are admitted"):
            read_torch_tensors(tmp_path / name)


def described(offset, shape, strides):
    """A data.pkl with one tensor of storage 0 as PyTorch describes it."""

    class Named:
        def __init__(self, name):
            self.name = name

    class Pickler(pickle._Pickler):  # the pure-Python one, to write names that do not exist here
        def persistent_id(self, value):
            return value.identifier if hasattr(value, "identifier") else None

        def save(self, value, save_persistent_id=True):
            if isinstance(value, Named):
                self.write(pickle.GLOBAL + value.name.encode() + b"\n")
            elif isinstance(value, tuple) and value and isinstance(value[0], Named):
                self.save(value[0])
                super().save(value[1:])
                self.write(pickle.REDUCE)
            else:
                super().save(value, save_persistent_id)

    class Storage:
        identifier = ("storage", Named("torch\nFloatStorage"), "0", "cpu", 4)

    # persistent ids are saved as tuples, which begin with a string and so pass untouched
    file = io.BytesIO()
    rebuild = Named("torch._utils\n_rebuild_tensor_v2")
    Pickler(file, 2).dump({"a": (rebuild, Storage(), offset, shape, strides, False, {})})
    return file.getvalue()


def test_a_tensor_made_by_hand(tmp_path):
    write_archive(tmp_path / "a.pth", described(1, (3,), (1,)), struct.pack("<4f", 1, 2, 3, 4))
    np.testing.assert_array_equal(read_torch_tensors(tmp_path / "a.pth")["a"], [2, 3, 4])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(2, (3,), (1,)), (0, (2, 2), (4, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (9,), (1,))],
)
def test_tensors_outside_their_storage_are_refused(tmp_path, offset, shape, strides):
    path = tmp_path / "a.pth"
    write_archive(path, described(offset, shape, strides), struct.pack("<4f", 1, 2, 3, 4))
    with pytest.raises(WeightsError, match="a tensor"):
        read_torch_tensors(path)


@pytest.mark.parametrize("name", ["archive.pth", "legacy.pth"])
def test_damaged_files_are_one_clear_error(tmp_path, name):
    whole = (FILES / name).read_bytes()
    path = tmp_path / name
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="not a PyTorch file of tensors"):
            read_torch_tensors(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pth: No such file"):
        read_torch_tensors(tmp_path / "none.pth")
