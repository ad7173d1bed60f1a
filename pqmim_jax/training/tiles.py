"""Training data that lies on the devices: each step takes its own crops from tiles there."""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.sharding import over_batch
from pqmim_jax.training.stage import Stage

# Makes keys of crops others than those that a stage's own step draws from the key of the run.
_CROPS = 2**31


class TileBatches:
    """Stands where batches from the host would: a step needs nothing from there."""

    def __init__(self, tiles: np.ndarray, *, flip: bool):
        """Takes uint8 (N, side, side, 3), equal on all processes, and if crops are mirrored."""
        self.tiles, self.flip = tiles, flip

    def __next__(self) -> dict[str, np.ndarray]:
        """A batch without arrays."""
        return {}

    def get_state(self) -> dict:
        """Nothing to remember: crops are a function of seed and step."""
        return {}

    def set_state(self, state: dict) -> None:
        """Goes on from any state."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class TileStage(Stage):
    """A stage whose first constant are the tiles, and whose batches are empty."""

    def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """A global batch."""
        return {}


def on_tiles(stage: Stage, batches: TileBatches, mesh: Mesh) -> TileStage:
    """The stage with crops that its step takes from the tiles.

    These lie whole on every device. The crops are the same on any mesh.

    Raises:
      ConfigError: a crop is larger than a tile.
    """
    side = batches.tiles.shape[1]
    if stage.crop > side:
        raise ConfigError(f"a crop of {stage.crop} pixels is larger than data.tile {side}")

    def step(state, batch, key, tiles, *constants):
        del batch
        crop_key = jax.random.fold_in(jax.random.fold_in(key, np.uint32(_CROPS)), state.step)
        images = random_crops(crop_key, tiles, stage.batch_size, stage.crop, flip=batches.flip)
        images = jax.lax.with_sharding_constraint(images, over_batch(mesh))
        return stage.step_fn(state, {"image": images}, key, *constants)

    def evaluate(params, batch, tiles, *constants):
        del tiles
        return stage.eval_fn(params, batch, *constants)

    values = {field.name: getattr(stage, field.name) for field in fields(Stage)}
    shape = jax.ShapeDtypeStruct(batches.tiles.shape, batches.tiles.dtype)
    values |= {"step_fn": step, "eval_fn": evaluate, "constants": (shape, *stage.constants)}
    return TileStage(**values)


def random_crops(
    key: jax.Array, tiles: jax.Array, count: int, crop: int, *, flip: bool
) -> jax.Array:
    """Square crops at uniform places of uniformly drawn tiles.

    Args:
      tiles: uint8 (N, side, side, 3), side >= crop.
      count: of crops.
      crop: pixels a side.
      flip: mirror half of them left to right.

    Returns:
      uint8 (count, crop, crop, 3).
    """
    which, top, left, mirror = jax.random.split(key, 4)
    places = tiles.shape[1] - crop + 1
    corners = (
        jax.random.randint(which, (count,), 0, len(tiles)),
        jax.random.randint(top, (count,), 0, places),
        jax.random.randint(left, (count,), 0, places),
    )

    def cut(number, y, x):
        return jax.lax.dynamic_slice(tiles, (number, y, x, 0), (1, crop, crop, 3))[0]

    images = jax.vmap(cut)(*corners)
    if not flip:
        return images
    mirrored = jax.random.bernoulli(mirror, 0.5, (count, 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)
