"""Files of a given size: a search over quality, lambda and, for tiny ones, the coded size.

Each trial is a real encoding, since only that knows its size; the encoder network runs once for
each coded size.
"""

import math

import numpy as np

from pqmim_jax.codec.resize import enlarge
from pqmim_jax.codec.settings import check_settings

TOLERANCE = 0.03
"""A file this much below the target is good enough."""

_SHRINKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# Bits for each token between which a coded size is worth a try (measured on photographs: the best
# size has 15 to 30): with less, fewer tokens are better; with more, all of them are exact already.
_FEWEST_BITS, _MOST_BITS = 8.0, 80.0
_QUALITIES = 2  # that are tried with a larger lambda than theirs
_TRIALS = 8  # of lambda at one quality
_SLOPE = 0.35  # of log bytes over log lambda: the first guess
_LARGEST_STEP = 64.0  # between two values of lambda
_FINEST_STEP = 0.02  # of log lambda
_TYPICAL_WEIGHT, _LARGEST_WEIGHT = 1e3, 1e9


def fit_to_size(codec, prepared, target_bytes: int, schedule: str | None):
    """The `EncodedImage` of at most `target_bytes` that is closest to the picture.

    Args:
      codec: `Codec`.
      prepared: what `Codec.prepare` made.
      target_bytes: of the whole file.
      schedule: as in `Codec.encode`.

    Raises:
      ValueError: there is none; the message says how small a file can be.
    """
    best, smallest = None, math.inf
    sides = prepared.colour.shape[:2]
    for shrink in _SHRINKS:
        tokens = math.prod(-(-side // (shrink * codec.pixels_per_token)) for side in sides)
        bits = 8 * target_bytes / tokens
        if bits < _FEWEST_BITS and tokens > 1 and shrink != _SHRINKS[-1]:
            continue
        if best is not None and bits > _MOST_BITS:
            break
        search = _Search(codec, prepared, target_bytes, schedule, shrink)
        encoded = search.run()
        smallest = min(smallest, search.smallest)
        if encoded is None:
            if tokens == 1:
                break
            continue
        error = _squared_error(codec, prepared, encoded)
        if best is not None and error >= best[0]:
            break
        best = error, encoded
    if best is None:
        raise ValueError(
            f"no file of at most {target_bytes} bytes is possible, the smallest has {smallest}"
        )
    return best[1]


class _Search:
    """The largest file that fits, at one coded size."""

    def __init__(self, codec, prepared, target_bytes, schedule, shrink):
        self._codec, self._prepared, self._target = codec, prepared, target_bytes
        self._request = {"schedule": schedule, "stages": None, "shrink": shrink}
        self._best = None
        self.smallest = math.inf

    def run(self):
        """An `EncodedImage`, or None if nothing fits."""
        fits, over = 0, self._codec.qualities + 1
        while over - fits > 1:
            middle = (fits + over) // 2
            if self._size(middle, None) <= self._target:
                fits = middle
            else:
                over = middle
            if self._good_enough():
                return self._best
        if over > self._codec.qualities:
            # Everything fits: from here on only closer codewords make the picture better.
            if self._size(over - 1, 0.0) > self._target:
                self._close_in(over - 1)
        else:
            # Sizes jump where lambda hardly moves; another quality jumps elsewhere.
            for quality in range(over, min(over + _QUALITIES, self._codec.qualities + 1)):
                self._close_in(quality)
                if self._good_enough():
                    break
        return self._best

    def _close_in(self, quality: int) -> None:
        """Varies lambda at a quality until the file is just below the target.

        Interpolates log size over log lambda between the trials that enclose the target.
        """
        aim = self._target * (1 - TOLERANCE / 2)
        weight = self._codec.limits.rate_weights[quality - 1] or _TYPICAL_WEIGHT
        below = above = None  # (log lambda, log bytes) of files too large, and of those that fit
        for trial in range(1, _TRIALS + 1):
            point = math.log(weight), math.log(self._size(quality, weight))
            if self._good_enough():
                return
            if point[1] > math.log(self._target):
                below = point
            else:
                above = point
            weight = math.exp(_next_weight(below, above, math.log(aim), trial))
            enclosed = below is not None and above is not None
            if weight > _LARGEST_WEIGHT or (enclosed and above[0] - below[0] < _FINEST_STEP):
                return

    def _size(self, quality: int, weight: float | None) -> int:
        settings = check_settings(
            self._codec.limits, quality=quality, rate_weight=weight, **self._request
        )
        encoded = self._codec.encode_prepared(self._prepared, settings)
        size = len(encoded.data)
        self.smallest = min(self.smallest, size)
        if size <= self._target and (self._best is None or size > len(self._best.data)):
            self._best = encoded
        return size

    def _good_enough(self) -> bool:
        return self._best is not None and len(self._best.data) >= self._target * (1 - TOLERANCE)


def _next_weight(below, above, aim: float, trial: int) -> float:
    """Log lambda whose file should have `aim` log bytes; bolder with each trial on one side."""
    if below is None or above is None:
        known = below or above
        step = trial * (known[1] - aim) / _SLOPE
        limit = math.log(_LARGEST_STEP)
        return known[0] + float(np.clip(step, -limit, limit))
    share = (below[1] - aim) / max(below[1] - above[1], 1e-9)
    # Never right beside a known point: sizes are not a smooth function of lambda.
    return below[0] + float(np.clip(share, 0.1, 0.9)) * (above[0] - below[0])


def _squared_error(codec, prepared, encoded) -> float:
    """Mean over the pixels, as a decoder will show them."""
    settings, size = encoded.settings, prepared.colour.shape[:2]
    coded = tuple(-(-side // settings.shrink) for side in size)
    picture = enlarge(codec.decode_indices(encoded.indices, settings.quality, coded), size)
    return float(np.mean((picture.astype(np.float32) - prepared.colour) ** 2))
