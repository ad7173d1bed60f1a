"""Whole runs of both stages through `train`: preemption, divergence, several devices."""

import importlib.util
import json

import numpy as np
import pytest
from training_process import SCRIPT, start

from pqmim_jax import model_store
from pqmim_jax.cli import main
from pqmim_jax.codec import Codec
from pqmim_jax.runtime import load_codec
from pqmim_jax.runtime.manifest import KINDS, read_manifest
from pqmim_jax.training import mim_stage, pqvae_stage
from pqmim_jax.training.checkpoints import restore_params
from pqmim_jax.training.config import ConfigError, from_json, to_json
from pqmim_jax.training.interruption import Interrupted, TrainingError
from pqmim_jax.training.run import train

STAGES = ("pqvae", "mim")


def metrics(workdir, stage):
    """Lines of a stage's log."""
    return [json.loads(line) for line in (workdir / stage / "metrics.jsonl").open()]


def flat_weights(workdir):
    model = model_store.load_model(workdir)
    leaves = []

    def collect(tree):
        for name in sorted(tree):
            value = tree[name]
            if isinstance(value, dict):
                collect(value)
            else:
                leaves.append(value.ravel())

    collect(model.autoencoder)
    collect(model.mim)
    return np.concatenate(leaves)


@pytest.fixture(scope="module")
def make_config(make_config):
    """With a seed by which no early step amplifies what the order of sums changes in a last bit."""

    def make():
        config = make_config()
        config.seed = 2
        return config

    return make


@pytest.fixture(scope="module")
def uninterrupted(make_config, tmp_path_factory):
    """Workdir of a whole run on one device."""
    workdir = tmp_path_factory.mktemp("uninterrupted")
    train(make_config(), workdir)
    return workdir


def test_a_trained_workdir_is_exported_in_every_format(uninterrupted, tmp_path):
    model = model_store.load_model(uninterrupted)
    for kind in KINDS:
        folder = tmp_path / kind
        assert main(["export", str(uninterrupted), "--format", kind, "-o", str(folder)]) == 0
        manifest = read_manifest(folder, kind)
        assert manifest["fingerprint"] == f"{model.fingerprint:08x}"
        assert manifest["decoder"] == f"{model.decoder:04x}"
        assert manifest["model"] == uninterrupted.name
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    encoded = load_codec(tmp_path / "onnx").encode(picture)
    found = Codec.of(model).decode(encoded.data).pixels.astype(int)
    expected = load_codec(tmp_path / "onnx").decode_indices(encoded.indices, 2, (30, 40))
    assert np.abs(found - expected).max() <= 1


