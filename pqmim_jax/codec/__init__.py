"""Images to `.pqm` bytes and back: model + schedule + coder."""

from pqmim_jax.codec.codec import Codec, EncodedImage, FileInfo

__all__ = ["Codec", "EncodedImage", "FileInfo"]
