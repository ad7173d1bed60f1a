"""Embedded ICC profiles: from a picture's own colours to sRGB, with LittleCMS."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

Conversion = Callable[[Image.Image], Image.Image]

# A profile that moves no colour further than this, out of 255, is sRGB: converting would only
# round the pixels once more.
_SRGB_TOLERANCE = 2


class ProfileError(ValueError):
    """An ICC profile is damaged, or does not describe this kind of pixels."""


def srgb_conversion(profile: bytes, mode: str) -> Conversion | None:
    """How pictures with an embedded profile become sRGB.

    The intent is relative colorimetric with black point compensation: colours that sRGB has stay
    what they are, and white stays white. A grey picture stays grey; its profile may be one for
    RGB, which some programs leave in when they take the colour out.

    Args:
      profile: an ICC profile.
      mode: of the pixels that the conversion will get: L, RGB or CMYK.

    Returns:
      A function from pictures of `mode` to L (from L) or RGB; None if they are sRGB already.

    Raises:
      ProfileError: the profile cannot be used.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "L":
            return _grey_conversion(opened)
        convert = _transform(opened, mode)
        return None if mode == "RGB" and _is_identity(convert) else convert
    # A damaged profile makes Pillow raise PyCMSError, OSError, TypeError or ValueError.
    except Exception as error:
        raise ProfileError(" ".join(str(error).split())) from error


def convert_colours(image: Image.Image, conversion: Conversion) -> Image.Image:
    """Applies a conversion to L, LA, RGB, RGBA or CMYK; alpha stays as it is."""
    if image.mode not in ("LA", "RGBA"):
        return conversion(image)
    converted = conversion(image.convert(image.mode.removesuffix("A")))
    converted.putalpha(image.getchannel("A"))
    return converted


def _transform(
    profile: ImageCms.ImageCmsProfile, mode: str, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Conversion:
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION | flags,
    ).apply


def _grey_conversion(profile: ImageCms.ImageCmsProfile) -> Conversion | None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    mode = "L" if profile.profile.xcolor_space.strip() == "GRAY" else "RGB"
    # LittleCMS would lay a curve of few nodes through the ramp, up to 10 levels off.
    convert = _transform(profile, mode, ImageCms.Flags.NOOPTIMIZE)
    table = np.asarray(convert(ramp.convert(mode)))[0, :, 1].astype(int)
    if np.abs(table - np.arange(256)).max() <= _SRGB_TOLERANCE:
        return None
    return lambda image: image.point(table.tolist())


def _is_identity(convert: Conversion) -> bool:
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    moved = np.asarray(convert(Image.fromarray(colours))).astype(int) - colours
    return np.abs(moved).max() <= _SRGB_TOLERANCE
