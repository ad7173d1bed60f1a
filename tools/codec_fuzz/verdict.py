"""What a decoder may do with a damaged file, and what is a bug."""

import contextlib
import resource
import signal
import sys
import time
from collections.abc import Sequence

import numpy as np

from pqmim_jax.coding import PqmError, unpack

LIMIT_S = 10.0
LIMIT_BYTES = 2**30
RIGHT, DAMAGED = "right picture", "damaged picture, said so"
NOT_TRIED = "claims too many windows to wait for"


class Violation(Exception):
    """The decoder did what it must never do."""


class _TooLong(BaseException):
    """Not an Exception, so that no handler on the way takes it for one of its own."""


def strict_outcome(codec, data: bytes, right: Sequence, max_pixels: int) -> str:
    """What `codec.decompress` makes of a file: RIGHT, or the name of the PqmError raised.

    Args:
      codec: a `Codec`.
      data: the file.
      right: `DecodedImage`s that the file may hold, if any.
      max_pixels: passed on.

    Raises:
      Violation: anything else.
    """
    pixels = _limited(lambda: codec.decompress(data, max_pixels=max_pixels))
    if isinstance(pixels, PqmError):
        return type(pixels).__name__
    if not any(_equal(pixels, each.pixels) for each in right):
        raise Violation(f"a wrong picture {pixels.shape} without an error")
    return RIGHT


def tolerant_outcome(codec, data: bytes, right: Sequence, max_pixels: int) -> str:
    """As `strict_outcome`, of `codec.decode(allow_truncated=True)`: DAMAGED is possible too.

    So is NOT_TRIED: such a decoder fills in whatever the header claims, and a picture one pixel
    wide takes as many windows as one that is a window wide.
    """
    if _pixels_in_windows(codec, data) > max_pixels:
        return NOT_TRIED
    decoded = _limited(lambda: codec.decode(data, allow_truncated=True, max_pixels=max_pixels))
    if isinstance(decoded, PqmError):
        return type(decoded).__name__
    if decoded.damage is not None:
        _check_line(decoded.damage)
        _check_size(data, decoded.pixels)
        return DAMAGED
    for each in right:
        metadata = (each.icc_profile, each.exif) == (decoded.icc_profile, decoded.exif)
        if metadata and _equal(decoded.pixels, each.pixels):
            return RIGHT
    raise Violation(f"a wrong picture {decoded.pixels.shape} that is said to be undamaged")


def _pixels_in_windows(codec, data: bytes) -> int:
    """Pixels of the windows that cover the picture a file claims; 0 if it claims none."""
    try:
        header, _ = unpack(data)
    except PqmError:
        return 0
    side = codec.limits.window * codec.pixels_per_token
    height, width = header.coded_size
    return -(-height // side) * -(-width // side) * side * side


def peak_bytes() -> int:
    """Largest resident size that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _limited(decode):
    """Result of `decode`, or its PqmError; a Violation of other errors, time and memory."""
    peak, began = peak_bytes(), time.monotonic()
    try:
        with _alarm(LIMIT_S):
            result = decode()
    except PqmError as error:
        _check_line(str(error))
        result = error
    except _TooLong:
        raise Violation(f"still decoding after {LIMIT_S:g} s") from None
    except Exception as error:
        raise Violation(f"{type(error).__name__}: {error}") from error
    if time.monotonic() - began > LIMIT_S:
        raise Violation(f"took {time.monotonic() - began:.1f} s")
    # The peak stays: only the file that raised it is to blame.
    if peak_bytes() > max(LIMIT_BYTES, peak):
        raise Violation(f"peak memory rose to {peak_bytes() / 2**30:.2f} GiB")
    return result


@contextlib.contextmanager
def _alarm(seconds: float):
    def ring(number, frame):
        raise _TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _check_line(message: str) -> None:
    if not message.strip() or "\n" in message:
        raise Violation(f"not one line: {message!r}")


def _check_size(data: bytes, pixels: np.ndarray) -> None:
    header, _ = unpack(data)
    if pixels.shape[:2] != (header.height, header.width):
        raise Violation(f"{pixels.shape} pixels of {header.height} x {header.width}")


def _equal(pixels: np.ndarray, other: np.ndarray) -> bool:
    return pixels.dtype == other.dtype and np.array_equal(pixels, other)
