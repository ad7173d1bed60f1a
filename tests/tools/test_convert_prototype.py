"""Weights of the prototype as a model of the project: equal outputs, a folder that works, errors.

What the prototype made of a tiny model is recorded in prototype_golden.npz; prototype_golden.py
beside it says how.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import convert_prototype
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from prototype.errors import PrototypeError
from prototype.parts import read_parts
from prototype_golden import FILE, QUALITY
from safetensors.numpy import load_file, save_file

from pqmim_jax import Codec
from pqmim_jax.model_store import load_float_mim, load_model
from pqmim_jax.models import build_autoencoder, build_mim
from pqmim_jax.training import default_config, mim_stage, pqvae_stage, rate

TOOL = Path(__file__).parents[2] / "tools" / "convert_prototype.py"


@pytest.fixture(scope="module")
def golden():
    with np.load(FILE) as file:
        return dict(file)


@pytest.fixture
def parts(golden, tmp_path):
    """The folder that the run left: each network in two parts."""
    folder = tmp_path / "parts"
    folder.mkdir()
    for name in ("pqvae", "mim"):
        (folder / f"{name}.json").write_text(str(golden[f"{name}.json"]))
        tensors = {k.removeprefix(f"{name}/"): v for k, v in golden.items() if f"{name}/" in k}
        order = sorted(tensors)
        for number, taken in enumerate((order[::2], order[1::2])):
            file = folder / f"{name}-{number}.safetensors"
            save_file({k: tensors[k] for k in taken}, file)
    np.savez(folder / "freq.npz", freq=golden["freq"], counts=np.ones((4, 16), np.float32))
    return folder


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "ab":
        pixels = rng.integers(0, 256, (100, 96, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def run(*arguments):
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def networks(parts):
    found = read_parts(parts)
    config = convert_prototype.config_of(found)
    return config, *convert_prototype.networks_of(found, config)


def test_converted_networks_do_what_the_prototype_does(golden, parts):
    config, frozen, mim = networks(parts)
    autoencoder = build_autoencoder(config.autoencoder)
    quality = jnp.full(1, QUALITY)

    def of_picture(method, *inputs):
        return autoencoder.apply({"params": frozen}, *inputs, method=method)

    image = jnp.float32(golden["picture"][None]) / 255 - 0.5
    np.testing.assert_allclose(of_picture("encode", image), golden["latents"], atol=1e-4)
    indices = jnp.int32(golden["indices"])
    few = jnp.maximum(indices[:, :2, :3], 0)
    decoded = of_picture("decode_indices", few, quality)
    np.testing.assert_allclose(decoded, golden["reconstruction"], atol=1e-4)
    model, visible = build_mim(config.mim, config.autoencoder), jnp.int32(golden["visible"])
    for told, is_same in ((quality, True), (quality - 1, False)):
        logits = model.apply({"params": mim}, visible, indices, told)
        assert np.allclose(logits, golden["logits"], atol=1e-4) == is_same


def test_counts_price_codewords_as_the_prototype_does(golden):
    shares = np.float64(golden["freq"])
    shares[3, 2] = np.eye(16)[5]  # fifteen codewords that never occurred
    counts = convert_prototype.counts_of(shares, 4, 16)
    assert counts.dtype == np.int64 and counts.max() < 2**16
    for quality in (1, 2, 3, 4):
        assert not counts[quality - 1, quality:].any()
        theirs = shares[quality - 1, :quality]
        bits = [rate.static_bits(x) for x in (theirs + 2e-5, counts[quality - 1, :quality] + 0.5)]
        np.testing.assert_allclose(bits[1], bits[0], atol=0.5)  # of a share of 2e-5
        often = theirs > 1e-3
        np.testing.assert_allclose(bits[1][often], bits[0][often], atol=0.02)


def test_a_model_folder_that_codes_and_that_training_goes_on_from(parts, pictures, tmp_path):
    done = run(parts, "--pictures", pictures, "-o", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert "% bits on its calibration windows" in done.stderr
    codec = Codec.load(tmp_path / "model")
    picture = np.asarray(Image.open(pictures / "a.png"))[:50]
    encoded = codec.encode(picture, quality=QUALITY)
    expected = codec.decode_indices(encoded.indices, QUALITY, picture.shape[:2])
    np.testing.assert_array_equal(codec.decompress(encoded.data), expected)

    stored, (config, frozen, mim) = load_model(tmp_path / "model"), networks(parts)
    assert stored.config["mim"]["knows_quality"] and stored.config["codec"]["counts_by_quality"]
    assert stored.config["mim"]["trunk"] == "lean" and stored.counts.shape == (4, 4, 16)
    np.testing.assert_array_equal(
        load_float_mim(tmp_path / "model")["quality"]["embedding"], mim["quality"]["embedding"]
    )
    full = default_config.get_config()
    for name in ("autoencoder", "mim", "codec"):
        full[name].update(config[name])
    full.pqvae_training.start_from = full.mim_training.start_from = str(tmp_path / "model")
    full.mim_training.crop = 96
    started = pqvae_stage.start_values(full)["params"]
    for name in ("stem", "down_1"):
        ours = started["encoder"][name]["kernel"]
        np.testing.assert_array_equal(ours, frozen["encoder"][name]["kernel"])
    started = mim_stage.start_values(full, full.autoencoder, frozen, stored.counts)["params"]
    np.testing.assert_array_equal(started["head"]["token"], mim["head"]["token"])


def changed(parts, number, change):
    file = parts / f"pqvae-{number}.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


def changed_json(parts, change):
    found = json.loads((parts / "mim.json").read_text())
    change(found)
    (parts / "mim.json").write_text(json.dumps(found))


CASES = {
    "no part": (lambda p: (p / "pqvae-0.safetensors").unlink(), "pqvae-0.safetensors cannot be"),
    "part missing": (
        lambda p: (p / "mim-1.safetensors").unlink(),
        "mim: 15 of 31 parameters are missing, such as",
    ),
    "part damaged": (lambda p: (p / "mim-1.safetensors").write_bytes(b"no"), "cannot be read"),
    "twice": (
        lambda p: changed(p, 1, lambda t: t.update(load_file(p / "pqvae-0.safetensors"))),
        "and so does a part before it",
    ),
    "unknown name": (
        lambda p: changed(p, 0, lambda t: t.update({"encoder/swirl": np.ones(1)})),
        "pqvae: unknown parameter encoder/swirl",
    ),
    "shape": (
        lambda p: changed_json(p, lambda found: found["mim"].update(width=64)),
        "the project's is",
    ),
    "settings": (
        lambda p: changed_json(p, lambda found: found["codec"].update(swirl=1)),
        "unknown setting codec.swirl",
    ),
    "type": (
        lambda p: changed_json(p, lambda found: found["mim"].update(width="wide")),
        "mim.width cannot be 'wide'",
    ),
    "schedule": (
        lambda p: changed_json(p, lambda found: found["codec"].update(schedule="spiral")),
        "spiral",
    ),
    "section": (lambda p: changed_json(p, lambda f: f.pop("codec")), "section is missing: codec"),
    "no JSON": (lambda p: (p / "pqvae.json").write_text("{"), "pqvae.json cannot be read"),
    "no frequencies": (lambda p: (p / "freq.npz").unlink(), "freq.npz cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_converted_is_said(parts, case):
    damage, message = CASES[case]
    damage(parts)
    with pytest.raises(PrototypeError, match=message):
        networks(parts)


def test_shares_that_are_none():
    for shares, message in (
        (np.ones((4, 16)), r"\(4, 16\), not \(4, 4, 16\)"),
        (np.zeros((4, 4, 16)), "add up to 1"),
        (np.full((4, 4, 16), np.nan), "add up to 1"),
    ):
        with pytest.raises(PrototypeError, match=message):
            convert_prototype.counts_of(shares, 4, 16)


def test_the_command_says_in_one_line_what_is_wrong(parts, pictures, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = tmp_path / "wrong"
    shutil.copytree(parts, wrong)
    changed_json(wrong, lambda found: found["codec"].update(rate_weights=[2.0, 1.0]))
    for arguments, message in (
        ((wrong, "--pictures", pictures, "-o", tmp_path / "x"), "must hold 4 values, not 2"),
        ((empty, "--pictures", pictures, "-o", tmp_path / "x"), "pqvae.json cannot be read"),
        ((parts, "--pictures", empty, "-o", tmp_path / "x"), "no pictures in it"),
        ((parts, "--pictures", pictures, "-o", empty), "is not written to"),
    ):
        done = run(*arguments)
        assert done.returncode == 1 and message in done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert not (tmp_path / "x").exists()
