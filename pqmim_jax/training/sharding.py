"""The device mesh and where arrays lie on it."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def build_mesh(config) -> Mesh:
    """Mesh with one axis, `data`, of `config.data` devices (-1: all); ValueError if impossible."""
    devices = jax.devices()
    count = len(devices) if config.data == -1 else config.data
    if not 1 <= count <= len(devices):
        raise ValueError(f"mesh.data must be -1 or 1..{len(devices)} here, got {config.data}")
    return Mesh(np.asarray(devices[:count]), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def over_batch(mesh: Mesh) -> NamedSharding:
    """The leading axis is split over the `data` axis."""
    return NamedSharding(mesh, PartitionSpec("data"))


def place_batch(batch: dict[str, np.ndarray], sharding: NamedSharding) -> dict[str, jax.Array]:
    """Global arrays from this process's rows of a batch."""
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()
    }


def local_batch_size(global_batch: int, mesh: Mesh) -> int:
    """Rows that each process reads; ValueError if the batch does not divide over the mesh."""
    if global_batch % mesh.size:
        raise ValueError(f"batch_size {global_batch} is not a multiple of {mesh.size} devices")
    return global_batch // jax.process_count()
