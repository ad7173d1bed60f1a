"""Training and evaluation batches with grain.

The order of a training run is one global stream of records, a function of the seed alone, cut into
global batches; each process makes its own rows of every global batch. So with the global batch
size kept, the global batches, rows in their order and augmentation included, and the meaning of a
saved state are the same at any number of processes.

Fields of `data_config` (attribute access, as of an ml_collections.ConfigDict):
    source: str, see `open_source`.
    cache_mb: int, MiB of decoded pictures kept in memory by this process; 0 keeps none, which
        also lets training decode only what a crop needs (see `train_iterator`).
    crop: int, side of the crops in pixels.
    augmentation: str, one of `AUGMENTATIONS` (training only).
    min_scale, max_scale: float, of `rescaled_crop` (training only).
    flip: bool, random left-right mirroring of photographs (training only).
    synthetic_share: float in [0, 1], probability that a record of the global stream is a synthetic
        picture instead of a crop of its photograph, see `synthetic_picture` (training only).
    num_threads: int, threads that decode and crop; 0 works in the caller's thread.
    prefetch: int, batches kept ready or in work; 0 works in the caller's thread. Each thread
        makes whole batches, so more than `prefetch` threads are of no use.
    crops_per_image: int >= 1, see `train_iterator` (training only).
"""

import threading
from collections.abc import Sequence
from typing import Any

import grain
import numpy as np

from pqmim_jax.data.augment import center_crop, make_augmentation
from pqmim_jax.data.sources import open_source
from pqmim_jax.data.synthetic import with_synthetic


def train_iterator(
    data_config: Any, *, batch_size: int, seed: int, rows: Sequence[int] | None = None
) -> grain.DatasetIterator:
    """An endless, checkpointable stream of training batches of this process.

    Each epoch visits every picture once, in an order of its own, and takes `crops_per_image` crops
    at each visit, as consecutive records of the global stream (decoded once where one process
    makes several of them). Batches run on across epochs: row r of global batch s is record
    s * batch_size + r.

    Where nothing would be decoded for a second use (`cache_mb` 0 and `crops_per_image` 1), large
    JPEGs are decoded at reduced size for crops that shrink them; their pixels then differ slightly
    from those of fully decoded pictures. See `EncodedPicture`. Which way is taken is a matter of
    the configuration alone, so it is the same for all processes and after a resume.

    Args:
        data_config: see the module's docstring.
        batch_size: examples per global batch, of all processes together.
        seed: >= 0; the only thing order and augmentation depend on, besides the source.
        rows: which rows of every global batch this process makes, ascending; all by default.

    Returns:
        Iterator over {"image": uint8 (len(rows), crop, crop, 3)}. `get_state()` is a small
        JSON-able dict (the number of batches taken); `set_state()` continues exactly from there.

    Raises:
        DataError: the source cannot be opened; while iterating, a picture cannot be decoded.
        ValueError: a parameter out of range or an unknown augmentation.
    """
    rows = _checked_rows(rows, batch_size)
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
    augment = with_synthetic(augment, data_config.crop, data_config.synthetic_share)
    # Seeds of our own rather than grain's `.seed()`, which depend on a step's place in the chain.
    shuffle_seed, augment_seed = map(int, np.random.SeedSequence(seed).generate_state(2))
    source = open_source(data_config.source, cache_mb=data_config.cache_mb)
    if data_config.cache_mb == 0 and crops_per_image == 1:
        source = source.encoded
    records = grain.MapDataset.source(source).shuffle(shuffle_seed)
    if crops_per_image > 1:
        records = _ConsecutiveCopies(records, crops_per_image)
    # The crop comes before the choice of rows: its randomness goes by the global record number.
    crops = records.repeat().random_map(
        lambda image, rng: {"image": augment(image, rng)}, seed=augment_seed
    )
    # drop_remainder: an endless data set has none, but its rounded-up length would overflow.
    batches = _Rows(crops, rows, batch_size).batch(len(rows), drop_remainder=True)
    return iter(batches.to_iter_dataset(_read_options(data_config)))


def eval_batches(
    data_config: Any, *, batch_size: int, rows: Sequence[int] | None = None
) -> grain.DatasetIterator:
    """One pass over the source in its own order: every picture's centre crop exactly once.

    All processes get the same number of batches; what is missing to fill them is black and marked.

    Args:
        data_config: see the module's docstring.
        batch_size: examples per global batch, of all processes together.
        rows: which rows of every global batch this process makes, ascending; all by default.

    Returns:
        Finite iterator over {"image": uint8 (len(rows), crop, crop, 3), "valid": bool
        (len(rows),)}. Row r of global batch b is picture b * batch_size + r.

    Raises:
        DataError: the source cannot be opened; while iterating, a picture cannot be decoded.
        ValueError: a parameter out of range.
    """
    rows = np.asarray(_checked_rows(rows, batch_size))
    size = data_config.crop
    if size < 1:
        raise ValueError(f"crop must be >= 1 pixel, got {size}")
    source = open_source(data_config.source, cache_mb=data_config.cache_mb)

    def make_batch(batch: int) -> dict[str, np.ndarray]:
        indices = batch * batch_size + rows
        valid = indices < len(source)
        image = np.zeros((len(rows), size, size, 3), np.uint8)
        for row in np.flatnonzero(valid):
            image[row] = center_crop(source[indices[row]], size)
        return {"image": image, "valid": valid}

    num_batches = -(-len(source) // batch_size)
    batches = grain.MapDataset.range(num_batches).map(make_batch)
    return iter(batches.to_iter_dataset(_read_options(data_config)))


class _Rows(grain.MapDataset):
    """Some rows of every group of `group` consecutive elements of the (endless) parent."""

    def __init__(self, parent: grain.MapDataset, rows: Sequence[int], group: int):
        super().__init__(parent)
        self._rows, self._group = rows, group

    def __len__(self) -> int:
        return len(self._parent) // self._group * len(self._rows)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.slice(index)
        group, row = divmod(index, len(self._rows))
        return self._parent[group * self._group + self._rows[row]]


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


def _checked_rows(rows: Sequence[int] | None, batch_size: int) -> list[int]:
    if batch_size < 1:
        raise ValueError(f"batch_size must be >= 1, got {batch_size}")
    rows = list(range(batch_size)) if rows is None else [int(row) for row in rows]
    if not rows or sorted(set(rows)) != rows or not 0 <= rows[0] <= rows[-1] < batch_size:
        raise ValueError(f"rows must be ascending numbers in 0..{batch_size - 1}, got {rows}")
    return rows
