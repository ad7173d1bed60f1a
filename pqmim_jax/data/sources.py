"""Random-access sources of pictures: image folders and TFDS data sets."""

import abc
import operator
import os
import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from pqmim_jax.data.decode import DataError, EncodedPicture, decode_image

IMAGE_SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".webp", ".ppm", ".tif", ".tiff", ".bmp", ".avif"]
)

# A TFDS name may end in a version ("mnist:3.0.1") and a split may be sliced ("train[:90%]").
_TFDS_SPEC = re.compile(r"(?P<name>[^:]+(?::\d+\.\d+\.\d+)?)(?::(?P<split>.+))?")


class ImageSource(abc.ABC):
    """A sequence of decoded pictures, each a read-only uint8 array (H, W, 3).

    Thread-safe. Decoded pictures are kept in memory until `cache_mb` is used up; from then on
    no picture is added and none is dropped: with shuffled epochs, evicting would only churn.
    """

    def __init__(self, cache_mb: int = 0):
        """Sets up the cache of at most `cache_mb` MiB of pixels (0: none)."""
        if cache_mb < 0:
            raise ValueError(f"cache_mb must be >= 0, got {cache_mb}")
        self._free_bytes = cache_mb * 2**20
        self._cached: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of pictures."""

    @abc.abstractmethod
    def _encoded(self, index: int) -> tuple[str | bytes, str]:
        """Path or bytes of picture `index`, 0 <= index < len(self), and its name for errors."""

    @property
    def encoded(self) -> "EncodedPictures":
        """The same pictures, not yet decoded; no cache."""
        return EncodedPictures(self)

    @property
    def cached_bytes(self) -> int:
        """Bytes of pixels held in memory."""
        with self._lock:
            return sum(image.nbytes for image in self._cached.values())

    def __getitem__(self, index: int) -> np.ndarray:
        """Picture `index` (0-based) as a read-only uint8 array (H, W, 3).

        Raises:
            IndexError: `index` is out of range.
            DataError: the picture cannot be decoded.
        """
        index = self._checked(index)
        image = self._cached.get(index)
        if image is None:
            # Decoding happens outside the lock: two threads may decode one picture at once,
            # which costs time now and then but never blocks the others.
            image = decode_image(*self._encoded(index))
            self._keep(index, image)
        return image

    def _checked(self, index: int) -> int:
        index = operator.index(index)
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of a source of {len(self)}")
        return index

    def _keep(self, index: int, image: np.ndarray) -> None:
        with self._lock:
            if index not in self._cached and image.nbytes <= self._free_bytes:
                self._cached[index] = image
                self._free_bytes -= image.nbytes


class EncodedPictures:
    """The pictures of a source as a sequence of `EncodedPicture`."""

    def __init__(self, source: ImageSource):
        """Reads nothing yet."""
        self._source = source

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._source)

    def __getitem__(self, index: int) -> EncodedPicture:
        """Picture `index` (0-based). Errors as of `ImageSource`."""
        return EncodedPicture(*self._source._encoded(self._source._checked(index)))


class FolderSource(ImageSource):
    """All pictures below some folders, each folder's sorted by their path relative to it.

    The order is therefore the same on every machine that holds the same files. Links to folders
    are followed; hidden files and folders are left out. Which files are pictures is told by
    their suffix (`IMAGE_SUFFIXES`, any case).
    """

    def __init__(self, folders: Sequence[str | os.PathLike], cache_mb: int = 0):
        """Lists the folders; decodes nothing.

        Raises:
            DataError: a folder is missing, or there is no picture below it.
        """
        super().__init__(cache_mb)
        self.paths = [path for folder in folders for path in _list_images(folder)]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.paths)

    def _encoded(self, index: int) -> tuple[str, str]:
        return self.paths[index], self.paths[index]


class TfdsSource(ImageSource):
    """Feature "image" of a TFDS data set prepared as array_record, read without TensorFlow.

    The records' bytes are decoded by `decode_image`, as files are.
    """

    def __init__(self, name: str, split: str = "train", cache_mb: int = 0):
        """Opens a prepared data set below `TFDS_DATA_DIR` (default: TFDS's own).

        Raises:
            DataError: TFDS is not installed, the data set is not prepared in a random-access
                format, or it has no encoded feature "image".
        """
        super().__init__(cache_mb)
        self.name = f"tfds:{name}:{split}"
        self._records = _open_tfds(name, split)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._records)

    def _encoded(self, index: int) -> tuple[bytes, str]:
        return self._records[index]["image"], f"{self.name} record {index}"


def open_source(spec: str, *, cache_mb: int = 0) -> ImageSource:
    """Opens a source of pictures.

    Args:
        spec: `folder:PATH[,PATH...]` for all pictures below the folders, or
            `tfds:NAME[/CONFIG][:VERSION][:SPLIT]` (split "train" by default, slices such as
            `train[:90%]` allowed) for a data set prepared as array_record.
        cache_mb: MiB of decoded pictures to keep in memory; 0 keeps none.

    Raises:
        DataError: the spec is malformed, or what it names is missing or empty.
    """
    kind, _, rest = spec.partition(":")
    if kind == "folder" and rest:
        return FolderSource(rest.split(","), cache_mb)
    tfds = _TFDS_SPEC.fullmatch(rest) if kind == "tfds" else None
    if tfds:
        return TfdsSource(tfds["name"], tfds["split"] or "train", cache_mb)
    raise DataError(
        f"unknown data source {spec!r}: use folder:PATH[,PATH...] or tfds:NAME[/CONFIG][:SPLIT]"
    )


def _list_images(folder: str | os.PathLike) -> list[str]:
    root = os.path.expanduser(os.fspath(folder))
    if not os.path.isdir(root):
        raise DataError(f"no such folder: {root!r}")
    found = []
    for parent, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.join(parent, name)
            for name in files
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
        ]
    if not found:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(f"no pictures below {root!r}; looked for {suffixes}")
    return sorted(found, key=lambda path: os.path.relpath(path, root).split(os.sep))


def _open_tfds(name: str, split: str) -> Any:
    """The data set's records as a sequence of dicts, feature "image" left encoded."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(
            "tfds: sources need TensorFlow Datasets: pip install pqmim-jax[tfds]"
        ) from error
    try:
        records = tfds.data_source(
            name,
            split=split,
            data_dir=os.environ.get("TFDS_DATA_DIR"),
            download=False,
            builder_kwargs={"file_format": "array_record"},
            decoders={"image": tfds.decode.SkipDecoding()},
        )
    # TFDS raises a dozen types here, some with messages that list every data set it knows.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"cannot open tfds:{name}:{split}: {reason} (prepare a data set with"
            f" `tfds build {name} --file_format=array_record`, and set TFDS_DATA_DIR)"
        ) from error
    features = records.dataset_info.features
    if "image" not in features or not isinstance(features["image"], tfds.features.Image):
        raise DataError(f"tfds:{name} has no image feature 'image', only {sorted(features)}")
    if not len(records):
        raise DataError(f"tfds:{name}:{split} is empty")
    return records
