"""Attention's tables: exponentials, and what ONNX Runtime's sigmoid of bytes gives."""

import jax
import numpy as np
import pytest

from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.integer.arithmetic import exponential
from pqmim_jax.integer.exponentials import as_sigmoid, sigmoid_table
from pqmim_jax.runtime.sessions import Session


def in_onnx(table, x):
    """Entries, and the operations that gave them."""
    shapes = {"x": jax.ShapeDtypeStruct(x.shape, x.dtype)}
    model = to_onnx("p", lambda p, x: (exponential(p["t"], x),), {"t": table}, shapes, ["y"])
    (found,) = Session(model.SerializeToString())(x)
    return found.astype(int), {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("top", [255, 127])
@pytest.mark.parametrize("per_nat", np.linspace(11, 22, 12))
def test_every_entry_is_an_exponential_and_what_onnx_runtime_gives(per_nat, top):
    table = sigmoid_table(per_nat, top)
    assert len(table) <= 256 and table[0] == 0 and table[-1] == top
    below = np.arange(len(table) + 100)
    exact = top * np.exp(-below / per_nat)
    expected = np.pad(table[::-1], (0, 100))
    assert np.abs(expected - exact).max() < 0.5 + 0.012 * top
    found, operations = in_onnx((table - 128).astype(np.int8), -below.astype(np.float32))
    assert "QLinearSigmoid" in operations
    np.testing.assert_array_equal(found, expected)


def test_another_table_is_looked_up():
    table = np.sort(np.random.default_rng(0).integers(0, 256, 200))
    table[0], table[-1] = 0, 255
    assert as_sigmoid(table) is None
    x = -np.arange(300, dtype=np.float32) - 0.25  # rounded first
    found, operations = in_onnx((table - 128).astype(np.int8), x)
    assert "QLinearSigmoid" not in operations
    np.testing.assert_array_equal(found, np.pad(table[::-1], (0, 100)))
