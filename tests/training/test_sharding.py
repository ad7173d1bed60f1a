"""Meshes, rows of the batch, and rules that place parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractMesh, PartitionSpec
from ml_collections import ConfigDict

from pqmim_jax.training import default_config
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.partition import tree_shardings
from pqmim_jax.training.pqvae_stage import pqvae_stage
from pqmim_jax.training.sharding import AXES, build_mesh, local_rows, mesh_shape, place_batch


def sizes(data, fsdp=1, tensor=1):
    return ConfigDict({"data": data, "fsdp": fsdp, "tensor": tensor})


@pytest.mark.parametrize(
    ("config", "devices", "shape"),
    [
        (sizes(-1), 8, (8, 1, 1)),
        (sizes(2), 8, (2, 1, 1)),
        (sizes(1, -1), 8, (1, 8, 1)),
        (sizes(-1, 2, 2), 8, (2, 2, 2)),
        (sizes(2, 2, -1), 256, (2, 2, 64)),
    ],
)
def test_one_axis_takes_what_the_others_leave(config, devices, shape):
    assert mesh_shape(config, devices) == shape


@pytest.mark.parametrize("config", [sizes(16), sizes(-1, 3), sizes(-1, -1), sizes(0), sizes(-2)])
def test_sizes_that_do_not_fit_are_refused(config):
    with pytest.raises(ValueError, match="mesh"):
        mesh_shape(config, 8)


def test_one_process_holds_every_row_and_places_them_in_order():
    mesh = build_mesh(sizes(-1))
    rows = local_rows(mesh.size * 3, mesh)
    assert rows.tolist() == list(range(mesh.size * 3))
    images = np.arange(rows.size * 4, dtype=np.uint8).reshape(-1, 4)
    placed = place_batch({"image": images}, rows, rows.size, mesh)
    np.testing.assert_array_equal(placed["image"], images)


def specs(tree, rules, shape=(4, 2, 2)):
    mesh = AbstractMesh(shape, AXES)
    return jax.tree.map(lambda s: s.spec, tree_shardings(tree, rules, mesh))


def test_rules_place_the_last_dimensions_and_the_first_match_counts():
    tree = {"a": {"kernel": jnp.zeros((3, 3, 8, 6)), "bias": jnp.zeros(6)}, "b": jnp.zeros((4, 4))}
    rules = (("a/k", ("fsdp", "tensor")), ("kernel", ("data",)), ("^b$", (None, "tensor")))
    assert specs(tree, rules) == {
        "a": {"kernel": PartitionSpec(None, None, "fsdp", "tensor"), "bias": PartitionSpec(None)},
        "b": PartitionSpec(None, "tensor"),
    }


def test_a_dimension_that_does_not_divide_stays_whole():
    assert specs({"w": jnp.zeros((6, 7))}, (("w", ("fsdp", "tensor")),)) == {
        "w": PartitionSpec("fsdp", None)
    }


@pytest.mark.parametrize(
    "rule", [("w",), ("w", ("model",)), ("w", ("fsdp", "fsdp")), ("(", ("fsdp",)), 3]
)
def test_a_malformed_rule_is_refused(rule):
    with pytest.raises(ConfigError, match="sharding rule"):
        specs({"w": jnp.zeros((4, 4))}, (rule,))


def test_a_rule_for_more_dimensions_than_there_are_is_refused():
    with pytest.raises(ConfigError, match=r"2 axes matches w of shape \(4,\)"):
        specs({"w": jnp.zeros(4)}, (("w", ("fsdp", "tensor")),))


@pytest.mark.parametrize("backbone", ["xcit", "conv", "pyramid"])
def test_default_rules_split_nearly_all_parameters_and_their_averages(backbone):
    config = default_config.get_config()
    config.autoencoder.backbone = backbone
    shapes = pqvae_stage(config).state_shapes()
    shardings = tree_shardings(shapes, config.sharding_rules, AbstractMesh((1, 4, 2), AXES))
    for tree in ("params", "opt_state"):
        leaves = jax.tree.leaves(getattr(shapes, tree))
        placed = jax.tree.leaves(getattr(shardings, tree))
        total = sum(leaf.size for leaf in leaves)
        local = sum(
            np.prod(s.shard_shape(leaf.shape)) for leaf, s in zip(leaves, placed, strict=True)
        )
        assert local < total / 8 * 1.3
