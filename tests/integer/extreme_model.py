"""Integer MIMs with weights at the ends of their ranges, from NumPy's generator alone."""

import numpy as np

from pqmim_jax.integer.exponentials import sigmoid_table
from pqmim_jax.integer.network import IntegerMim, carried, laid_out


def layer(rng, shape, outputs, shift, top=64):
    signs = rng.choice(np.array([-top, top], np.int8), (*shape, outputs))
    return {
        "weights": signs,
        "shift": np.full((*shape[:-1], outputs), shift, np.int8),
        "bias": rng.integers(-5000, 5000, (*shape[:-1], outputs), np.int32),
    }


def read(rng, plain):
    if not plain:
        return {"shift": np.int8(8)}
    table = np.rint(250 / np.sqrt(np.arange(256, 1024) / 256)).astype(np.int16)
    return {"variance": {"shift": np.int8(8)}, "shift": np.int8(8), "rsqrt": table}


def block(rng, c, heads, side, plain, attends, converted):
    """`converted`: attention's table is such as conversion makes, else any that rises."""
    local = {
        "weights": rng.choice(np.array([-127, 127], np.int8), (3, 3, c)),
        "shift": np.full(c, 3, np.int8),
        "bias": rng.integers(-5000, 5000, c, np.int32),
    }
    tree = {
        "local_read": read(rng, plain),
        "local": {**local, "offset": rng.integers(-3000, 3000, (3, 3, c), np.int32)},
        "mlp_read": read(rng, plain),
        "expand": layer(rng, (c,), 4 * c, 9),
        "contract": layer(rng, (4 * c,), c, 6),
    }
    if plain:
        tree["gelu"] = rng.integers(-128, 128, 1024).astype(np.int8)
    if attends:
        tree["attention_read"] = read(rng, plain)
        table = np.sort(rng.integers(0, 256, 256))
        table[0], table[-1] = 0, 255
        if converted:
            table = sigmoid_table(17.0, 255)
        tree["attention"] = {
            "qkv": layer(rng, (c,), 3 * c, 8),
            "logits": {"shift": np.int8(9)},
            "position_bias": rng.integers(-300, 300, (2 * side - 1,) * 2 + (heads,)).astype(
                np.int16
            ),
            "exponential": (table - 128).astype(np.int8),
            "mean": {
                "shift": np.int8(8),
                "reciprocal": np.rint(2**16 / (np.arange(256, 512) + 0.5)).astype(np.int16),
            },
            "projection": layer(rng, (c,), c, 4),
        }
    return tree


def tree_of(
    seed=0,
    c=32,
    heads=2,
    depth=2,
    side=6,
    m=3,
    k=16,
    e=8,
    hidden=16,
    plain=True,
    converted=False,
    told=False,
):
    """Integers of a MIM: every weight, and every entry of an embedding, at the end of its range.

    `told`: it knows the quality.
    """
    rng = np.random.default_rng(seed)
    ends = np.array([-128, 127], np.int8)
    head = {
        "hidden": layer(rng, (m, c + m * e), hidden, 6, top=127),
        "output": layer(rng, (m, hidden), k, 10, top=127),
    }
    head["hidden"] = {**head["hidden"], "shift": np.full((m, hidden), 6, np.int8)}
    head["output"] = {**head["output"], "shift": np.full((m, k), 10, np.int8)}
    if plain:
        head["gelu"] = rng.integers(-128, 128, 1024).astype(np.int8)
    blocks = {
        f"block_{i}": block(rng, c, heads, side, plain, plain or i % 2 == 1, converted)
        for i in range(depth)
    }
    tree = {
        "embedding": rng.choice(ends, (m, k + 1, e)),
        "stem": layer(rng, (m * e,), c, 3, top=127),
        **blocks,
        "read": read(rng, plain),
        "head": head,
    }
    if told:
        ends = np.array([-32768, 0, 32767], np.int16)
        tree["quality"] = {"embedding": rng.choice(ends, (m, c))}
    return tree


def programs(tree, heads=2, side=6, halo=1):
    """(function, params) of the trunk and of the head."""
    depth = sum(name.startswith("block_") for name in tree)
    mim, numbers = IntegerMim(heads, depth), carried(tree)
    trunk = laid_out({key: value for key, value in numbers.items() if key != "head"}, side)
    head = {**numbers["head"], "embedding": numbers["embedding"]}

    def context(p, visible, quality=None):
        return mim.context(p, visible, quality, halo)

    return (context, trunk), (mim.fixed_logits, head)


def windows(tree, n, side=6, seed=1):
    """(n, side, side, M) int32 indices, a third of them masked."""
    m, entries, _ = tree["embedding"].shape
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, entries - 1, (n, side, side, m), np.int32)
    return np.where(rng.random(drawn.shape) < 1 / 3, -1, drawn).astype(np.int32)
