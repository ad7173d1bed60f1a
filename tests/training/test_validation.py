"""Every validation image counts once, whatever the batch size."""

import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.data import center_crop, open_source
from pqmim_jax.training.sharding import build_mesh
from pqmim_jax.training.stage import Stage, layout_of
from pqmim_jax.training.state import TrainState
from pqmim_jax.training.validation import Validation


def brightness(params, batch):
    return {"brightness": params["scale"] * batch["image"].astype(jnp.float32).mean((1, 2, 3))}


def stage(steps=7):
    return Stage(
        name="pqvae",
        steps=steps,
        batch_size=4,
        crop=32,
        passes=1,
        init=lambda key: TrainState(jnp.int32(0), {"scale": jnp.float32(0)}, (), None),
        step_fn=None,
        eval_fn=brightness,
        constants=(),
        headline="",
        score="brightness",
        average_decay=0.0,
        max_seconds=0.0,
    )


def validation(config, **options):
    config.mesh.data = 1
    config.validation.update(source=config.data.source, **options)
    layout = layout_of(stage(), build_mesh(config.mesh), ())
    return Validation(stage(), config, layout, ())


@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_the_mean_is_over_all_images_and_over_none_twice(tiny_config, batch_size):
    scores = validation(tiny_config, batch_size=batch_size).run({"scale": jnp.float32(2)})
    images = open_source(tiny_config.data.source)
    expected = 2 * np.mean([center_crop(image, 32).mean() for image in images])
    assert scores == {"validation/brightness": pytest.approx(expected, rel=1e-5)}


@pytest.mark.parametrize(("every", "steps"), [(0, [7]), (3, [3, 6, 7]), (7, [7])])
def test_passes_come_as_often_as_asked_and_at_the_end(tiny_config, every, steps):
    passes = validation(tiny_config, every=every)
    assert [step for step in range(1, 8) if passes.due(step, step == 7)] == steps


def test_without_a_source_there_is_no_pass(tiny_config):
    passes = validation(tiny_config, every=1)
    tiny_config.validation.source = ""
    assert not any(passes.due(step, step == 7) for step in range(1, 8))
