"""`pqmim integers`: a trained MIM becomes the integers of a new model folder."""

import numpy as np
import pytest
from PIL import Image

from pqmim_jax import Codec, model_store


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, shape in (("a", (96, 96, 3)), ("b", (120, 97, 3)), ("small", (95, 200, 3))):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(folder / f"{name}.png")
    return folder


def test_a_model_is_converted_and_coded_with(pqmim, tiny_model, pictures, tmp_path):
    new = tmp_path / "new"
    done = pqmim("integers", tiny_model, "--pictures", pictures, "-o", new)
    assert (done.code, done.err) == (0, "")
    assert f"{tiny_model} -> {new}" in done.out and "% bits on 2 windows" in done.out
    model = model_store.load_model(new)
    assert model.decoder == model_store.load_model(tiny_model).decoder
    kept = model_store.load_float_mim(new)["stem"]["kernel"]
    np.testing.assert_array_equal(kept, model_store.load_float_mim(tiny_model)["stem"]["kernel"])
    codec = Codec.load(new)
    picture = np.asarray(Image.open(pictures / "b.png"))
    encoded = codec.encode(picture)
    expected = codec.decode_indices(encoded.indices, codec.qualities, picture.shape[:2])
    np.testing.assert_array_equal(codec.decompress(encoded.data), expected)


def test_what_cannot_be_converted(pqmim, tiny_model, pictures, tmp_path):
    for arguments, message in (
        (["--pictures", pictures, "-o", pictures], "exists; it is not written to"),
        (["--pictures", tmp_path, "-o", tmp_path / "x"], "no pictures in it"),
        (["--pictures", pictures, "-o", tmp_path / "x", "--windows", 0], "at least 1"),
    ):
        done = pqmim("integers", tiny_model, *arguments)
        assert done.code == 1 and message in done.err, done.err
    (pictures / "a.png").unlink()
    (pictures / "b.png").unlink()
    done = pqmim("integers", tiny_model, "--pictures", pictures, "-o", tmp_path / "x")
    assert done.code == 1 and "no colour picture of at least 96 x 96" in done.err
    done = pqmim("integers", "small-perceptual", "--pictures", pictures, "-o", tmp_path / "x")
    assert done.code == 1 and "in integers only" in done.err
    assert not (tmp_path / "x").exists()
