"""Image sources, augmentations, synthetic pictures and grain input pipelines.

Needs the `train` extra (grain); TFDS sources need the `tfds` extra besides. No TensorFlow.
"""

from pqmim_jax.data.augment import (
    AUGMENTATIONS,
    center_crop,
    make_augmentation,
    random_flip,
    random_resized_crop,
    rescaled_crop,
)
from pqmim_jax.data.decode import DataError, EncodedPicture, decode_image
from pqmim_jax.data.pipeline import eval_batches, train_iterator
from pqmim_jax.data.sources import FolderSource, ImageSource, TfdsSource, open_source
from pqmim_jax.data.synthetic import flat_pictures, synthetic_picture
from pqmim_jax.data.tiles import load_tiles

__all__ = [
    "AUGMENTATIONS",
    "DataError",
    "EncodedPicture",
    "FolderSource",
    "ImageSource",
    "TfdsSource",
    "center_crop",
    "decode_image",
    "eval_batches",
    "flat_pictures",
    "load_tiles",
    "make_augmentation",
    "open_source",
    "random_flip",
    "random_resized_crop",
    "rescaled_crop",
    "synthetic_picture",
    "train_iterator",
]
