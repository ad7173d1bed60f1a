"""Flax linen modules: the PQ-VAE (stage 1) and the MIM entropy model (stage 2).

Everything here is a pure function of (parameters, inputs); nothing does I/O.
"""

from pqmim_jax.models.autoencoder import Autoencoder, build_autoencoder
from pqmim_jax.models.mim import MaskedImageModel, build_mim
from pqmim_jax.models.quantizer import ProductQuantizer

__all__ = [
    "Autoencoder",
    "MaskedImageModel",
    "ProductQuantizer",
    "build_autoencoder",
    "build_mim",
]
