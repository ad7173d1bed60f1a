"""Importing this module makes Pillow open and save `.pqm` files.

    import pqmim_jax.pillow_plugin
    picture = Image.open("photo.pqm")
    picture.save("smaller.pqm", quality=4)

Opening reads the header alone: `size`, `mode` (L, LA, RGB or RGBA) and `info["quality"]`. `load()`
decodes, and puts `icc_profile` and `exif` into `info` if the file has them; a truncated file is an
OSError, or a damaged picture where `PIL.ImageFile.LOAD_TRUNCATED_IMAGES` is set. A file that names
another decoder than the model's is decoded with a warning.

Options of `save()`, all optional: `quality`, `rate_weight`, `schedule`, `stages`, `shrink`,
`icc_profile`, `exif` as of `Codec.compress`; or `target_bytes`, with `schedule`, `icc_profile` and
`exif`, as of `Codec.compress_to_size`. Colour profile and EXIF data are written only where they
are given: at these sizes they may outweigh the picture.

Both ways use the model `MODEL`: Pillow's `open` has no room for options.
"""

import functools
import io
import warnings
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from pqmim_jax import model_store
from pqmim_jax.coding import MAGIC, Header, PqmError, unpack

FORMAT = "PQM"

MODEL = model_store.DEFAULT
"""Name or folder of the model that files are read and written with; may be set."""

_HEADER_BYTES = 1024  # no header is longer
_GREY_MODES = ("1", "L", "LA", "La")
# Pillow's own conversion cuts these off at 255 instead of scaling them.
_WIDE_MODES = ("I", "F")
_CHOICES = ("quality", "rate_weight", "stages", "shrink")
_ALWAYS = ("schedule", "icc_profile", "exif")


class PqmImageFile(ImageFile.ImageFile):
    """A `.pqm` file as Pillow sees it."""

    format = FORMAT
    format_description = "PQ-MIM compressed image"

    def _open(self) -> None:
        try:
            header, _ = unpack(self.fp.read(_HEADER_BYTES))
        except PqmError as error:
            raise SyntaxError(str(error)) from error
        self._size = (header.width, header.height)
        self._mode = _mode(header)
        self.info["quality"] = header.quality
        self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]

    def load(self):
        """Decodes the picture, once.

        Raises:
          OSError: the file is truncated, damaged, or of another model.
        """
        if self.tile:
            self._decode()
        return super().load()

    def _decode(self) -> None:
        """Puts decoded samples where the file was."""
        self.fp.seek(0)
        data = self.fp.read()
        try:
            decoded = _codec(MODEL).decode(
                data, allow_truncated=bool(ImageFile.LOAD_TRUNCATED_IMAGES)
            )
        except PqmError as error:
            raise OSError(str(error)) from error
        if not decoded.decoder_matches:
            warnings.warn("decoded by another decoder than the file names", stacklevel=3)
        for name in ("icc_profile", "exif"):
            if value := getattr(decoded, name):
                self.info[name] = value
        if self._exclusive_fp:
            self.fp.close()
        self.fp = io.BytesIO(decoded.pixels.tobytes())


def _mode(header: Header) -> str:
    return ("L" if header.grey else "RGB") + ("A" if header.alpha else "")


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    del filename
    options = {name: image.encoderinfo[name] for name in _ALWAYS if name in image.encoderinfo}
    choices = {name: image.encoderinfo[name] for name in _CHOICES if name in image.encoderinfo}
    if isinstance(options.get("exif"), Image.Exif):
        options["exif"] = options["exif"].tobytes()
    target = image.encoderinfo.get("target_bytes")
    if target is not None and choices:
        raise ValueError(f"target_bytes decides by itself about {', '.join(choices)}")
    pixels = _pixels(image)
    codec = _codec(MODEL)
    if target is not None:
        data = codec.compress_to_size(pixels, target, **options)
    else:
        data = codec.compress(pixels, **options, **choices)
    file.write(data)


def _pixels(image: Image.Image) -> np.ndarray:
    """uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    if image.mode.startswith(_WIDE_MODES):
        raise OSError(f"cannot write mode {image.mode} as {FORMAT}: convert it to 8 bits first")
    grey = image.mode in _GREY_MODES
    mode = ("L" if grey else "RGB") + ("A" if image.has_transparency_data else "")
    if image.mode != mode:
        image = image.convert(mode)
    return np.asarray(image)


@functools.cache
def _codec(model):
    # JAX is imported, and the model read, by the first load() or save() only.
    from pqmim_jax.codec import Codec

    return Codec.load(model)


Image.register_open(FORMAT, PqmImageFile, _accept)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, ".pqm")
Image.register_mime(FORMAT, "image/x-pqm")
