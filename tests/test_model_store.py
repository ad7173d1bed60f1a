import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pqmim_jax import __version__, model_store
from pqmim_jax.coding import RELEASED, VERSION
from pqmim_jax.model_store import ModelError, load_model, save_model

CONFIG = {
    "autoencoder": {"f": 8, "num_codebooks": 2, "num_codewords": 3, "dtype": "float32"},
    "mim": {"width": 4, "head": "depth", "depth": 2, "heads": 1},
    "codec": {"window": 4, "halo": 1, "schedule": "qlds(stages=3,alpha=2.2)"},
}
COUNTS = np.array([[3, 0, 5], [1, 2, 2**40]])
BY_QUALITY = np.array([[[7, 0, 5], [0, 0, 0]], [[3, 0, 9], [1, 300, 2]]])


def weights(seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(3, 2)).astype(np.float32)
    return {"layer": {"inner": {"kernel": kernel}, "bias": np.zeros(2)}}


def integers(seed):
    rng = np.random.default_rng(seed)
    kernel = rng.integers(-64, 65, (3, 2)).astype(np.int8)
    return {"layer": {"inner": {"kernel": kernel}, "bias": np.zeros(2, np.int32)}}


def save(path, config=CONFIG, autoencoder=None, mim=None, counts=COUNTS, **options):
    save_model(path, config, autoencoder or weights(0), mim or integers(1), counts, **options)
    return path


def digests(path, **changes):
    """(fingerprint, decoder) of a model saved with these changes."""
    model = load_model(save(path, **changes))
    return model.fingerprint, model.decoder


def with_section(name, **changes):
    return {**CONFIG, name: {**CONFIG[name], **changes}}


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / "alpha")


def test_a_stored_model_comes_back(folder):
    model = load_model(folder)
    assert (model.name, model.config) == ("alpha", CONFIG)
    np.testing.assert_array_equal(model.counts, COUNTS)
    assert model.counts.dtype == np.int64
    halves = weights(0)["layer"]["inner"]["kernel"].astype(np.float16)
    for tree, expected, dtype in (
        (model.autoencoder, halves, np.float32),
        (model.mim, integers(1)["layer"]["inner"]["kernel"], np.int8),
    ):
        assert tree.keys() == {"layer"}
        kernel = tree["layer"]["inner"]["kernel"]
        assert kernel.dtype == dtype
        np.testing.assert_array_equal(kernel, expected)


@pytest.mark.parametrize(
    ("counts", "dtype"),
    [
        (BY_QUALITY // 2, np.uint8),
        (BY_QUALITY, np.uint16),
        (BY_QUALITY * 1000, np.uint32),
        (COUNTS, np.uint64),
    ],
)
def test_counts_take_no_more_bytes_than_they_need(tmp_path, counts, dtype):
    folder = save(tmp_path / "counted", counts=counts)
    assert load_file(folder / "weights.safetensors")["codeword_counts"].dtype == dtype
    model = load_model(folder)
    np.testing.assert_array_equal(model.counts, counts)
    assert model.counts.dtype == np.int64


def test_counts_decide_about_no_file(tmp_path):
    assert digests(tmp_path / "one") == digests(tmp_path / "two", counts=BY_QUALITY)


def test_a_model_of_before_counts_were_a_tensor_loads(folder):
    before = load_model(folder)
    tensors = load_file(folder / "weights.safetensors")
    del tensors["codeword_counts"]
    save_file(tensors, folder / "weights.safetensors")
    edit_manifest(lambda m: m.update(codeword_counts=COUNTS.tolist()))(folder)
    model = load_model(folder)
    np.testing.assert_array_equal(model.counts, COUNTS)
    assert model.counts.dtype == np.int64
    assert (model.fingerprint, model.decoder) == (before.fingerprint, before.decoder)


def test_weights_can_be_stored_in_full(tmp_path):
    model = load_model(save(tmp_path / "full", dtype=np.float32))
    np.testing.assert_array_equal(
        model.autoencoder["layer"]["inner"]["kernel"], weights(0)["layer"]["inner"]["kernel"]
    )


def test_the_mim_as_it_was_trained_may_lie_beside_its_integers(folder, tmp_path):
    with pytest.raises(ModelError, match=r"integers only: there is no float_mim\.safetensors"):
        model_store.load_float_mim(folder)
    both = save(tmp_path / "both", float_mim=weights(2))
    kernel = model_store.load_float_mim(both)["layer"]["inner"]["kernel"]
    halves = weights(2)["layer"]["inner"]["kernel"].astype(np.float16)
    np.testing.assert_array_equal(kernel, halves)
    assert load_model(both).fingerprint == load_model(folder).fingerprint
    save(both)
    assert not (both / "float_mim.safetensors").exists()


def test_a_model_of_before_the_integers_is_named_and_can_be_converted(folder):
    tensors = {
        f"{room}/{name}": value.astype(np.float16)
        for room, seed in (("autoencoder", 0), ("mim", 2))
        for name, value in model_store.flatten(weights(seed)).items()
    }
    save_file(tensors, folder / "weights.safetensors")
    manifest = json.loads((folder / "model.json").read_text())
    manifest |= {"format": 1, "codeword_counts": COUNTS.tolist()}
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="not in integers; `pqmim integers` converts it"):
        load_model(folder)
    config, autoencoder, mim, counts = model_store.load_float_model(folder)
    assert config == CONFIG
    np.testing.assert_array_equal(counts, COUNTS)
    for tree, seed in ((autoencoder, 0), (mim, 2)):
        halves = weights(seed)["layer"]["inner"]["kernel"].astype(np.float16)
        np.testing.assert_array_equal(tree["layer"]["inner"]["kernel"], halves)


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


