import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.training.accumulate import accumulated_grad


@pytest.mark.parametrize("passes", [1, 2, 3, 6])
def test_parts_add_up_to_the_gradient_of_the_whole_batch_and_rows_keep_their_order(passes):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)

    def loss_fn(params, part):
        errors = jnp.tanh(part["x"] @ params["w"]) ** 2
        return errors.sum() / 6, {"error": errors, "x": part["x"]}

    expected = jax.grad(lambda p: loss_fn(p, {"x": x})[0])({"w": w})
    grads, rows = jax.jit(lambda p, b: accumulated_grad(loss_fn, p, b, passes))({"w": w}, {"x": x})
    np.testing.assert_allclose(grads["w"], expected["w"], rtol=1e-5)
    np.testing.assert_array_equal(rows["x"], x)
    np.testing.assert_allclose(rows["error"], np.tanh(x @ w) ** 2, rtol=1e-5)
