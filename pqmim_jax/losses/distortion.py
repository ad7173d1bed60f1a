"""Distortions between images, all smaller-is-better scalars per image."""

import jax
import jax.numpy as jnp
import numpy as np

PEAK = 255.0  # distortions are reported on the scale of 8-bit samples
MS_SSIM_SMALLEST_SIDE = 161  # 11 pixels of window at the fifth scale, odd sides rounded up
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def mse(reconstruction: jax.Array, image: jax.Array) -> jax.Array:
    """Mean squared error per image in 8-bit units; (B, H, W, 3) on a 0..1-wide scale -> (B,)."""
    return PEAK**2 * jnp.mean((reconstruction - image) ** 2, axis=(1, 2, 3))


def charbonnier(reconstruction: jax.Array, image: jax.Array) -> jax.Array:
    """Smooth absolute error (Charbonnier et al. 1994) per image in 8-bit units, 0 if equal.

    mean sqrt(d^2 + e^2) - e with e = 0.255 of 255; shapes as in `mse`.
    """
    epsilon = 1e-3
    smooth = jnp.sqrt((reconstruction - image) ** 2 + epsilon**2) - epsilon
    return PEAK * jnp.mean(smooth, axis=(1, 2, 3))


def one_minus_ms_ssim(reconstruction: jax.Array, image: jax.Array) -> jax.Array:
    """1 - MS-SSIM (Wang et al. 2003) per image; images on a 0..1-wide scale, sides >= 161 px."""
    if min(image.shape[1:3]) < MS_SSIM_SMALLEST_SIDE:
        raise ValueError(
            f"MS-SSIM needs images of at least {MS_SSIM_SMALLEST_SIDE} pixels a side, got "
            f"{image.shape}"
        )
    # A similarity at zero or below would stop the gradient of all scales.
    factors = ms_ssim_factors(reconstruction, image, floor=1e-6)
    return 1 - jnp.mean(jnp.prod(factors, axis=-1), axis=-1)


def ms_ssim_factors(a: jax.Array, b: jax.Array, *, floor: float) -> jax.Array:
    """What MS-SSIM multiplies: similarity at each scale to the power of the scale's weight.

    Args:
      a, b: float (B, H, W, 3) in [-0.5, 0.5], sides >= 161 pixels.
      floor: what smaller similarities count as, 0 in the definition.

    Returns:
      (B, 3, 5): channels, scales.
    """
    terms = []
    for scale in range(len(_SCALE_WEIGHTS)):
        luminance, contrast = _ssim_terms(a, b)
        last = scale == len(_SCALE_WEIGHTS) - 1
        similarity = (luminance * contrast if last else contrast).mean((1, 2))
        terms.append(jnp.maximum(similarity, floor))
        a, b = _halve(a), _halve(b)
    return jnp.stack(terms, axis=-1) ** jnp.array(_SCALE_WEIGHTS)


def _ssim_terms(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    # The luminance term needs sample values from 0; inputs are centred on 0.
    mean_a, mean_b = _blur(a + 0.5), _blur(b + 0.5)
    var_a = _blur((a + 0.5) ** 2) - mean_a**2
    var_b = _blur((b + 0.5) ** 2) - mean_b**2
    cov = _blur((a + 0.5) * (b + 0.5)) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * cov + c2) / (var_a + var_b + c2)


def _blur(x: jax.Array) -> jax.Array:
    """11-tap Gaussian of sigma 1.5, valid region only, separable."""
    # Two banded matrices: eleven shifted sums a side took XLA a minute to compile.
    rows, columns = _gaussian_band(x.shape[1]), _gaussian_band(x.shape[2])
    x = jnp.einsum("ri,bijc->brjc", rows, x, precision="highest")
    return jnp.einsum("sj,brjc->brsc", columns, x, precision="highest")


def _gaussian_band(n: int) -> np.ndarray:
    """(n - 10, n) float32: row i holds the taps at columns i..i + 10."""
    taps = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    band = sum(tap * np.eye(n - 10, n, i) for i, tap in enumerate(taps / taps.sum()))
    return band.astype(np.float32)


def _halve(x: jax.Array) -> jax.Array:
    """Means of 2 x 2; an odd side gets a black line first, as in pytorch-msssim."""
    odd = [(n % 2, 0) for n in x.shape[1:3]]
    x = jnp.pad(x, [(0, 0), *odd, (0, 0)], constant_values=-0.5)
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


DISTORTIONS = {"mse": mse, "ms_ssim": one_minus_ms_ssim, "charbonnier": charbonnier}


def distortion(name: str):
    """The distortion called `name`; ValueError lists the choices."""
    if name not in DISTORTIONS:
        raise ValueError(f"unknown distortion {name!r}; choices: {', '.join(DISTORTIONS)}")
    return DISTORTIONS[name]