def changed(seed):
    tree = weights(seed)
    tree["layer"]["bias"][1] = 0.5
    return tree


def renamed(seed):
    return {"ladder": weights(seed)["layer"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"mim": changed(1)},
        {"mim": renamed(1)},
        {"config": with_section("mim", heads=2)},
        {"config": with_section("codec", schedule="qlds(stages=4,alpha=2.2)")},
        {"config": with_section("codec", window=5)},
        {"config": with_section("codec", halo=2)},
    ],
)
def test_the_fingerprint_tells_apart_what_decides_about_indices(tmp_path, changes):
    fingerprint, decoder = digests(tmp_path / "one")
    other, same = digests(tmp_path / "two", **changes)
    assert 0 <= fingerprint < 2**32 and 0 <= decoder < 2**16
    assert (other != fingerprint, same) == (True, decoder)


@pytest.mark.parametrize("field", ["f", "num_codebooks", "num_codewords"])
def test_the_alphabet_and_the_grid_decide_about_both(tmp_path, field):
    one = digests(tmp_path / "one")
    config = with_section("autoencoder", **{field: 16})
    shape = [config["autoencoder"][name] for name in ("num_codebooks", "num_codewords")]
    counts = np.ones(shape, int)
    two = digests(tmp_path / "two", config=config, counts=counts)
    assert one[0] != two[0] and one[1] != two[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"autoencoder": changed(0)},
        {"autoencoder": renamed(0)},
        {"autoencoder": {**weights(0), "quantizer": {"codebooks": np.zeros((2, 3, 1))}}},
        {"config": with_section("autoencoder", decoder_depth=9)},
    ],
)
def test_the_decoder_digest_tells_apart_what_makes_pixels(tmp_path, changes):
    fingerprint, decoder = digests(tmp_path / "one")
    same, other = digests(tmp_path / "two", **changes)
    assert (same, other != decoder) == (fingerprint, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": with_section("codec", rate_weights=[10.0, 20.0], curvature=2.0)},
        {"config": with_section("codec", schedule=" qlds ( alpha=2.2,stages=3 )")},
        {"config": with_section("mim", dtype="bfloat16")},
        *(
            {"autoencoder": {**weights(0), part: weights(5)["layer"]}}
            for part in ("encoder", "to_latents", "linear_analysis")
        ),
    ],
)
def test_both_leave_out_what_only_the_encoder_uses_and_how_things_are_spelt(tmp_path, changes):
    assert digests(tmp_path / "one") == digests(tmp_path / "two", **changes)


def test_digests_of_one_model_are_always_the_same():
    config = {
        "autoencoder": {"f": 8, "num_codebooks": 1, "num_codewords": 2},
        "mim": {"depth": 1, "heads": 1},
        "codec": {"window": 4, "halo": 1, "schedule": "one_shot"},
    }
    tensors = {
        "mim/a": np.arange(6, dtype=np.int32).reshape(2, 3),
        "mim/b": np.array([1.5], np.float16),
        "autoencoder/c": np.array([7], np.int8),
    }
    assert model_store.fingerprint(config, tensors) == 0x3207D5A6
    assert model_store.decoder_digest(config, tensors) == 0x5548
    swapped = {name: value.astype(value.dtype.newbyteorder(">")) for name, value in tensors.items()}
    assert model_store.fingerprint(config, swapped) == model_store.fingerprint(config, tensors)


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


def edit_counts(change):
    def edit(folder):
        tensors = load_file(folder / "weights.safetensors")
        change(tensors)
        save_file(tensors, folder / "weights.safetensors")

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: truncate(f / "model.json"),
        lambda f: truncate(f / "weights.safetensors"),
        lambda f: (f / "weights.safetensors").unlink(),
        lambda f: (f / "model.json").write_bytes(b"\xff\xfe"),
        lambda f: (f / "weights.safetensors").write_bytes(b""),
        edit_manifest(lambda m: m.update(format=3)),
        edit_manifest(lambda m: m.pop("codec")),
        lambda folder: (folder / "model.json").write_text("[1]"),
        edit_counts(lambda t: t.pop("codeword_counts")),
        edit_counts(lambda t: t.update(codeword_counts=COUNTS[:, :2].copy())),
        edit_counts(lambda t: t.update(codeword_counts=np.float32(COUNTS))),
    ],
)
def test_a_damaged_model_is_a_model_error_that_names_the_folder(folder, damage):
    damage(folder)
    with pytest.raises(ModelError, match="alpha"):
        load_model(folder)


def test_weights_of_another_precision_are_another_model(folder):
    fingerprint = load_model(folder).fingerprint
    tensors = load_file(folder / "weights.safetensors")
    for name in tensors.keys() - {"codeword_counts"}:
        tensors[name] = tensors[name].astype(np.float32)
    save_file(tensors, folder / "weights.safetensors")
    assert load_model(folder).fingerprint != fingerprint


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no model"):
        load_model(tmp_path)


def test_what_is_packaged_is_what_is_released_and_not_retired():
    # A model that takes another's place: a row of its own, and its last version for the old one.
    found = [model_store.summary(name) for name in model_store.packaged_names()]
    packaged = {(model.name, model.fingerprint, model.decoder) for model in found}
    current = [row for row in RELEASED if row.last_version is None]
    assert {(row.name, row.fingerprint, row.decoder) for row in current} == packaged
    assert all(row.format_version == VERSION for row in current)
    assert __version__ not in {row.last_version for row in RELEASED}
    keys = [(row.format_version, row.fingerprint, row.decoder) for row in RELEASED]
    assert len(set(keys)) == len(keys)


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
