"""Every prefix of a file is a picture: PSNR against bytes, in steps, and how far from rising.

    python tools/measure_prefixes.py PICTURES... [--steps 50] [--model NAME]

Exit code 1 if a prefix fails, or if PSNR falls by more than 0.2 dB below that of a shorter one.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.coding import unpack
from pqmim_jax.evaluation.metrics import psnr
from pqmim_jax.images import read_image
from pqmim_jax.model_store import DEFAULT

ALLOWED_FALL = 0.2  # dB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--model", default=DEFAULT)
    options = parser.parse_args()
    codec = Codec.load(options.model)
    worst = 0.0
    for path in options.pictures:
        image = read_image(path)
        data = codec.compress(image)
        header = len(data) - len(unpack(data)[1].data)
        lengths = np.linspace(header, len(data), options.steps).astype(int)
        values = [
            psnr(image, codec.decompress(data[:length], allow_truncated=True)) for length in lengths
        ]
        fall = float(np.max(np.maximum.accumulate(values) - values))
        worst = max(worst, fall)
        shown = range(0, options.steps, max(1, options.steps // 10))
        points = ", ".join(f"{lengths[i]}: {values[i]:.2f}" for i in shown)
        print(f"{path.name}: {len(data)} bytes, {values[-1]:.2f} dB; largest fall {fall:.3f} dB")
        print(f"  bytes: dB  {points}", flush=True)
    return int(worst > ALLOWED_FALL)


if __name__ == "__main__":
    sys.exit(main())
