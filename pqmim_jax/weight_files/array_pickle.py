"""Pickles of nested dictionaries of NumPy arrays, read without running what they name.

A pickle is a program that may call anything importable. Here every name that it looks up is
refused but the three that NumPy writes for an array, and those three stand for plain classes of
this file: not even NumPy's own constructors run on the file's say-so.
"""

import pickle
import re
from pathlib import Path

import numpy as np

from pqmim_jax.weight_files.errors import WeightsError

_DTYPE = re.compile(r"[biuf][1248]")


def read_array_pickle(path: Path) -> dict:
    """Reads a pickle (protocol 4 or older) of nested dictionaries with NumPy arrays as leaves.

    Returns:
      nested dict of str to NumPy arrays of numbers, in the machine's byte order.

    Raises:
      WeightsError: no such file, not a pickle, or one that holds or calls anything else.
    """
    try:
        with path.open("rb") as file:
            return _checked(_ArrayUnpickler(file).load(), path)
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from error
    except Exception as error:  # a damaged pickle fails in every way there is
        raise WeightsError(f"{path}: not a pickle of NumPy arrays ({error})") from error


class _Dtype:
    """Stands for numpy.dtype: (code, align, copy), then a state that says the byte order."""

    def __init__(self, code: str, *_) -> None:
        if not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"arrays of type {code!r} are not admitted")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder({"<": "<", ">": ">", "|": "|", "=": "="}[state[1]])


class _Array:
    """Stands for numpy.ndarray: its state is (version, shape, dtype, Fortran order, bytes)."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("an array of something other than numbers")
        array = np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if fortran else "C")
        self.array = array.astype(dtype.dtype.newbyteorder("="))


def _reconstruct(kind: type, *_) -> _Array:
    if kind is not _Array:
        raise pickle.UnpicklingError("an array of a class other than numpy.ndarray")
    return _Array()


_ADMITTED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}; only arrays are admitted")
        return _ADMITTED[module, name]


def _checked(value: object, path: Path) -> dict:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise WeightsError(f"{path}: not a pickle of nested dictionaries of NumPy arrays")
    return {
        key: leaf.array if isinstance(leaf, _Array) else _checked(leaf, path)
        for key, leaf in value.items()
    }
