import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.models.layers.mixing import (
    CrossCovarianceAttention,
    DepthwiseFilter,
    WindowAttention,
)
from pqmim_jax.models.layers.normalization import GroupNorm
from pqmim_jax.models.layers.patches import (
    depth_to_space,
    overlap_add,
    overlapping_patches,
    space_to_depth,
)

KEY = jax.random.key(0, impl="unsafe_rbg")  # compiles faster than the default
GRIDS = [((2, 1, 3, 1), 2), ((1, 3, 2, 3), 4), ((1, 2, 1, 2), 8)]
to_depth = jax.jit(space_to_depth, static_argnums=1)
to_space = jax.jit(depth_to_space, static_argnums=1)
to_patches = jax.jit(overlapping_patches, static_argnums=1)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("grid", "block"), GRIDS)
def test_depth_to_space_inverts_space_to_depth(grid, block):
    b, h, w, c = grid
    x = noise(b, h * block, w * block, c)
    cells = to_depth(x, block)
    assert cells.shape == (b, h, w, block * block * c)
    np.testing.assert_array_equal(to_space(cells, block), x)


def test_space_to_depth_is_row_major_inside_a_block():
    x = np.arange(4 * 6, dtype=np.float32).reshape(1, 4, 6, 1)
    assert to_depth(x, 2)[0, 1, 2].tolist() == x[0, 2:4, 4:6, 0].ravel().tolist()


@pytest.mark.parametrize(("grid", "f"), GRIDS)
def test_overlap_add_is_the_adjoint_of_overlapping_patches(grid, f):
    b, h, w, c = grid
    x = noise(b, h * f, w * f, c)
    y = noise(b, h, w, 4 * f * f * c, seed=1)
    patches, image = to_patches(x, f), jax.jit(overlap_add, static_argnums=1)(y, f)
    assert patches.shape == y.shape
    assert image.shape == x.shape
    left, right = np.vdot(patches, y), np.vdot(x, image)
    assert abs(left - right) < 1e-5 * np.linalg.norm(patches) * np.linalg.norm(y)


def test_overlapping_patches_are_windows_centred_on_the_cells():
    f = 4
    x = noise(1, 3 * f, 2 * f, 3)
    padded = np.pad(x, ((0, 0), (f // 2, f // 2), (f // 2, f // 2), (0, 0)))
    quarters = np.asarray(to_patches(x, f))[0, 2, 1].reshape(2, 2, f, f, 3)
    window = quarters.swapaxes(1, 2).reshape(2 * f, 2 * f, 3)
    np.testing.assert_array_equal(window, padded[0, 2 * f : 4 * f, f : 3 * f])


def test_depthwise_filter_equals_xla_convolution():
    x = noise(2, 5, 7, 6)
    module = DepthwiseFilter()
    params = jax.jit(module.init)(KEY, x)["params"]
    params = {**params, "bias": jnp.arange(6.0)}
    expected = jax.lax.conv_general_dilated(
        x,
        params["kernel"][:, :, None],
        window_strides=(1, 1),
        padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=6,
    )
    out = jax.jit(module.apply)({"params": params}, x)
    np.testing.assert_allclose(out, expected + jnp.arange(6.0), atol=1e-5)


def test_cross_covariance_attention_has_parameters_for_any_resolution():
    module = CrossCovarianceAttention(heads=2)
    params = jax.jit(module.init)(KEY, noise(1, 4, 4, 8))
    for h, w in ((1, 1), (3, 7), (9, 2)):
        out = jax.eval_shape(module.apply, params, noise(1, h, w, 8))
        assert out.shape == (1, h, w, 8)


def test_cross_covariance_attention_does_not_depend_on_the_order_of_tokens():
    module = CrossCovarianceAttention(heads=2)
    x = noise(1, 3, 4, 8)
    params = jax.jit(module.init)(KEY, x)
    order = np.random.default_rng(1).permutation(12)
    out = np.asarray(module.apply(params, x)).reshape(12, 8)
    shuffled = jax.jit(module.apply)(params, x.reshape(1, 12, 8)[:, order].reshape(1, 3, 4, 8))
    np.testing.assert_allclose(np.asarray(shuffled).reshape(12, 8), out[order], atol=1e-5)


@pytest.mark.parametrize("layer", [CrossCovarianceAttention(heads=2), GroupNorm(2)])
def test_statistics_run_over_the_masked_tokens_alone(layer):
    x, mask = noise(1, 3, 4, 8), np.zeros((1, 3, 4), np.float32)
    mask[:, 1:, :3] = 1
    params = jax.jit(layer.init)(KEY, x)
    apply = jax.jit(layer.apply)
    inside = apply(params, x[:, 1:, :3])
    np.testing.assert_allclose(apply(params, x, mask)[:, 1:, :3], inside, atol=1e-5)
    np.testing.assert_allclose(apply(params, x, np.ones_like(mask)), apply(params, x), atol=1e-5)
    assert np.abs(apply(params, x)[:, 1:, :3] - inside).max() > 1e-2


def test_group_norm_counts_all_samples_of_a_masked_token():
    x, mask = noise(2, 4, 6, 8) + 1, np.ones((2, 2, 3), np.float32)
    mask[:, 0] = 0
    layer = GroupNorm(4)
    params, apply = jax.jit(layer.init)(KEY, x), jax.jit(layer.apply)
    np.testing.assert_allclose(apply(params, x, mask)[:, 2:], apply(params, x[:, 2:]), atol=1e-5)


def test_group_norm_without_a_mask_is_the_one_of_flax():
    x = noise(2, 4, 6, 8)
    ours, theirs = (
        jax.jit(layer.init_with_output)(KEY, x) for layer in (GroupNorm(4), nn.GroupNorm(4))
    )
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_window_attention_bias_goes_by_the_offset_between_query_and_key():
    module = WindowAttention(heads=1)
    x = noise(1, 2, 3, 4)
    params = jax.jit(module.init)(KEY, x)["params"]
    assert params["relative_bias"].shape == (3, 5, 1)
    # A bias that admits only the key one row above and one column right of the query.
    bias = jnp.full((3, 5, 1), -1e9).at[1 + 1, 2 - 1].set(0.0)
    value = {**params, "relative_bias": bias}
    identity = jnp.concatenate([jnp.zeros((4, 8)), jnp.eye(4)], axis=1)
    value["qkv"] = {"kernel": identity, "bias": jnp.zeros(12)}
    value["projection"] = {"kernel": jnp.eye(4), "bias": jnp.zeros(4)}
    out = jax.jit(module.apply)({"params": value}, x)
    np.testing.assert_allclose(out[0, 1, 0], x[0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(out[0, 1, 1], x[0, 0, 2], atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        CrossCovarianceAttention(2, jnp.bfloat16),
        WindowAttention(2, jnp.bfloat16),
        DepthwiseFilter(jnp.bfloat16),
    ],
)
def test_layers_stay_in_bfloat16(layer):
    x = jnp.asarray(noise(1, 3, 3, 8), jnp.bfloat16)
    out, _ = jax.jit(layer.init_with_output)(KEY, x)
    assert out.dtype == jnp.bfloat16
    assert jnp.isfinite(out.astype(jnp.float32)).all()
