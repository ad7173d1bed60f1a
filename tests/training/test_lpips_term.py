"""The LPIPS term of perceptual training, over one trunk or several."""

import jax
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from pqmim_jax.losses.lpips import lpips
from pqmim_jax.losses.lpips_weights import lpips_shapes
from pqmim_jax.training import lpips_term
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.default_perceptual import perceptual_training


def options(trunk, **overrides):
    section = perceptual_training()
    section.update(lpips_trunk=trunk, **overrides)
    return section


def random_weights(trunk, path=None):
    rng = np.random.default_rng(len(trunk))
    shapes = lpips_shapes(trunk)
    flat = {
        name: np.abs(rng.normal(0, 0.05, shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    return unflatten_dict(flat, sep="/")


@pytest.fixture
def weights(monkeypatch):
    monkeypatch.setattr(lpips_term, "load_lpips", random_weights)


def test_several_trunks_are_averaged(weights):
    both = options("vgg16+alexnet")
    (constants,) = lpips_term.lpips_constants(both)
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-0.5, 0.5, (2, 64, 64, 3)).astype(np.float32) for _ in range(2))
    found = jax.jit(lpips_term.lpips_term(both))(constants, a, b)
    each = [lpips(random_weights(t), a, b, trunk=t) for t in ("vgg16", "alexnet")]
    np.testing.assert_allclose(found, sum(each) / 2, rtol=1e-4)


@pytest.mark.parametrize("trunk", ["alexnet", "vgg16+alexnet"])
def test_shapes_are_those_of_the_constants(weights, trunk):
    section = options(trunk)
    shapes = lpips_term.lpips_constant_shapes(section)
    constants = lpips_term.lpips_constants(section)
    assert jax.tree.map(lambda s: s.shape, shapes) == jax.tree.map(np.shape, constants)


def test_without_weight_there_is_no_term():
    section = options("vgg16", lpips_weight=0.0)
    assert lpips_term.lpips_term(section) is None
    assert lpips_term.lpips_constants(section) == lpips_term.lpips_constant_shapes(section) == ()


def test_one_file_does_not_serve_two_trunks():
    with pytest.raises(ConfigError, match="holds one trunk, lpips_trunk names 2"):
        lpips_term.lpips_constants(options("vgg16+alexnet", lpips_file="x.safetensors"))


@pytest.mark.parametrize("trunk", ["resnet", "vgg16+resnet", "vgg16+"])
def test_unknown_trunks_are_refused(trunk):
    with pytest.raises(ValueError, match=r"vgg16, alexnet"):
        lpips_term.lpips_constant_shapes(options(trunk))
