"""Every operation that can be exported gives in ONNX Runtime what it gives in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.export.errors import UnsupportedOperationError
from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.runtime.sessions import Session

X = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
TABLE = np.random.default_rng(1).normal(size=(5, 7, 2)).astype(np.float32)
KERNEL = np.random.default_rng(2).normal(size=(3, 3, 2, 4)).astype(np.float32)


def both(function, *inputs, params=None):
    """Outputs of ONNX Runtime and of JAX."""
    names = {f"x{i}": jax.ShapeDtypeStruct(a.shape, a.dtype) for i, a in enumerate(inputs)}
    model = to_onnx("test", lambda p, *a: (function(p, *a),), params or {}, names, ["y"])
    (found,) = Session(model.SerializeToString())(*inputs)
    return found, np.asarray(jax.jit(function)(params or {}, *inputs))


FUNCTIONS = {
    "broadcast before arithmetic": lambda x: x[:, None] * x[:, :, None] + jnp.arange(6.0),
    "broadcast kept": lambda x: jnp.broadcast_to(x[:1, :, :1], (3, 4, 6)).reshape(12, 6),
    "softmax": jax.nn.softmax,
    "gelu and swish": lambda x: jax.nn.gelu(x) + jax.nn.swish(x),
    "powers and roots": lambda x: x**3 + (2 + x * x) ** -2 + jax.lax.rsqrt(x * x + 1) - jnp.abs(x),
    "reductions": lambda x: x.max(0) - x.min(0) + x.sum(axis=(0,)) * jnp.argmax(x, axis=0),
    "rounding": lambda x: jnp.clip(jnp.round(x * 4), -3, 3).astype(jnp.int32),
    "choice": lambda x: jnp.where((x > 0) & ~(x > 1), x, -2 * x),
    "slices": lambda x: x[1:, ::2, -3:] + x[:-1, 1::2, :3],
    "reversal": lambda x: x[::-1, :, ::-1] + x[:, ::-1],
    "joins": lambda x: jnp.concatenate([*jnp.split(x, 2, axis=1), x[:, :1]], axis=1),
    "stack": lambda x: jnp.stack([x[0], x[1, :1] + jnp.zeros((4, 6), x.dtype)], axis=1),
    "padding": lambda x: jnp.pad(x, ((0, 1), (2, 0), (0, 0)), constant_values=3),
    "padding that cuts": lambda x: jax.lax.pad(x, x[0, 0, 0], [(1, -1, 0), (-2, 0, 0), (0, 0, 0)]),
    "gradient": jax.grad(lambda x: jnp.sum(jax.nn.softmax(jax.nn.gelu(x)) / (1 + x[..., :1] ** 2))),
    "transposition": lambda x: jnp.moveaxis(x, 0, 2).swapaxes(0, 1),
    "product over two axes": lambda x: jnp.einsum("abc,dbc->da", x, 2 * x),
    "product in batches": lambda x: jnp.einsum("abc,abd->bcd", x, x),
    "product from the left": lambda x: jnp.einsum("cd,abc->abd", jnp.ones((6, 2)), x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_operations(name, dtype):
    with jax.enable_x64(dtype == "float64"):
        found, expected = both(lambda _, x: FUNCTIONS[name](x), X.astype(dtype))
    assert found.dtype == expected.dtype
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_look_ups_by_index():
    rows, columns = np.array([[4, 0], [2, 2]], np.int32), np.array([[0, 6], [3, 1]], np.int32)
    found, expected = both(lambda p, i, j: p["t"][i, j], rows, columns, params={"t": TABLE})
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (2, 2, 2)


@pytest.mark.parametrize("start", [-9, 0, 3, 9])
def test_a_slice_from_anywhere_stays_inside(start):
    def cut(_, x, i):
        return jax.lax.dynamic_slice(x, (0, i, 0), (3, 2, 6))

    np.testing.assert_array_equal(*both(cut, X, np.array(start, np.int32)))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_convolutions(padding):
    def convolve(params, x):
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, params["kernel"], (2, 1), padding, dimension_numbers=layout
        )

    image = np.random.default_rng(3).normal(size=(1, 8, 6, 2)).astype(np.float32)
    np.testing.assert_allclose(*both(convolve, image, params={"kernel": KERNEL}), atol=1e-5)


def test_half_precision_weights_are_stored_so_and_come_back_exactly():
    weights = np.linspace(-1, 1, 2000, dtype=np.float16).astype(np.float32)
    inputs = {"x": jax.ShapeDtypeStruct((2000,), np.float32)}
    model = to_onnx("test", lambda p, x: (p["w"] * x,), {"w": weights}, inputs, ["y"])
    data = model.SerializeToString()
    assert len(data) < 2000 * 3
    np.testing.assert_array_equal(Session(data)(np.ones(2000, np.float32))[0], weights)


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda _, x: jnp.sort(x), "'sort'"),
        (lambda _, x: jnp.cumsum(x), "'cumsum'"),
        (lambda _, x: jax.lax.fori_loop(0, 3, lambda i, a: a * 2, x), "'scan'"),
        (lambda _, x: jnp.fft.rfft(x).real, "'fft'"),
        (lambda _, x: x.astype(jnp.bfloat16) * 2, "bfloat16"),
    ],
)
def test_what_cannot_be_exported_is_named(function, named):
    with pytest.raises(UnsupportedOperationError, match=named):
        both(function, X)
