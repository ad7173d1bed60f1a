"""One ONNX model for every shape, from models of four shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.export.errors import UnsupportedOperationError
from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.export.symbolic import SHAPES, merged
from pqmim_jax.runtime.sessions import Session

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32)


def exported(function, scale=1):
    """Merged model of function(x) for x of (rows*scale, cols*scale, 2), as a session."""
    models = []
    for rows, cols in SHAPES:
        inputs = {"x": jax.ShapeDtypeStruct((rows * scale, cols * scale, 2), np.float32)}
        models.append(to_onnx("test", lambda p, x: (function(x),), {}, inputs, ["y"]))
    dims = [each.dim_value for each in models[0].graph.output[0].type.tensor_type.shape.dim]
    shapes = {"x": ["a", "b", 2], "y": [f"y{i}" for i in range(len(dims))]}
    return Session(merged(models, shapes).SerializeToString())


FUNCTIONS = {
    "elementwise": lambda x: x * 2 + 1,
    "to a list of tokens": lambda x: x.reshape(-1, 2) @ jnp.ones((2, 3)),
    "patches": lambda x: x.reshape(len(x) // 2, 2, -1, 2, 2).transpose(0, 2, 1, 3, 4).sum(2),
    "padding and slices": lambda x: jnp.pad(x, ((1, 2), (0, 3), (0, 0)))[1:-1, 2:] ** 2,
    "broadcasts": lambda x: x + jnp.broadcast_to(x[:1, :, :1], (*x.shape[:2], 1)),
    "constant arrays": lambda x: x + jnp.ones(x.shape) * jnp.maximum(jnp.zeros(x.shape), 3.0),
    "sums": lambda x: jnp.einsum("yxc,yxd->cd", x, x),
    "convolution": lambda x: jax.lax.conv_general_dilated(
        x[None], KERNEL, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    ),
    "gradient": jax.grad(lambda x: jnp.sum(jax.nn.softmax(jax.nn.gelu(x), 1)[:, :, :1] ** 2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(5, 13), (1, 1), (40, 3)])
def test_any_shape(name, shape):
    session = exported(FUNCTIONS[name], scale=2)
    x = np.random.default_rng(1).normal(size=(2 * shape[0], 2 * shape[1], 2)).astype(np.float32)
    (found,) = session(x)
    np.testing.assert_allclose(found, FUNCTIONS[name](x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + np.arange(x.shape[1], dtype=np.float32)[:, None],  # values, not sizes
        lambda x: x.reshape(-1) if len(x) > 5 else jnp.sin(x),
        lambda x: x[: len(x) // 2],  # 2 of 5, 3 of 7: not a whole factor
    ],
)
def test_what_depends_on_the_shape_otherwise_is_refused(function):
    with pytest.raises(UnsupportedOperationError, match="shape"):
        exported(function)


def test_nodes_have_names_of_their_own():
    inputs = {"x": jax.ShapeDtypeStruct((3, 5, 2), np.float32)}
    model = to_onnx("test", lambda p, x: (jax.nn.softmax(x),), {}, inputs, ["y"])
    names = [node.name for node in model.graph.node]
    assert all(names) and len(set(names)) == len(names)


def test_gelu_is_one_operation_where_only_its_result_is_used():
    inputs = {"x": jax.ShapeDtypeStruct((3, 5, 2), np.float32)}

    def operations(function):
        model = to_onnx("test", lambda p, x: (function(x),), {}, inputs, ["y"])
        return [node.op_type for node in model.graph.node]

    assert operations(jax.nn.gelu) == ["Gelu", "Identity"]
    assert operations(lambda x: jax.nn.gelu(x) + jax.nn.gelu(2 * x)).count("Gelu") == 2
    for other in (
        lambda x: x * jax.nn.sigmoid(1.702 * x),
        lambda x: 0.5 * x * (1 + jnp.tanh(0.7 * (x + 0.044715 * x**3))),
        jax.grad(lambda x: jnp.sum(jax.nn.gelu(x))),
    ):
        assert "Gelu" not in operations(other)
