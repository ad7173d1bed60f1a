"""The baseline's stage: it learns, resumes, trains alike on four devices, leaves a model."""

import importlib.util
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_process import SCRIPT, start

from pqmim_jax.hyperprior_store import load_hyperprior
from pqmim_jax.models.hyperprior import build_hyperprior
from pqmim_jax.training import hyperprior_stage
from pqmim_jax.training.hyperprior_step import build_hyperprior_step, hyperprior_generator
from pqmim_jax.training.interruption import Interrupted
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.random_hyperprior import tiny_hyperprior_config
from pqmim_jax.training.run import train

STEPS = 6


@pytest.fixture
def config(tiny_config):
    """One run on the pictures of `photos`, with the smallest networks."""
    tiny = tiny_hyperprior_config()
    tiny_config.stages = ("hyperprior",)
    tiny_config.hyperprior = tiny.hyperprior
    tiny_config.hyperprior.update(encoder_depth=0, decoder_depth=0)
    tiny_config.hyperprior_training = tiny.hyperprior_training
    tiny_config.hyperprior_training.update(
        steps=STEPS, batch_size=4, crop=32, initialise_images=8, warmup_steps=1
    )
    return tiny_config


def metrics(workdir):
    return [json.loads(line) for line in (workdir / "hyperprior" / "metrics.jsonl").open()]


def preempted(batches, step):
    spec = importlib.util.spec_from_file_location("train_in_process", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Preempted(batches, step)


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(config, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(config, whole)
    with monkeypatch.context() as patch:
        make = hyperprior_stage.stage_batches
        patch.setattr(hyperprior_stage, "stage_batches", lambda *a: preempted(make(*a), 3))
        with pytest.raises(Interrupted, match="hyperprior stopped at step 3"):
            train(config, parts)
    assert not (parts / "model").exists()
    train(config, parts)
    assert metrics(parts) == metrics(whole)
    assert [line["step"] for line in metrics(whole)] == list(range(1, STEPS + 1))
    for name in ("model.json", "weights.safetensors"):
        files = [(folder / "model" / name).read_bytes() for folder in (whole, parts)]
        assert files[0] == files[1]
    model = load_hyperprior(whole)
    assert model.lambdas == (0.001, 0.01)
    assert len(model.latents[0]) == 64
    assert len(model.hyper[0]) == 2 * 4  # rates x hyper-channels


@pytest.mark.slow
def test_four_devices_train_what_one_does(config, tmp_path):
    runs = [start(config, tmp_path / str(n), devices=n) for n in (1, 4)]
    for run in runs:
        status, errors = run.wait_for_end()
        assert status == 0, errors
    one, four = (metrics(tmp_path / str(n)) for n in (1, 4))
    for a, b in zip(four, one, strict=True):
        for name in b:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5, err_msg=name)


def batch(size=4):
    """Smooth waves: something that six latents can hold."""
    y, x = np.mgrid[:32, :32][..., None] / 32
    waves = [np.sin(3 * (x * (i + 1) + y * [1, 2, 3])) for i in range(size)]
    return {"image": jnp.asarray(np.uint8(127 + 90 * np.stack(waves)))}


def built(options, config):
    model, tx = build_hyperprior(config.hyperprior), build_optimizer(options)
    state = jax.jit(hyperprior_stage.hyperprior_stage(config).init)(jax.random.key(0))
    return state, jax.jit(build_hyperprior_step(model, tx, options))


def test_a_few_steps_lower_the_cost(config):
    options = config.hyperprior_training
    options.update(steps=60, learning_rate=1e-2, lr_scales=())
    state, step = built(options, config)
    costs = []
    for _ in range(60):
        state, measured = step(state, batch(), jax.random.key(1))
        costs.append(float(measured["cost"]))
    assert np.isfinite(costs).all()
    assert np.mean(costs[-10:]) < 0.5 * np.mean(costs[:10])


def test_accumulated_passes_take_the_same_step(config):
    options = config.hyperprior_training
    results = []
    for passes in (1, 2):
        options.accumulate_steps = passes
        state, step = built(options, config)
        results.append(step(state, batch(), jax.random.key(1))[1])
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-4, err_msg=name)


def random_params(model):
    return jax.jit(lambda key: hyperprior_stage.init_params(model, key))(jax.random.key(0))


def test_a_generator_gives_what_adversarial_training_needs(config):
    options = config.hyperprior_training
    model = build_hyperprior(config.hyperprior)
    params = random_params(model)
    out = jax.jit(hyperprior_generator(model, options))(params, batch(), jax.random.key(1))
    assert out.reconstruction.shape == (4, 32, 32, 3)
    assert out.condition.shape == (4, 4, 4, 6)
    assert {name: rows.shape for name, rows in out.rows.items()} == dict.fromkeys(
        ("distortion", "mse", "bpp", "hyper_bpp"), (4,)
    )
    weight = (np.asarray(out.losses) - out.rows["bpp"]) / out.rows["distortion"]
    nearest = np.round(np.log10(weight))
    assert set(nearest) <= {-3, -2}  # the lambdas
    np.testing.assert_allclose(weight, 10.0**nearest, rtol=1e-2)


def test_a_rate_below_its_target_weighs_less(config):
    options = config.hyperprior_training
    model = build_hyperprior(config.hyperprior)
    params = random_params(model)
    weights = []
    for targets in ((0.0, 0.0), (99.0, 99.0)):
        options.target_rates = targets
        options.lambdas = (0.0, 0.0)
        generate = jax.jit(hyperprior_generator(model, options))
        out = generate(params, batch(), jax.random.key(1))
        weights.append(np.asarray(out.losses / out.rows["bpp"]))
    np.testing.assert_allclose(weights, [[1.0] * 4, [options.below_target] * 4], rtol=1e-6)


def test_a_config_that_cannot_run_is_refused(config, tmp_path):
    cases = [
        ({"hyperprior_training.lambdas": (0.01,)}, "lambdas must hold 2 values"),
        ({"hyperprior_training.target_rates": (0.1,)}, "target_rates must hold 2 values"),
        ({"hyperprior_training.crop": 40}, "crop 40 is not a multiple of 32"),
        ({"hyperprior.backbone": "vit"}, "'vit'; choices: xcit, conv"),
        ({"hyperprior.num_rates": 0}, "num_rates must be from 1 to 256"),
        ({"stages": ("mim", "hyperprior")}, "each write a model"),
    ]
    for number, (overrides, message) in enumerate(cases):
        changed = config.copy_and_resolve_references()
        changed.update_from_flattened_dict(overrides)
        with pytest.raises(ValueError, match=message):
            train(changed, tmp_path / str(number))
