"""Random chunks of symbols, through the coder and back."""

import numpy as np

from pqmim_jax import coding


def random_chunk(rng, count, alphabet, spread):
    """uint32[n, K + 1] cumulative rows and int[n] symbols drawn from them."""
    q = rng.integers(-spread, spread, (count, alphabet), endpoint=True, dtype=np.int32)
    bounds = coding.cumulative(coding.frequencies(q))
    slots = rng.integers(0, 65536, count)
    return bounds, (bounds[:, 1:] <= slots[:, None]).sum(axis=1)


def encode(chunks, tail=0, lanes=None):
    encoder = coding.RansEncoder()
    for bounds, symbols in chunks:
        rows = np.arange(len(symbols))
        starts = bounds[rows, symbols]
        encoder.push(starts, bounds[rows, symbols + 1] - starts)
    return encoder.finish(tail, lanes), encoder.payload_bits


def decode(chunks, payload):
    decoder = coding.RansDecoder(payload.data, payload.lanes, payload.state_bytes)
    symbols = [decoder.pop(bounds) for bounds, _ in chunks]
    return symbols, decoder.finish()
