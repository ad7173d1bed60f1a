"""The compiled programs of the hyperprior's codec: whole padded pictures, one thread each."""

from collections.abc import Callable
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.codec.program_cache import compiled, start_backend_for_floats
from pqmim_jax.hyperprior_store import StoredHyperprior
from pqmim_jax.models.hyperprior.symbol_weights import (
    SCALE_LEVELS,
    SMALLEST_SCALE,
    log_scale_step,
)

MEAN_STEPS = 64
"""Means are multiples of 1/64 of a quantization step."""

_LARGEST_MEAN = 2.0**17  # times 64 still exact in float32


class HyperpriorPrograms:
    """Compiled (or read from the disk cache) on first use, for each padded size."""

    def __init__(self, model: StoredHyperprior):
        """Moves the parameters to the device."""
        start_backend_for_floats()
        self._config = model.config
        self._params = jax.device_put(model.params)
        self.f = model.config["f"]
        self._compiled: dict[tuple, Callable] = {}

    def analysis(self, image: np.ndarray, mask: np.ndarray, rate: int):
        """Latents and hyper-latents of a padded picture, in quantization steps of the rate.

        Args:
          image: (H, W, 3) uint8.
          mask: (h, w) float32, 1 where a latent belongs to the picture.

        Returns:
          (h, w, C) and (h/4, w/4, C'), float32.
        """

        def program(params, image, mask, rate):
            x = image[None].astype(jnp.float32) / 255.0 - 0.5
            latents = self._apply(params, x, mask[None], method="encode")
            scaled = self._apply(params, latents, rate[None], method="scaled")
            hyper = self._apply(params, latents, rate[None], method="hyper_latents")
            return scaled[0], hyper[0]

        return self._run("analysis", program, image, mask, np.int32(rate))

    def gaussians(self, hyper: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
        """Scale levels (h, w, C) int32 in [0, 64) and means (h, w, C) float32.

        Args:
          hyper: (h/4, w/4, C') int32.
        """

        def program(params, hyper, rate):
            symbols = hyper[None].astype(jnp.float32)
            mean, log_scale = self._apply(params, symbols, rate[None], method="gaussians")
            # The rounding below decides about bytes: see FORMAT.md on what is fragile.
            level = jnp.round((log_scale - np.log(SMALLEST_SCALE)) / log_scale_step())
            level = jnp.clip(jnp.nan_to_num(level), 0, SCALE_LEVELS - 1)
            mean = jnp.clip(jnp.nan_to_num(mean), -_LARGEST_MEAN, _LARGEST_MEAN)
            return level[0].astype(jnp.int32), jnp.round(mean[0] * MEAN_STEPS) / MEAN_STEPS

        return self._run("gaussians", program, hyper, np.int32(rate))

    def synthesis(self, latents: np.ndarray, mask: np.ndarray, rate: int) -> np.ndarray:
        """Padded picture (H, W, 3) uint8 of latents (h, w, C) float32 in steps of the rate."""

        def program(params, latents, mask, rate):
            image = self._apply(params, latents[None], rate[None], mask[None], method="decode")
            image = jnp.nan_to_num(image[0])
            return (jnp.clip(jnp.round((image + 0.5) * 255.0), 0, 255).astype(jnp.uint8),)

        return self._run("synthesis", program, latents, mask, np.int32(rate))[0]

    def _run(self, name: str, program: Callable, *arguments) -> tuple[np.ndarray, ...]:
        key = (name, *(np.shape(a) for a in arguments))
        if key not in self._compiled:
            every = (self._params, *arguments)
            config = {"hyperprior": self._config}
            self._compiled[key] = compiled(f"hyperprior-{name}", config, lambda: program, every)
        return tuple(np.asarray(out) for out in self._compiled[key](self._params, *arguments))

    def _apply(self, params, *arguments, method: str):
        return self._model.apply({"params": params}, *arguments, method=method)

    @cached_property
    def _model(self):
        from ml_collections import ConfigDict

        from pqmim_jax.models.hyperprior import build_hyperprior

        return build_hyperprior(ConfigDict(self._config))
