"""Grey, RGB and alpha: what the networks see of a picture, and how it is put together again."""

import io

import numpy as np
from PIL import Image

from pqmim_jax.coding import CorruptFileError

_OPAQUE = 255
_MAX_WEBP_SIDE = 16383
_LOSSLESS = (("PNG", {"optimize": True}), ("WEBP", {"lossless": True, "method": 6}))


def split(image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Colour (H, W, 3) and alpha (H, W) or None of a picture (H, W) or (H, W, 2 to 4) uint8.

    Raises:
      ValueError: no such array, or an empty one.
    """
    image = np.asarray(image)
    shape_fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (2, 3, 4))
    if not shape_fits or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(
            "image must be uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) and not empty, "
            f"got {image.dtype} {tuple(image.shape)}"
        )
    if image.ndim == 2:
        image = image[..., None]
    alpha = image[..., -1] if image.shape[2] in (2, 4) else None
    if is_grey(image):
        return np.repeat(image[..., :1], 3, axis=2), alpha
    return image[..., :3], alpha


def is_grey(image: np.ndarray) -> bool:
    """Whether a picture has a single colour channel."""
    return image.ndim == 2 or image.shape[2] < 3


def join(colour: np.ndarray, *, grey: bool, alpha: np.ndarray | None) -> np.ndarray:
    """Inverse of `split`; grey is the luma of Rec. 601."""
    if grey:
        colour = np.asarray(Image.fromarray(colour).convert("L"))
    if alpha is None:
        return colour
    return np.dstack([colour, alpha])


def encode_alpha(alpha: np.ndarray) -> bytes:
    """(H, W) uint8 without loss: one byte if it is constant, else the smaller of PNG and WebP."""
    if alpha.min() == alpha.max():
        return bytes([alpha[0, 0]])
    formats = _LOSSLESS if max(alpha.shape) <= _MAX_WEBP_SIDE else _LOSSLESS[:1]
    return min((_encode(alpha, *each) for each in formats), key=len)


def decode_alpha(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Inverse of `encode_alpha`, for a picture of `size` (rows, columns).

    Raises:
      CorruptFileError: it is no picture of one of the two formats and of this size.
    """
    if len(data) == 1:
        return np.full(size, data[0], np.uint8)
    try:
        with Image.open(io.BytesIO(data), formats=[name for name, _ in _LOSSLESS]) as opened:
            # Before the pixels are decoded: a small file can claim a huge picture.
            if opened.size != size[::-1]:
                raise ValueError(f"it has {opened.size[0]} x {opened.size[1]} pixels")
            return np.array(opened.convert("RGB"))[..., 0]
    except Exception as error:  # a damaged picture makes Pillow raise nearly anything
        raise CorruptFileError(f"the alpha channel is unusable: {error}") from error


def opaque(size: tuple[int, int]) -> np.ndarray:
    """What stands for an alpha channel that is lost."""
    return np.full(size, _OPAQUE, np.uint8)


def _encode(alpha: np.ndarray, format_name: str, options: dict) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(alpha).save(buffer, format_name, **options)
    return buffer.getvalue()
