"""Images to `.pqm` bytes and back: model + schedule + coder."""

from pqmim_jax.codec.codec import Codec, FileInfo

__all__ = ["Codec", "FileInfo"]
