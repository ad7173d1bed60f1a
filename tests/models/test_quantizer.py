import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.models import ProductQuantizer
from pqmim_jax.models.quantizer import keep_leading, look_up, nearest_codewords, unit_norm


def brute_force_distances(z, codebooks):
    """Squared distances, float64: (N, M, d) and (M, K, d) -> (N, M, K)."""
    differences = z[:, :, None, :].astype(np.float64) - codebooks[None].astype(np.float64)
    return (differences**2).sum(-1)


@pytest.mark.parametrize(("m", "k", "d"), [(1, 16, 4), (3, 16, 1), (4, 2, 5), (1, 7, 1)])
def test_the_chosen_codeword_is_nearest(m, k, d):
    rng = np.random.default_rng(m * 100 + k * 10 + d)
    z = rng.normal(size=(50, m, d)).astype(np.float32)
    codebooks = rng.normal(size=(m, k, d)).astype(np.float32)
    indices = np.asarray(nearest_codewords(z, codebooks))
    distances = brute_force_distances(z, codebooks)
    assert indices.dtype == np.int32
    assert indices.shape == (50, m)
    chosen = np.take_along_axis(distances, indices[..., None], -1)[..., 0]
    np.testing.assert_allclose(chosen, distances.min(-1), atol=1e-5)


def test_ties_go_to_the_lowest_index():
    codebooks = np.array([[[2.0], [1.0], [-1.0], [1.0]]], np.float32)
    z = np.array([[[0.0]], [[1.0]]], np.float32)
    assert nearest_codewords(z, codebooks).tolist() == [[1], [1]]


@pytest.mark.parametrize("normalize", [False, True])
def test_differences_to_all_codewords_are_never_formed(normalize):
    n, m, k, d = 101, 3, 11, 7  # primes: no other product of them is a multiple of n * k * d

    def gradient(z, codebooks):
        def reconstruction_loss(z):
            indices = nearest_codewords(z, codebooks, normalize)
            return jnp.sum((z - look_up(indices, codebooks)) ** 2)

        return jax.grad(reconstruction_loss)(z)

    jaxpr = jax.make_jaxpr(gradient)(jnp.zeros((n, m, d)), jnp.zeros((m, k, d)))
    sizes = [size for size in _intermediate_sizes(jaxpr.jaxpr) if size]
    assert n * m * k in sizes, "the matrix of inner products should be there"
    assert not [size for size in sizes if size % (n * k * d) == 0]


def _intermediate_sizes(jaxpr):
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            yield variable.aval.size
        for parameter in jax.tree.leaves(equation.params, is_leaf=lambda p: hasattr(p, "eqns")):
            inner = getattr(parameter, "jaxpr", parameter)
            if hasattr(inner, "eqns"):
                yield from _intermediate_sizes(inner)


@given(
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=30)
def test_normalised_look_up_ignores_the_length_of_vectors_and_codewords(scale, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(20, 2, 4)).astype(np.float32)
    codebooks = rng.normal(size=(2, 8, 4)).astype(np.float32)
    directions = codebooks / np.linalg.norm(codebooks, axis=-1, keepdims=True)
    cosines = np.einsum("nmd,mkd->nmk", z / np.linalg.norm(z, axis=-1, keepdims=True), directions)
    for scaled in ((z * np.float32(scale), codebooks), (z, codebooks * np.float32(scale))):
        indices = np.asarray(nearest_codewords(*scaled, normalize=True))
        chosen = np.take_along_axis(cosines, indices[..., None], -1)[..., 0]
        np.testing.assert_allclose(chosen, cosines.max(-1), atol=1e-5)


def test_unit_norm_of_a_zero_vector_is_zero_with_a_finite_gradient():
    x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(unit_norm(x), [[0.6, 0.8], [0, 0]], atol=1e-6)
    assert jnp.isfinite(jax.grad(lambda x: unit_norm(x).sum())(x)).all()


@pytest.mark.parametrize("normalize", [False, True])
def test_module_returns_comparable_vectors_and_their_codewords(normalize):
    quantizer = ProductQuantizer(3, 8, 4, normalize)
    rng = np.random.default_rng(0)
    z = 3 * rng.normal(size=(2, 5, 12)).astype(np.float32)
    codebooks = jnp.asarray(2 * rng.normal(size=(3, 8, 4)), jnp.float32)
    variables = {"params": {"codebooks": codebooks}}

    @jax.jit
    def run(z):
        indices = quantizer.apply(variables, z, method="indices")
        looked_up = quantizer.apply(variables, indices, method="codewords")
        every_index = jnp.broadcast_to(jnp.arange(8)[:, None], (8, 3))
        table = quantizer.apply(variables, every_index, method="codewords").swapaxes(0, 1)
        return quantizer.apply(variables, z), indices, looked_up, table

    (sub_vectors, codewords, own_indices), indices, looked_up, table = run(z)
    assert sub_vectors.shape == codewords.shape == (2, 5, 3, 4)
    assert indices.shape == (2, 5, 3)
    np.testing.assert_array_equal(own_indices, indices)
    np.testing.assert_allclose(looked_up, codewords, atol=1e-6)
    lengths = np.linalg.norm(np.stack([sub_vectors, codewords]), axis=-1)
    assert np.allclose(lengths, 1, atol=1e-5) == normalize
    distances = brute_force_distances(np.asarray(sub_vectors).reshape(10, 3, 4), np.asarray(table))
    chosen = np.take_along_axis(distances, np.asarray(indices).reshape(10, 3, 1), -1)[..., 0]
    np.testing.assert_allclose(chosen, distances.min(-1), atol=1e-5)


def test_keep_leading_zeroes_what_was_not_sent():
    x = jnp.ones((3, 2, 2, 4, 5))
    kept = keep_leading(x, jnp.array([1, 4, 2]))
    assert kept.shape == x.shape
    assert np.asarray(kept.sum((1, 2, 4)) / 20).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 1, 1],
        [1, 1, 0, 0],
    ]
