"""Training and evaluation batches with grain.

The order of a training run is one global stream of records, a function of the seed alone; each
process takes every `process_count`-th record of it. So with the global batch size kept, the set
of examples in each global batch (augmentation included) and the meaning of a saved state are the
same at any number of processes.

Fields of `data_config` (attribute access, as of an ml_collections.ConfigDict):
    source: str, see `open_source`.
    cache_mb: int, MiB of decoded pictures kept in memory by this process.
    crop: int, side of the crops in pixels.
    augmentation: str, one of `AUGMENTATIONS` (training only).
    min_scale, max_scale: float, of `rescaled_crop` (training only).
    flip: bool, random left-right mirroring (training only).
    num_threads: int, threads that decode and crop; 0 works in the caller's thread.
    prefetch: int, batches kept ready or in work; 0 works in the caller's thread. Each thread
        makes whole batches, so more than `prefetch` threads are of no use.
    crops_per_image: int >= 1, see `train_iterator` (training only).
"""

import threading
from typing import Any

import grain
import numpy as np

from pqmim_jax.data.augment import center_crop, make_augmentation
from pqmim_jax.data.sources import open_source


def train_iterator(
    data_config: Any, *, batch_size: int, seed: int, process_index: int = 0, process_count: int = 1
) -> grain.DatasetIterator:
    """An endless, checkpointable stream of training batches of this process.

    Each epoch visits every picture once, in an order of its own, and takes `crops_per_image` crops
    at each visit, as consecutive records of the global stream (decoded once where one process
    gets several of them). Batches run on across epochs.

    Args:
        data_config: see the module's docstring.
        batch_size: examples per batch *of this process*.
        seed: >= 0; the only thing order and augmentation depend on, besides the source.
        process_index: which process this is, 0 <= process_index < process_count.
        process_count: how many processes share the stream.

    Returns:
        Iterator over {"image": uint8 (batch_size, crop, crop, 3)}. `get_state()` is a small
        JSON-able dict (the number of batches taken); `set_state()` continues exactly from there.

    Raises:
        DataError: the source cannot be opened; while iterating, a picture cannot be decoded.
        ValueError: a parameter out of range or an unknown augmentation.
    """
    _check_sharding(batch_size, process_index, process_count)
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    crops_per_image = data_config.crops_per_image
    if crops_per_image < 1:
        raise ValueError(f"crops_per_image must be >= 1, got {crops_per_image}")
    augment = make_augmentation(
        data_config.augmentation,
        size=data_config.crop,
        min_scale=data_config.min_scale,
        max_scale=data_config.max_scale,
        flip=data_config.flip,
    )
    # Seeds of our own rather than grain's `.seed()`, which depend on a step's place in the chain.
    shuffle_seed, augment_seed = map(int, np.random.SeedSequence(seed).generate_state(2))
    source = open_source(data_config.source, cache_mb=data_config.cache_mb)
    records = grain.MapDataset.source(source).shuffle(shuffle_seed)
    if crops_per_image > 1:
        records = _ConsecutiveCopies(records, crops_per_image)
    # The crop comes before the slice, so that its randomness goes by the global record number.
    crops = records.repeat().random_map(
        lambda image, rng: {"image": augment(image, rng)}, seed=augment_seed
    )
    mine = crops[process_index::process_count]
    # drop_remainder: an endless data set has none, but its rounded-up length would overflow.
    batches = mine.batch(batch_size, drop_remainder=True)
    return iter(batches.to_iter_dataset(_read_options(data_config)))


def eval_batches(
    data_config: Any, *, batch_size: int, process_index: int = 0, process_count: int = 1
) -> grain.DatasetIterator:
    """One pass over the source in its own order: every picture's centre crop exactly once.

    All processes get the same number of batches; what is missing to fill them is black and marked.

    Args:
        data_config: see the module's docstring.
        batch_size: examples per batch *of this process*.
        process_index: which process this is, 0 <= process_index < process_count.
        process_count: how many processes share the pass.

    Returns:
        Finite iterator over {"image": uint8 (batch_size, crop, crop, 3), "valid": bool
        (batch_size,)}. Row i of batch b is picture (b * batch_size + i) * process_count +
        process_index.

    Raises:
        DataError: the source cannot be opened; while iterating, a picture cannot be decoded.
        ValueError: a parameter out of range.
    """
    _check_sharding(batch_size, process_index, process_count)
    size = data_config.crop
    if size < 1:
        raise ValueError(f"crop must be >= 1 pixel, got {size}")
    source = open_source(data_config.source, cache_mb=data_config.cache_mb)

    def make_batch(batch: int) -> dict[str, np.ndarray]:
        local = np.arange(batch * batch_size, (batch + 1) * batch_size)
        indices = local * process_count + process_index
        valid = indices < len(source)
        image = np.zeros((batch_size, size, size, 3), np.uint8)
        for row in np.flatnonzero(valid):
            image[row] = center_crop(source[indices[row]], size)
        return {"image": image, "valid": valid}

    num_batches = -(-len(source) // (batch_size * process_count))
    batches = grain.MapDataset.range(num_batches).map(make_batch)
    return iter(batches.to_iter_dataset(_read_options(data_config)))


class _ConsecutiveCopies(grain.MapDataset):
    """Each element of the parent `copies` times in a row.

    Each thread remembers the element it read last: a batch is made by one thread, so the copies
    that fall into one batch are read once.
    """

    def __init__(self, parent: grain.MapDataset, copies: int):
        super().__init__(parent)
        self._copies = copies
        self._last = threading.local()

    def __len__(self) -> int:
        return len(self._parent) * self._copies

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.slice(index)
        # Right past the first epoch too: its length is a multiple of the copies.
        visit = index // self._copies
        if getattr(self._last, "visit", None) != visit:
            self._last.element = self._parent[visit]
            self._last.visit = visit
        return self._last.element


def _read_options(data_config: Any) -> grain.ReadOptions:
    return grain.ReadOptions(
        num_threads=data_config.num_threads, prefetch_buffer_size=data_config.prefetch
    )


def _check_sharding(batch_size: int, process_index: int, process_count: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size must be >= 1, got {batch_size}")
    if not 0 <= process_index < process_count:
        raise ValueError(f"process_index must be in 0..{process_count - 1}, got {process_index}")
