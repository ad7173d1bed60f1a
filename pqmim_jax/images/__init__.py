"""Picture files: read as 8-bit pixels, encoded by suffix, written whole or not at all."""

from pqmim_jax.images.atomic import check_writable, write_atomically
from pqmim_jax.images.middle import middle
from pqmim_jax.images.picture import ImageError, Picture, PictureWarning
from pqmim_jax.images.reading import IMAGE_SUFFIXES, read_image, read_picture
from pqmim_jax.images.writing import (
    OUTPUT_SUFFIXES,
    check_output_suffix,
    encode_image,
    encode_picture,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "OUTPUT_SUFFIXES",
    "ImageError",
    "Picture",
    "PictureWarning",
    "check_output_suffix",
    "check_writable",
    "encode_image",
    "encode_picture",
    "middle",
    "read_image",
    "read_picture",
    "write_atomically",
]
