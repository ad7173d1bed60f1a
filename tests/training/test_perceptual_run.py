"""Whole runs of the perceptual stage: exact resume, several devices, what is kept and written."""

import json

import jax
import numpy as np
import pytest
from train_in_process import Preempted
from training_process import start

from pqmim_jax import Codec, model_store
from pqmim_jax.models.autoencoder import ENCODING
from pqmim_jax.training import default_config, perceptual_stage
from pqmim_jax.training.checkpoints import restore_params
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.interruption import Interrupted
from pqmim_jax.training.random_model import save_random_model
from pqmim_jax.training.run import train


@pytest.fixture(scope="module")
def start_model(make_config, tmp_path_factory):
    """Folder of a model with random weights."""
    folder = tmp_path_factory.mktemp("start")
    save_random_model(folder, make_config())
    return folder


@pytest.fixture(scope="module")
def make_perceptual(photos, start_model, lpips_file):
    """Function without arguments: four steps of every term, from a random model."""

    def make():
        config = default_config.get_config()
        config.stages = ("perceptual",)
        config.data.update(source=f"folder:{photos}", cache_mb=8, num_threads=0, prefetch=0)
        config.log_every = 1
        config.checkpoints.every = 1000
        config.perceptual_training.update(
            steps=4, batch_size=4, crop=32, warmup_steps=1, start_from=str(start_model)
        )
        config.perceptual_training.update(lpips_trunk="alexnet", lpips_file=str(lpips_file))
        config.perceptual_training.adaptive_weight = True
        config.perceptual_training.discriminator.update(width=4, depth=1, condition_width=2)
        return config

    return make


@pytest.fixture
def config(make_perceptual):
    return make_perceptual()