def test_a_preempted_run_continues_as_if_nothing_had_happened(
    uninterrupted, tiny_config, tmp_path, monkeypatch
):
    workdir = tmp_path / "preempted"
    status, errors = start(tiny_config, workdir, "--preempt", "pqvae", 2).wait_for_end()
    assert status != 0
    assert "pqvae stopped at step 2, checkpoint saved" in errors
    assert [line["step"] for line in metrics(workdir, "pqvae")] == [1, 2]
    with (workdir / "pqvae" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "distortion": 0.0}\n{"step": 4, "dis')  # from a hard crash

    with monkeypatch.context() as patch:
        make = mim_stage.stage_batches
        preempted = _script().Preempted
        patch.setattr(mim_stage, "stage_batches", lambda *args: preempted(make(*args), 3))
        with pytest.raises(Interrupted, match="mim stopped at step 3"):
            train(tiny_config, workdir)
    assert not (workdir / "model").exists()

    train(tiny_config, workdir)
    for stage in STAGES:
        assert metrics(workdir, stage) == metrics(uninterrupted, stage)
    for name in ("model.json", "weights.safetensors"):
        assert (workdir / "model" / name).read_bytes() == (
            uninterrupted / "model" / name
        ).read_bytes()


def test_a_run_leaves_its_config_logs_checkpoints_and_model(uninterrupted, tiny_config):
    for stage, headline in (("pqvae", "distortion"), ("mim", "bits_per_index")):
        lines = metrics(uninterrupted, stage)
        assert [line["step"] for line in lines] == [1, 2, 3, 4]
        assert all(np.isfinite(line[headline]) for line in lines)
        config = from_json((uninterrupted / stage / "config.json").read_text())
        assert config.to_dict() == tiny_config.to_dict()
    assert len(lines[0]["bits_per_codebook"]) == 2
    model = model_store.load_model(uninterrupted)
    assert model.config["codec"] == json.loads(to_json(tiny_config.codec))
    assert model.counts.sum(-1).tolist() == [8 * 16] * 2  # tokens of the 8 first images
    params = restore_params(uninterrupted / "pqvae" / "checkpoints")
    stored = model.autoencoder["linear_analysis"]["kernel"]
    np.testing.assert_allclose(stored, params["linear_analysis"]["kernel"], atol=1e-3)


def test_four_devices_train_what_one_does(uninterrupted, tiny_config, tmp_path):
    four = tmp_path / "four"
    status, errors = start(tiny_config, four, devices=4).wait_for_end()
    assert status == 0, errors
    assert json.loads((four / "traces.json").read_text()) == {"pqvae": 1, "mim": 1}
    for stage in STAGES:
        for a, b in zip(metrics(four, stage), metrics(uninterrupted, stage), strict=True):
            for name in b:
                np.testing.assert_allclose(a[name], b[name], rtol=1e-5, atol=1e-6, err_msg=name)
    weights = flat_weights(uninterrupted)
    assert np.linalg.norm(flat_weights(four) - weights) < 1e-3 * np.linalg.norm(weights)


def test_a_run_that_tells_qualities_apart(tiny_config, tmp_path):
    tiny_config.codec.update(counts_by_quality=True, rate_weights=(3e6, 1e6))
    tiny_config.mim.update(knows_quality=True, trunk="lean", depth=1)
    tiny_config.validation.source = tiny_config.data.source
    for section in (tiny_config.pqvae_training, tiny_config.mim_training):
        section.update(rate_scale=1.0, full_quality_share=0.3)
    assert pqvae_stage.pqvae_stage(tiny_config).state_shapes().codebook.shares.shape == (2, 2, 8)
    train(tiny_config, tmp_path)
    model = model_store.load_model(tmp_path)
    assert model.config["mim"]["knows_quality"] is True
    assert model.counts.shape == (2, 2, 8)
    assert model.counts.sum(-1).tolist() == [[8 * 16, 0], [8 * 16] * 2]
    assert np.abs(model_store.load_float_mim(tmp_path)["quality"]["embedding"]).max() > 0
    codec = Codec.of(model)
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    for quality in (1, 2):
        encoded = codec.encode(picture, quality=quality)
        expected = codec.decode_indices(encoded.indices, quality, (30, 40))
        np.testing.assert_array_equal(codec.decompress(encoded.data), expected)


def test_a_diverging_run_says_so_and_keeps_its_checkpoints(tiny_config, tmp_path):
    tiny_config.stages = ("pqvae",)
    tiny_config.checkpoints.every = 1
    tiny_config.pqvae_training.update(learning_rate=1e30, lr_scales=(), steps=6)
    with pytest.raises(TrainingError, match=r"pqvae: distortion is (nan|inf) at step \d; "):
        train(tiny_config, tmp_path)
    assert len(metrics(tmp_path, "pqvae")) >= 1
    assert "linear_analysis" in restore_params(tmp_path / "pqvae" / "checkpoints")


def test_a_config_that_cannot_run_is_refused_before_training(tiny_config, tmp_path):
    cases = [
        ({"stages": ("pqvae", "gan")}, ConfigError, r"'gan'.*pqvae, mim"),
        ({"pqvae_training.crop": 36}, ConfigError, "36 is not a multiple of .* f = 8"),
        ({"pqvae_training.distortion": "ssim"}, ValueError, "'ssim'.*mse, ms_ssim"),
        ({"pqvae_training.codebook_update": "sgd"}, ValueError, "'sgd'.*ema, gradient"),
        ({"stages": ("mim",)}, ConfigError, "no trained autoencoder in"),
        ({"pqvae_training.average_decay": 1.0}, ConfigError, r"in \[0, 1\), got 1\.0"),
        ({"log_every": 0}, ConfigError, "log_every must be >= 1 step, got 0"),
        ({"checkpoints.every": -1}, ConfigError, r"checkpoints\.every must be >= 1 step, got -1"),
        ({"mesh.data": 999}, ValueError, "mesh of data 999, .* does not fit"),
    ]
    for number, (overrides, error, message) in enumerate(cases):
        config = tiny_config.copy_and_resolve_references()
        config.pqvae_training.initialise_images = 0
        config.update_from_flattened_dict(overrides)
        with pytest.raises(error, match=message):
            train(config, tmp_path / str(number))


def _script():
    spec = importlib.util.spec_from_file_location("train_in_process", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
