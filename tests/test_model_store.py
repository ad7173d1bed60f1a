import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pqmim_jax import model_store
from pqmim_jax.model_store import ModelError, load_model, save_model

CONFIG = {
    "autoencoder": {"f": 8, "num_codebooks": 2, "dtype": "float32"},
    "mim": {"width": 4, "head": "depth"},
    "codec": {"window": 4, "halo": 1, "schedule": "qlds(stages=3,alpha=2.2)"},
}
COUNTS = np.array([[3, 0, 5], [1, 2, 2**40]])


def weights(seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(3, 2)).astype(np.float32)
    return {"layer": {"inner": {"kernel": kernel}, "bias": np.zeros(2)}}


def save(path, config=CONFIG, autoencoder=None, **options):
    save_model(path, config, autoencoder or weights(0), weights(1), COUNTS, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / "alpha")


def test_a_stored_model_comes_back(folder):
    model = load_model(folder)
    assert (model.name, model.config) == ("alpha", CONFIG)
    np.testing.assert_array_equal(model.counts, COUNTS)
    assert model.counts.dtype == np.int64
    for tree, seed in ((model.autoencoder, 0), (model.mim, 1)):
        expected = weights(seed)
        assert tree.keys() == expected.keys()
        kernel = tree["layer"]["inner"]["kernel"]
        assert kernel.dtype == np.float32
        np.testing.assert_array_equal(
            kernel, expected["layer"]["inner"]["kernel"].astype(np.float16)
        )


def test_weights_can_be_stored_in_full(tmp_path):
    model = load_model(save(tmp_path / "full", dtype=np.float32))
    np.testing.assert_array_equal(
        model.mim["layer"]["inner"]["kernel"], weights(1)["layer"]["inner"]["kernel"]
    )


def test_a_model_saved_again_has_the_same_bytes(folder, tmp_path):
    model = load_model(folder)
    again = tmp_path / "again"
    save_model(again, model.config, model.autoencoder, model.mim, model.counts)
    for name in ("model.json", "weights.safetensors"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert load_model(again).fingerprint == model.fingerprint


def test_a_workdir_stands_for_the_model_in_it(folder, tmp_path):
    workdir = tmp_path / "workdir"
    workdir.mkdir()
    folder.rename(workdir / "model")
    np.testing.assert_array_equal(load_model(workdir).counts, COUNTS)
    np.testing.assert_array_equal(load_model(str(workdir)).counts, COUNTS)


def test_fingerprint_tells_models_apart(folder, tmp_path):
    fingerprint = load_model(folder).fingerprint
    assert 0 <= fingerprint < 2**16

    changed = weights(0)
    changed["layer"]["bias"][1] = 0.5
    assert load_model(save(tmp_path / "weight", autoencoder=changed)).fingerprint != fingerprint

    renamed = weights(0)
    renamed["ladder"] = renamed.pop("layer")
    assert load_model(save(tmp_path / "name", autoencoder=renamed)).fingerprint != fingerprint

    other = {**CONFIG, "codec": {**CONFIG["codec"], "schedule": "qlds(stages=4,alpha=2.2)"}}
    assert load_model(save(tmp_path / "schedule", other)).fingerprint != fingerprint


def test_fingerprint_leaves_out_what_only_the_encoder_uses(folder, tmp_path):
    other = {**CONFIG, "codec": {**CONFIG["codec"], "rate_weights": [10.0, 20.0]}}
    again = load_model(save(tmp_path / "rates", other))
    assert again.config == other
    assert again.fingerprint == load_model(folder).fingerprint


def test_fingerprint_does_not_depend_on_where_the_model_lies(folder, tmp_path):
    fingerprint = load_model(folder).fingerprint
    (folder / "README.md").write_text("a card")
    folder.rename(tmp_path / "beta")
    assert load_model(tmp_path / "beta").fingerprint == fingerprint


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit_manifest(change):
    def edit(folder):
        manifest = json.loads((folder / "model.json").read_text())
        change(manifest)
        (folder / "model.json").write_text(json.dumps(manifest))

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: truncate(f / "model.json"),
        lambda f: truncate(f / "weights.safetensors"),
        lambda f: (f / "weights.safetensors").unlink(),
        lambda f: (f / "model.json").write_bytes(b"\xff\xfe"),
        lambda f: (f / "weights.safetensors").write_bytes(b""),
        edit_manifest(lambda m: m.update(format=2)),
        edit_manifest(lambda m: m.pop("codec")),
        lambda folder: (folder / "model.json").write_text("[1]"),
        edit_manifest(lambda m: m.pop("codeword_counts")),
        edit_manifest(lambda m: m.update(codeword_counts=[[1, 2], [3]])),
    ],
)
def test_a_damaged_model_is_a_model_error_that_names_the_folder(folder, damage):
    damage(folder)
    with pytest.raises(ModelError, match="alpha"):
        load_model(folder)


def test_weights_of_another_precision_are_another_model(folder):
    fingerprint = load_model(folder).fingerprint
    tensors = load_file(folder / "weights.safetensors")
    save_file({k: v.astype(np.float32) for k, v in tensors.items()}, folder / "weights.safetensors")
    assert load_model(folder).fingerprint != fingerprint


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no model"):
        load_model(tmp_path)


def test_packaged_models_load_by_name_and_are_listed_for_an_unknown_one(tmp_path, monkeypatch):
    for name in ("beta", "alpha"):
        save(tmp_path / name)
    (tmp_path / "no model").mkdir()
    monkeypatch.setattr(model_store, "_packaged", lambda: tmp_path)
    assert model_store.packaged_names() == ["alpha", "beta"]
    assert load_model("beta").name == "beta"
    with pytest.raises(ModelError, match=r"no model 'gamma'.*packaged models are: alpha, beta"):
        load_model("gamma")
    monkeypatch.setattr(model_store, "_packaged", lambda: tmp_path / "nowhere")
    with pytest.raises(ModelError, match="packaged models are: none"):
        load_model("gamma")
