"""One picture through one codec at one setting, by real bytes."""

import hashlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax.evaluation.codecs.interface import CodecError, Encoded, EvaluatedCodec, Setting
from pqmim_jax.evaluation.folder import save_bits, save_picture
from pqmim_jax.evaluation.metrics import bits_per_pixel, psnr
from pqmim_jax.evaluation.pictures import EvaluatedPicture, EvaluationError
from pqmim_jax.evaluation.schema import Record
from pqmim_jax.images import read_image


@dataclass(frozen=True)
class Measurement:
    """What is to be measured, and where the results go; can be sent to another process."""

    codec: EvaluatedCodec
    setting: Setting
    picture: EvaluatedPicture
    picture_target: Path | None  # None: the decoded picture is not kept
    bits_target: Path

    @property
    def key(self) -> str:
        """Equal for measurements that give the same file of the same pixels."""
        parts = [self.codec.name, self.codec.fingerprint, self.setting.parameters]
        text = json.dumps([*parts, self.picture.digest], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def __str__(self) -> str:
        """How messages name it."""
        return f"{self.codec.name} {self.setting.name}, {self.picture.name}"

    def run(self) -> tuple[Record, np.ndarray]:
        """Codes the picture and stores what belongs to the record.

        Returns:
          the record, without MS-SSIM and LPIPS, and the decoded picture (H, W, 3) uint8.

        Raises:
          CodecError: this codec cannot code this picture.
          EvaluationError: the decoded picture is not the encoder's own.
        """
        image = read_image(self.picture.path)
        start = time.perf_counter()
        encoded = self.codec.encode(image, self.setting)
        encoded_at = time.perf_counter()
        decoded = self.codec.decode(encoded.data)
        decoded_at = time.perf_counter()
        self._check(image, encoded, decoded)
        if self.picture_target is not None:
            save_picture(self.picture_target, decoded)
        if encoded.token_bits is not None:
            save_bits(self.bits_target, encoded)
        return self._record(image, encoded, decoded, start, encoded_at, decoded_at), decoded

    def _check(self, image: np.ndarray, encoded: Encoded, decoded: np.ndarray) -> None:
        if decoded.shape != image.shape or decoded.dtype != np.uint8:
            raise CodecError(
                f"it decoded to {decoded.dtype} {decoded.shape}, not to uint8 {image.shape}"
            )
        own = encoded.reconstruction
        if own is not None and not np.array_equal(decoded, own()):
            raise EvaluationError(f"{self}: the decompressed picture is not the encoder's own")

    def _record(self, image, encoded, decoded, start, encoded_at, decoded_at) -> Record:
        return Record(
            key=self.key,
            codec=self.codec.name,
            setting=self.setting.name,
            file=self.picture.name,
            width=image.shape[1],
            height=image.shape[0],
            bytes=len(encoded.data),
            bpp=bits_per_pixel(len(encoded.data), image),
            psnr=finite(psnr(image, decoded)),
            ms_ssim=None,
            lpips=None,
            encode_seconds=encoded_at - start,
            decode_seconds=decoded_at - encoded_at,
            ideal_bits=encoded.ideal_bits,
            static_bits=encoded.static_bits,
            stage_bits=encoded.stage_bits,
        )


def finite(value: float | None) -> float | None:
    """The value, or None where JSON has no number for it."""
    return value if value is not None and math.isfinite(value) else None
