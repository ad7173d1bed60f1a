"""MS-SSIM of 8-bit pictures."""

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.evaluation.lpips_metric import check_pair
from pqmim_jax.losses.distortion import MS_SSIM_SMALLEST_SIDE, ms_ssim_factors


def ms_ssim(image: np.ndarray, other: np.ndarray) -> float | None:
    """MS-SSIM (Wang et al. 2003) of two uint8 (H, W, 3) pictures, in [0, 1].

    The product over five scales within each of R, G and B, then the mean of the three, as
    pytorch-msssim and the papers that use it; odd sides as there, too. Means over pictures are
    means of these values, not of decibels.

    Returns:
      the value, or None where a side has 160 pixels or fewer: the fifth scale would be narrower
      than the 11 pixels of the window.

    Raises:
      ValueError: other shapes or types.
    """
    check_pair(image, other)
    if min(image.shape[:2]) < MS_SSIM_SMALLEST_SIDE:
        return None
    return float(_ms_ssim(image[None], other[None]))


@jax.jit
def _ms_ssim(image: jax.Array, other: jax.Array) -> jax.Array:
    pair = [x.astype(jnp.float32) / 255 - 0.5 for x in (image, other)]
    return jnp.prod(ms_ssim_factors(*pair, floor=0.0), axis=-1).mean()
