"""The baseline: a mean-scale hyperprior (Minnen, Ballé and Toderici 2018), several rates in one.

Without the autoregressive part of that paper. Rates: channel gains and inverse gains, one pair of
vectors a rate (Cui et al. 2021, "Asymmetric Gained Deep Image Compression").
"""

from pqmim_jax.models.hyperprior.model import Hyperprior, HyperpriorOutput, build_hyperprior

__all__ = ["Hyperprior", "HyperpriorOutput", "build_hyperprior"]
