"""EXIF blocks: what of them is kept, and which way up a picture is."""

import numpy as np
from PIL import ExifTags, Image

PREFIX = b"Exif\0\0"
"""What JPEG files have before the TIFF block."""

# Tags that say how a TIFF file lies on disk, hold its profile, or say what is done already. They
# are wrong in any other file. The thumbnail (IFD1) is never written by Pillow.
_DROPPED = frozenset(
    [
        ExifTags.Base.Orientation,
        *range(0x00FE, 0x0108),  # size, bits, compression, photometric
        0x010A,  # fill order
        *(0x0111, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119, 0x011C),  # strips, samples
        *(0x0120, 0x0121, 0x013D, 0x0140),  # free space, predictor, palette
        *range(0x0142, 0x0146),  # tiles
        *(0x014A, 0x0152, 0x0153, 0x015B),  # sub-files, extra samples, JPEG tables
        *(0x0201, 0x0202, 0x0211, 0x0212, 0x0213, 0x0214),  # thumbnail, YCbCr
        *(0x02BC, 0x83BB, 0x8649, 0x8773),  # XMP, IPTC, Photoshop, ICC
    ]
)


def exif_block(exif: Image.Exif) -> bytes | None:
    """The EXIF data of a picture as a TIFF block; None if there is none to keep.

    Left out, here and in `exif`: the orientation, which is taken to be applied; the thumbnail;
    whatever only describes the file that the picture came from.

    Raises:
      Exception: of nearly any kind, where the data is damaged.
    """
    for tag in _DROPPED.intersection(exif):
        del exif[tag]
    return exif.tobytes().removeprefix(PREFIX) if len(exif) else None


def orientation(exif: Image.Exif) -> int:
    """The orientation 1..8 that a picture's EXIF gives; 1 where that makes no sense."""
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if value in range(1, 9) else 1


def as_stored(shown: np.ndarray, orientation: int) -> np.ndarray:
    """A view of a picture (H, W, ...) the way that a file with this orientation stores it.

    Orientations are those of the EXIF standard 2.3, section 4.6.4 A.
    """
    stored = shown.swapaxes(0, 1) if orientation >= 5 else shown
    rows = -1 if orientation in (3, 4, 6, 7) else 1
    columns = -1 if orientation in (2, 3, 7, 8) else 1
    return stored[::rows, ::columns]
