"""Rate and distortion: bits from whole files, PSNR from 8-bit pictures."""

from collections.abc import Sequence

import numpy as np
from scipy import special


def psnr(image: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / MSE), the mean over all RGB samples.

    Args:
      image, other: uint8 (H, W, 3), of one shape.

    Returns:
      dB; infinity for equal pictures.

    Raises:
      ValueError: other shapes or types.
    """
    if image.shape != other.shape or image.dtype != np.uint8 or other.dtype != np.uint8:
        raise ValueError(
            f"need two uint8 pictures of one shape, got {image.dtype} {image.shape} and "
            f"{other.dtype} {other.shape}"
        )
    error = np.mean((image.astype(np.float64) - other) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def bits_per_pixel(num_bytes: int, image: np.ndarray) -> float:
    """Bits of a whole file of `num_bytes` bytes per pixel of `image` (H, W, 3)."""
    return 8 * num_bytes / (image.shape[0] * image.shape[1])


def codebook_perplexity(indices: np.ndarray, codewords: int) -> np.ndarray:
    """How evenly decoded indices use their codebooks: exp(entropy) of the empirical frequencies.

    Args:
      indices: integers (..., M) in [0, codewords), of one picture or of many.
      codewords: K.

    Returns:
      float64 (M,), from 1 (one codeword) to K (all alike often).

    Raises:
      ValueError: no indices, or one out of range.
    """
    columns = np.reshape(indices, (-1, indices.shape[-1])).T
    if columns.size == 0 or columns.min() < 0 or columns.max() >= codewords:
        raise ValueError(f"need one index or more, all in [0, {codewords})")
    counts = np.stack([np.bincount(column, minlength=codewords) for column in columns])
    shares = counts / counts.sum(-1, keepdims=True)
    return np.exp(-np.sum(special.xlogy(shares, shares), axis=-1))


def psnr_at_rate(bpp: float, curve: Sequence[tuple[float, float]]) -> float | None:
    """PSNR that a rate-distortion curve has at `bpp`, linear in (log bpp, PSNR) between points.

    Args:
      bpp: bits per pixel, > 0.
      curve: (bpp, PSNR) points in any order.

    Returns:
      dB, or None outside the curve's range of rates.
    """
    rates, values = np.array(sorted(curve)).T
    if not rates[0] <= bpp <= rates[-1]:
        return None
    return float(np.interp(np.log(bpp), np.log(rates), values))