@pytest.fixture(scope="module")
def uninterrupted(make_perceptual, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    train(make_perceptual(), workdir)
    return workdir


def metrics(workdir):
    return [json.loads(line) for line in (workdir / "perceptual" / "metrics.jsonl").open()]


def final_params(workdir):
    return restore_params(workdir / "perceptual" / "checkpoints")


def test_every_term_is_logged(uninterrupted):
    lines = metrics(uninterrupted)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    names = {"lpips", "adversarial", "adversarial_weight", "discriminator_loss", "distortion"}
    for line in lines:
        assert names <= set(line)
        assert all(np.isfinite(line[name]) for name in names)
        assert len(line["perplexity"]) == 2


def test_a_preempted_run_resumes_bit_for_bit(uninterrupted, config, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        make = perceptual_stage.stage_batches
        patch.setattr(perceptual_stage, "stage_batches", lambda *args: Preempted(make(*args), 2))
        with pytest.raises(Interrupted, match="perceptual stopped at step 2"):
            train(config, tmp_path)
    assert not (tmp_path / "model").exists()
    train(config, tmp_path)
    assert metrics(tmp_path) == metrics(uninterrupted)
    jax.tree.map(np.testing.assert_array_equal, final_params(tmp_path), final_params(uninterrupted))


def test_four_devices_train_what_one_does(uninterrupted, config, tmp_path):
    config.mesh.update(data=2, fsdp=2)
    process = start(config, tmp_path / "four", devices=4)
    status, log = process.wait_for_end()
    assert status == 0, log
    assert json.loads((tmp_path / "four" / "traces.json").read_text()) == {"perceptual": 1}
    for a, b in zip(metrics(tmp_path / "four"), metrics(uninterrupted), strict=True):
        for name in b:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_frozen_parts_and_the_mim_stay_bit_identical_and_the_rest_moves(uninterrupted, start_model):
    before, after = (model_store.load_model(path) for path in (start_model, uninterrupted))
    jax.tree.map(np.testing.assert_array_equal, after.mim, before.mim)
    np.testing.assert_array_equal(after.counts, before.counts)
    assert after.config == before.config
    for name in ENCODING:
        jax.tree.map(
            np.testing.assert_array_equal, after.autoencoder[name], before.autoencoder[name]
        )
    moved = np.abs(
        after.autoencoder["to_pixels"]["kernel"] - before.autoencoder["to_pixels"]["kernel"]
    )
    assert moved.max() > 0


def test_files_of_the_new_model_are_as_long_and_decode_to_another_picture(
    uninterrupted, start_model
):
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    codecs = [Codec.load(path) for path in (start_model, uninterrupted)]
    files = [codec.compress(image) for codec in codecs]
    assert len(files[0]) == len(files[1])
    pictures = [codec.decompress(file) for codec, file in zip(codecs, files, strict=True)]
    assert np.any(np.asarray(pictures[0]) != np.asarray(pictures[1]))


def test_counts_by_quality_price_codewords_and_stay_with_the_model(config, start_model, tmp_path):
    old = model_store.load_model(start_model)
    codec = {**old.config["codec"], "counts_by_quality": True, "rate_weights": [3e6, 1e6]}
    counts = np.random.default_rng(0).integers(0, 99, (2, *old.counts.shape))
    parts = ({**old.config, "codec": codec}, old.autoencoder, old.mim, counts)
    model_store.save_model(tmp_path / "start", *parts)
    options = config.perceptual_training
    options.update(lpips_weight=0.0, adversarial_weight=0.0, adaptive_weight=False)
    options.update(steps=2, rate_scale=1.0, start_from=str(tmp_path / "start"))
    train(config, tmp_path / "run")
    after = model_store.load_model(tmp_path / "run")
    np.testing.assert_array_equal(after.counts, counts)
    assert after.config["codec"] == codec
    assert after.decoder != model_store.load_model(tmp_path / "start").decoder


def test_a_post_filter_joins_a_model_that_has_none(config, start_model, tmp_path):
    options = config.perceptual_training
    options.update(post_filter_width=4, lpips_weight=0.0, adversarial_weight=0.0, warmup_steps=0)
    config.autoencoder.post_filter_depth = 1
    train(config, tmp_path / "run")
    before, after = (model_store.load_model(path) for path in (start_model, tmp_path / "run"))
    added = {"post_filter_width": 4, "post_filter_depth": 1}
    assert after.config["autoencoder"] == {**before.config["autoencoder"], **added}
    assert np.abs(after.autoencoder["post_filter"]["out"]["kernel"]).max() > 0
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    indices = [Codec.load(path).nearest_indices(image) for path in (start_model, tmp_path / "run")]
    np.testing.assert_array_equal(*indices)
    options.start_from = str(tmp_path / "run")
    with pytest.raises(ConfigError, match="has 4 channels and can only become narrower, not 4"):
        train(config, tmp_path / "again")
    options.post_filter_width = 3
    train(config, tmp_path / "narrow")
    narrow = model_store.load_model(tmp_path / "narrow")
    assert narrow.autoencoder["post_filter"]["convolution_0"]["kernel"].shape == (3, 3, 3, 3)
    assert narrow.config["autoencoder"]["post_filter_depth"] == 1


def test_where_codes_change_the_mim_is_trained_after(make_config, start_model, tmp_path, capsys):
    config = make_config()
    config.stages = ("perceptual", "mim")
    config.mim_training.steps = 1
    config.perceptual_training.update(
        steps=1, batch_size=4, crop=32, start_from=str(start_model), frozen=()
    )
    config.perceptual_training.update(lpips_weight=0.0, adversarial_weight=0.0, warmup_steps=0)
    train(config, tmp_path)
    said = "perceptual: encoder or codebooks train too, so the start's MIM will not fit"
    assert said in capsys.readouterr().out
    params, first = final_params(tmp_path), model_store.load_model(start_model).autoencoder
    for name in ("linear_analysis", "quantizer", "linear_synthesis"):
        pairs = zip(jax.tree.leaves(params[name]), jax.tree.leaves(first[name]), strict=True)
        assert any(np.any(a != b) for a, b in pairs), name
    stored = model_store.load_model(tmp_path).autoencoder
    np.testing.assert_array_equal(
        stored["quantizer"]["codebooks"],
        params["quantizer"]["codebooks"].astype(np.float16).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"frozen": ("^encoders/",)}, r"'\^encoders/' matches no parameter"),
        ({"adversarial_loss": "wgan"}, r"'wgan'.*hinge, non_saturating"),
        ({"distortion": "ssim"}, r"'ssim'.*mse, ms_ssim, charbonnier"),
        ({"codebook_update": "sgd"}, r"'sgd'.*ema, gradient"),
        ({"r1_interval": 0}, "r1_interval 0 must be >= 1"),
        ({"crop": 36}, "36 is not a multiple of .* f = 8"),
        ({"batch_size": 3, "accumulate_steps": 2}, "batch_size 3 must be a multiple of 2"),
        ({"start_from": "nowhere"}, "no trained autoencoder in nowhere"),
        ({"lpips_trunk": "resnet"}, r"'resnet'.*vgg16, alexnet"),
        ({"lpips_file": "nowhere.safetensors"}, "nowhere.safetensors"),
        ({"last_layer": "to_pixels"}, "last_layer 'to_pixels' is no parameter that trains"),
        ({"last_layer": "encoder/stem/kernel"}, "is no parameter that trains"),
        ({"discriminator.depth": 0}, "discriminator.depth must be >= 1"),
    ],
)
def test_a_config_that_cannot_run_is_refused(config, tmp_path, overrides, message):
    section = config.perceptual_training
    section.update_from_flattened_dict(overrides)
    error = ConfigError if "last_layer" in overrides else ValueError
    with pytest.raises(error, match=message):
        train(config, tmp_path)
