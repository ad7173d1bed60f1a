"""Images to `.pqh` bytes and back with the hyperprior baseline; FORMAT.md is the specification."""

from pqmim_jax.codec.hyperprior.codec import EncodedHyperprior, HyperpriorCodec

__all__ = ["EncodedHyperprior", "HyperpriorCodec"]
