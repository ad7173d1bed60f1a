"""The device mesh, and where the batch and replicated arrays lie on it."""

import math

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXES = ("data", "fsdp", "tensor")
_BATCH_AXES = ("data", "fsdp")


def mesh_shape(config, device_count: int) -> tuple[int, int, int]:
    """Sizes of the axes `AXES`; one -1 takes the devices that the others leave.

    Raises:
      ValueError: the sizes do not fit `device_count` devices.
    """
    sizes = [config[axis] for axis in AXES]
    wanted = ", ".join(f"{axis} {size}" for axis, size in zip(AXES, sizes, strict=True))
    if any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
        raise ValueError(f"mesh sizes must be >= 1, at most one of them -1, got {wanted}")
    fixed = math.prod(size for size in sizes if size != -1)
    if fixed > device_count or (-1 in sizes and device_count % fixed):
        raise ValueError(f"mesh of {wanted} does not fit {device_count} devices")
    return tuple(device_count // fixed if size == -1 else size for size in sizes)


def build_mesh(config, devices=None) -> Mesh:
    """Mesh with the axes `AXES`, sizes from `config`.

    Args:
      config: section `mesh` of the config.
      devices: those to use; all there are by default.

    Raises:
      ValueError: the sizes do not fit, or leave devices idle in a run of several processes.
    """
    devices = jax.devices() if devices is None else list(devices)
    shape = mesh_shape(config, len(devices))
    count = math.prod(shape)
    if count < len(devices) and jax.process_count() > 1:
        raise ValueError(f"mesh uses {count} of {len(devices)} devices: set one axis to -1")
    grid = mesh_utils.create_device_mesh(shape, devices[:count], allow_split_physical_axes=True)
    return Mesh(grid, AXES)


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def over_batch(mesh: Mesh) -> NamedSharding:
    """The leading axis is split over the `data` and `fsdp` axes."""
    return NamedSharding(mesh, PartitionSpec(_BATCH_AXES))


def batch_shards(mesh: Mesh) -> int:
    """Into how many parts a batch is split."""
    return math.prod(mesh.shape[axis] for axis in _BATCH_AXES)


def local_rows(global_batch: int, mesh: Mesh) -> np.ndarray:
    """Rows of every global batch that this process's devices hold, ascending int64.

    Raises:
      ValueError: the batch does not divide over the mesh.
    """
    shards = batch_shards(mesh)
    if global_batch % shards:
        raise ValueError(f"batch_size {global_batch} is not a multiple of {shards} devices")
    slices = over_batch(mesh).addressable_devices_indices_map((global_batch,)).values()
    rows = {row for (part,) in slices for row in range(*part.indices(global_batch))}
    return np.array(sorted(rows))


def place_batch(
    batch: dict[str, np.ndarray], rows: np.ndarray, global_batch: int, mesh: Mesh
) -> dict[str, jax.Array]:
    """Global arrays of `global_batch` rows from this process's `rows` of them."""
    sharding = over_batch(mesh)

    def place(values: np.ndarray) -> jax.Array:
        shape = (global_batch, *values.shape[1:])
        parts = sharding.addressable_devices_indices_map(shape)
        # Explicit copies, device by device: the transfer guard of the loop refuses others.
        pieces = [
            jax.device_put(values[_positions(index[0], rows)], device)
            for device, index in parts.items()
        ]
        return jax.make_array_from_single_device_arrays(shape, sharding, pieces)

    return {name: place(values) for name, values in batch.items()}


def _positions(part: slice, rows: np.ndarray) -> slice:
    """Where the global rows of `part` are among this process's `rows`."""
    start = int(np.searchsorted(rows, part.start or 0))
    stop = len(rows) if part.stop is None else int(np.searchsorted(rows, part.stop))
    return slice(start, stop)
