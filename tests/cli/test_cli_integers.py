"""`pqmim integers`: a trained MIM becomes the integers of a model folder."""

import shutil

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.codec import Codec
from pqmim_jax.images import read_image
from pqmim_jax.model_store import FLOAT_MIM, flatten, load_float_mim, load_model


@pytest.fixture
def pictures(tmp_path):
    """Two pictures that a window fits in, with its halo, and one that is too small."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, side in (("a", 96), ("b", 120), ("c", 40)):
        pixels = np.random.default_rng(side).integers(0, 256, (side, 130, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def test_a_model_with_new_integers_reads_what_it_writes(pqmim, tiny_model, pictures, tmp_path):
    made = tmp_path / "made"
    done = pqmim("integers", tiny_model, "--pictures", pictures, "-o", made)
    assert done.code == 0, done.err
    assert "% bits on 2 windows" in done.out
    old, new = load_model(tiny_model), load_model(made)
    assert new.config == old.config
    assert new.fingerprint != old.fingerprint and new.decoder == old.decoder
    trained = flatten(load_float_mim(tiny_model)).items()
    kept = flatten(load_float_mim(made))
    assert all(np.array_equal(kept[name], value) for name, value in trained)
    codec = Codec.load(made)
    encoded = codec.encode(read_image(pictures / "b.png"))
    expected = codec.decode_indices(encoded.indices, codec.qualities, (120, 130))
    np.testing.assert_array_equal(codec.decompress(encoded.data), expected)


def test_what_cannot_be_converted_is_one_line(pqmim, tiny_model, pictures, tmp_path):
    def refused(model, *options):
        done = pqmim("integers", model, *options)
        assert (done.code, done.out, len(done.error_lines)) == (1, "", 1)
        return done.err

    made = tmp_path / "made"
    assert "exists" in refused(tiny_model, "--pictures", pictures, "-o", pictures)
    target = ("--pictures", pictures, "-o", made)
    assert "--windows" in refused(tiny_model, *target, "--windows", 0)
    without = tmp_path / "without"
    shutil.copytree(tiny_model, without)
    (without / FLOAT_MIM).unlink()
    assert FLOAT_MIM in refused(without, *target)
    for name in "ab":
        (pictures / f"{name}.png").unlink()
    assert "at least 96 x 96 pixels" in refused(tiny_model, *target)
    assert not made.exists()
