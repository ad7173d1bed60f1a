"""Images to `.pqm` bytes and back: model + schedule + coder."""

from pqmim_jax.codec.codec import Codec
from pqmim_jax.codec.results import DecodedImage, EncodedImage, FileInfo

__all__ = ["Codec", "DecodedImage", "EncodedImage", "FileInfo"]
