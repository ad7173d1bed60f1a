"""Features and network weights for golden values, from formulas: no file, no generator."""

import numpy as np


def waves(count, scale=1.0, offset=0.0):
    """(count,) float64 pseudo-random numbers in [-1, 1] * scale: the fractions of large sines."""
    x = 43758.5453 * np.sin(12.9898 * np.arange(1, count + 1) + 78.233 * (offset + 1))
    return scale * (2 * (x - np.floor(x)) - 1)


def feature_sets(rows_a, rows_b, width):
    """Two float32 sets of non-negative features, correlated across channels, of unlike means."""
    mixing = waves(width * width, 1 / np.sqrt(width), 5).reshape(width, width)
    a = waves(rows_a * width, 1, 0).reshape(rows_a, width) @ mixing
    b = waves(rows_b * width, 1.2, 1).reshape(rows_b, width) @ mixing + 0.1
    return np.maximum(a, 0).astype(np.float32), np.maximum(b, 0).astype(np.float32)


def network_tensor(name, shape):
    """float32 weights by name: convolutions scaled to their fan-in, statistics near (0, 1)."""
    offset = sum(i * ord(letter) for i, letter in enumerate(name, 1)) % 9973
    values = waves(int(np.prod(shape)), 1, offset).reshape(shape)
    if name.endswith((".running_var", "bn.weight")):
        values = 1 + 0.3 * values
    elif len(shape) > 1:
        values = values * np.sqrt(6 / np.prod(shape[1:]))
    else:
        values = 0.1 * values
    return values.astype(np.float32)
