"""Tensors of a file that `torch.save` wrote, read without PyTorch and without running anything.

Both of PyTorch's formats hold a pickle that describes tensors and, beside it, their raw bytes:
a ZIP archive (since 1.6: `<name>/data.pkl`, `<name>/data/<key>`), and before it a stream of
pickles followed by the storages. The unpickler here knows state dictionaries only: names,
dictionaries, tensors. Every other name that the pickle looks up is refused.
"""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pqmim_jax.weight_files.errors import WeightsError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
}


def read_torch_tensors(path: Path) -> dict[str, np.ndarray]:
    """Reads a state dictionary: tensors by name, on the CPU, little-endian.

    Raises:
      WeightsError: no such file, damaged, or something other than a flat dictionary of tensors.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _read_archive(archive)
        with path.open("rb") as file:
            return _read_legacy(file)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged pickle fails in every way there is
        raise WeightsError(f"{path}: not a PyTorch file of tensors ({error})") from error


def _read_archive(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    names = set(archive.namelist())
    (description,) = (name for name in names if name.count("/") == 1 and name.endswith("/data.pkl"))
    folder = description.removesuffix("data.pkl")
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise ValueError("its numbers are big-endian")
    with archive.open(description) as file:
        tensors = _described(_TensorUnpickler(file).load())
    return _materialised(tensors, lambda key: archive.read(f"{folder}data/{key}"))


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    if _TensorUnpickler(file).load() != _LEGACY_MAGIC:
        raise ValueError("no such format")
    if _TensorUnpickler(file).load() != _LEGACY_PROTOCOL:
        raise ValueError("an unknown version of the format")
    if not _TensorUnpickler(file).load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    tensors = _described(_TensorUnpickler(file).load())
    sizes = {tensor.storage.key: tensor.storage.dtype.itemsize for tensor in tensors.values()}
    data = {}
    for key in _TensorUnpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        data[key] = file.read(count * sizes[key])
    return _materialised(tensors, data.__getitem__)


class _Storage:
    """What a persistent id names: ("storage", kind, key, location, number of elements, ...)."""

    def __init__(self, identifier: tuple) -> None:
        word, self.dtype, self.key = identifier[:3]
        if word != "storage" or not isinstance(self.dtype, np.dtype):
            raise pickle.UnpicklingError("something other than a storage beside the pickle")


class _Tensor:
    """A tensor's place in its storage; in elements."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple, strides: tuple, *_) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def of(self, data: bytes) -> np.ndarray:
        flat = np.frombuffer(data, self.storage.dtype)
        extent = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise ValueError("a tensor with a negative place or size")
        if 0 not in self.shape and self.offset + extent >= len(flat):
            raise ValueError("a tensor that ends beyond its storage")
        item = self.storage.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(
            flat[self.offset :], self.shape, [item * stride for stride in self.strides]
        )
        return view.copy()


class _Mapping(dict):
    """Stands for OrderedDict; PyTorch hangs a version number on it, which is dropped."""

    def __setstate__(self, state: object) -> None:
        pass


def _parameter(tensor: _Tensor, *_) -> _Tensor:
    return tensor


_ADMITTED = {
    ("collections", "OrderedDict"): _Mapping,
    ("torch._utils", "_rebuild_tensor"): _Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}; only tensors are admitted")
        return _ADMITTED[module, name]

    def persistent_load(self, identifier: tuple) -> _Storage:
        return _Storage(identifier)


def _described(value: object) -> dict[str, _Tensor]:
    if not isinstance(value, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in value.items()
    ):
        raise ValueError("something other than a dictionary of tensors by name")
    return value


def _materialised(
    tensors: dict[str, _Tensor], read: Callable[[str], bytes]
) -> dict[str, np.ndarray]:
    return {name: tensor.of(read(tensor.storage.key)) for name, tensor in tensors.items()}
