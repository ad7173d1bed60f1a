"""Data-dependent start of stage 1: a closed-form transform and k-means codebooks (ours).

PCA of f x f patches, components dealt to the M sub-quantizers by reverse water-filling so that
each carries about log2(K) bits, is put in the linear path; the networks start at zero. Training
then begins at a working codec, with sub-quantizers ordered from coarse to fine.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.models.autoencoder import Autoencoder
from pqmim_jax.models.layers.patches import space_to_depth
from pqmim_jax.models.quantizer import nearest_codewords
from pqmim_jax.training.pqvae_loss import to_network


def initialise(
    model: Autoencoder,
    params: dict,
    images: np.ndarray,
    key: jax.Array,
    kmeans_steps: int,
    *,
    rare: np.ndarray | None = None,
) -> dict:
    """Parameters to start training from.

    Args:
      params: freshly initialised parameters of `model`.
      images: (N, H, W, 3) uint8 training crops, N * (H/f) * (W/f) well above K.
      rare: (N', H, W, 3) uint8 crops that the codebooks shall reach, too; what no codeword is near
        to at the start none is near to later.

    Returns:
      parameters with the linear path (where the model has one) and the codebooks set.
    """
    if model.linear_path:
        params = {**params, **pca_linear_path(model, images)}
    encode = jax.jit(lambda x: model.apply({"params": params}, to_network(x), method="encode"))
    if rare is not None:
        images = np.concatenate([images, rare])
    z = np.concatenate([np.asarray(encode(images[i : i + 8])) for i in range(0, len(images), 8)])
    vectors = z.reshape(-1, model.num_codebooks, model.codeword_dim)
    if model.normalize_codes:
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    codebooks = kmeans(jnp.asarray(vectors), model.num_codewords, key, kmeans_steps)
    return {**params, "quantizer": {"codebooks": codebooks}}


def pca_linear_path(model: Autoencoder, images: np.ndarray) -> dict:
    """`linear_analysis` and `linear_synthesis` parameters from the PCA of f x f patches."""
    mean, values, vectors = principal_components(images, model.f)
    groups = deal_components(
        values, model.num_codebooks, np.log2(model.num_codewords), model.codeword_dim
    )
    basis = np.zeros((3 * model.f**2, model.num_codebooks * model.codeword_dim), np.float32)
    for m, group in enumerate(groups):
        start = m * model.codeword_dim
        basis[:, start : start + len(group)] = vectors[:, group]
    return {
        "linear_analysis": {"kernel": lapped(basis, model.f), "bias": -(mean @ basis)},
        "linear_synthesis": {"kernel": lapped(basis, model.f).T, "bias": lapped(mean, model.f)},
    }


def principal_components(images: np.ndarray, f: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PCA of the f x f patches of images (N, H, W, 3) uint8, in `space_to_depth` order.

    Returns:
      mean (3*f*f,), variances (3*f*f,) in falling order, components (3*f*f, 3*f*f) as columns.
    """
    patches = np.concatenate(
        [
            np.asarray(space_to_depth(to_network(images[i : i + 16]), f)).reshape(-1, 3 * f * f)
            for i in range(0, len(images), 16)
        ]
    )
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    return mean, values[::-1], vectors[:, ::-1]


def deal_components(
    variances: Sequence[float], groups: int, bits_per_group: float, max_size: int
) -> list[list[int]]:
    """Deals PCA components, in falling order of variance, to groups of about equal rate.

    Reverse water-filling (Cover and Thomas, section 10.3.3): component i of variance v_i gets
    max(0, log2(v_i / level) / 2) bits, the level chosen so that all groups are filled.

    Returns:
      for each group the component numbers, at least one, at most `max_size`.
    """
    if len(variances) < groups:
        raise ValueError(f"{len(variances)} components cannot fill {groups} groups")
    variances = np.maximum(np.asarray(variances, np.float64), 1e-12)
    wanted = groups * bits_per_group
    low, high = np.log2(variances[-1]) - 2 * wanted, np.log2(variances[0])
    for _ in range(100):
        level = (low + high) / 2
        bits = 0.5 * np.maximum(np.log2(variances) - level, 0)
        low, high = (level, high) if bits.sum() > wanted else (low, level)
    group_of = np.where(bits > 0, (np.cumsum(bits) - bits / 2) // bits_per_group, groups - 1)
    dealt, first = [], 0
    for group in range(groups):
        full = int(np.searchsorted(group_of, group, side="right"))
        left = len(variances) - (groups - group - 1)  # one component for each group to come
        stop = min(max(full, first + 1), first + max_size, left)
        dealt.append(list(range(first, stop)))
        first = stop
    return dealt


def lapped(cell: np.ndarray, f: int) -> np.ndarray:
    """Values on an f x f cell -> the same on the 2f x 2f window around it, zero outside.

    (3*f*f, ...) in `space_to_depth` order -> (12*f*f, ...) in `overlapping_patches` order.
    """
    rest = cell.shape[1:]
    window = np.zeros((2 * f, 2 * f, 3, *rest), np.float32)
    half = f // 2
    window[half : half + f, half : half + f] = cell.reshape(f, f, 3, *rest)
    quarters = window.reshape(2, f, 2, f, 3, *rest).swapaxes(1, 2)
    return quarters.reshape(12 * f * f, *rest)


def kmeans(vectors: jax.Array, k: int, key: jax.Array, steps: int) -> jax.Array:
    """Lloyd's algorithm on every sub-quantizer; empty clusters restart at random vectors.

    Args:
      vectors: (N, M, d) float32.

    Returns:
      (M, k, d) codewords.
    """
    n = vectors.shape[0]
    choose = jax.random.choice(key, n, (steps + 1, k), replace=n < k * (steps + 1))
    codebooks = vectors[choose[0]].swapaxes(0, 1)
    for i in range(steps):
        codebooks = _lloyd(vectors, codebooks, vectors[choose[i + 1]].swapaxes(0, 1))
    return codebooks


@jax.jit
def _lloyd(vectors: jax.Array, codebooks: jax.Array, restarts: jax.Array) -> jax.Array:
    """One step: means of what each codeword (M, K, d) encodes; `restarts` where that is nothing."""
    m, k, d = codebooks.shape
    cluster = nearest_codewords(vectors, codebooks) + jnp.arange(m) * k
    sums = jax.ops.segment_sum(vectors.reshape(-1, d), cluster.reshape(-1), m * k)
    counts = jax.ops.segment_sum(jnp.ones(cluster.size), cluster.reshape(-1), m * k)
    means = (sums / jnp.maximum(counts, 1)[:, None]).reshape(m, k, d)
    return jnp.where(counts.reshape(m, k, 1) > 0, means, restarts)
