"""Files of the hyperprior baseline: exact round trips, sizes, and damage."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pqmim_jax.cli import main
from pqmim_jax.codec.hyperprior import HyperpriorCodec
from pqmim_jax.coding import (
    CorruptFileError,
    NotPqmFileError,
    PqmError,
    TooLargeError,
    TruncatedFileError,
    UnsupportedVersionError,
    WrongModelError,
)
from pqmim_jax.model_store import ModelError, load_model
from pqmim_jax.training.random_hyperprior import save_random_hyperprior, tiny_hyperprior_config

# Decodes in a process of its own and prints a checksum of the pixels.
DECODE = """
import sys, zlib
from pqmim_jax.cli import main
from pqmim_jax.codec.hyperprior import HyperpriorCodec
codec = HyperpriorCodec.load(sys.argv[1])
print(zlib.crc32(codec.decompress(open(sys.argv[2], "rb").read()).tobytes()))
"""


def reconstruction(codec, image, quality):
    """What the encoder's side knows the picture becomes: the networks without any file."""
    from pqmim_jax.codec.hyperprior.padding import PaddedArea

    programs, rate = codec._programs, quality - 1
    area = PaddedArea(*image.shape[:2], programs.f)
    latents, hyper = programs.analysis(area.pad(image), area.mask, rate)
    hyper = area.grow(area.crop(np.rint(hyper), area.hyper_shape), 1).astype(np.int32)
    _, means = programs.gaussians(hyper, rate)
    symbols = area.grow(area.crop(np.rint(latents - means), area.shape), 4)
    padded = programs.synthesis((symbols + means).astype(np.float32), area.mask, rate)
    return padded[: image.shape[0], : image.shape[1]]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 2), st.integers(0, 9))
def test_any_size_comes_back_as_the_networks_make_it(
    hyperprior_codec, picture, height, width, quality, seed
):
    image = picture(height, width, seed)
    encoded = hyperprior_codec.encode(image, quality=quality)
    decoded = hyperprior_codec.decompress(encoded.data)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, reconstruction(hyperprior_codec, image, quality))
    # Header, checksum and the coder's end, with at most a hair for the coder's own rounding.
    assert len(encoded.data) <= encoded.ideal_bits * 1.001 / 8 + 16


def test_the_bits_of_its_parts_make_up_the_file(hyperprior_codec, picture):
    small, large = (hyperprior_codec.encode(picture(64, 64), quality=q) for q in (1, 2))
    assert 0 < small.hyper_bits < small.ideal_bits
    assert small.latent_bits < large.latent_bits
    assert len(large.data) >= large.ideal_bits / 8


def test_the_best_quality_is_the_default(hyperprior_codec, picture):
    image = picture(20, 30)
    assert hyperprior_codec.compress(image) == hyperprior_codec.compress(image, quality=2)


def test_a_fresh_process_decodes_the_same_pixels(
    hyperprior_codec, hyperprior_folder, picture, tmp_path
):
    import zlib

    data = hyperprior_codec.compress(picture(40, 57))
    path = tmp_path / "picture.pqh"
    path.write_bytes(data)
    command = [sys.executable, "-c", DECODE, str(hyperprior_folder), str(path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert int(out.stdout) == zlib.crc32(hyperprior_codec.decompress(data).tobytes())


@pytest.mark.parametrize("log_gain", [9.0, 18.0])
def test_latents_beyond_every_alphabet_are_escaped(picture, tmp_path, log_gain):
    save_random_hyperprior(tmp_path, tiny_hyperprior_config(), log_gain=log_gain)
    codec = HyperpriorCodec.load(tmp_path)
    image = picture(16, 24)
    encoded = codec.encode(image)
    # Under the widest Gaussian an integer costs some 10 bits; these cost their logarithm.
    assert encoded.latent_bits > 2 * 3 * 6 * 1.4 * log_gain
    np.testing.assert_array_equal(codec.decompress(encoded.data), reconstruction(codec, image, 2))


@pytest.mark.slow
def test_the_original_transforms_make_files_too(picture, tmp_path):
    save_random_hyperprior(tmp_path, tiny_hyperprior_config("conv"))
    codec = HyperpriorCodec.load(tmp_path)
    image = picture(33, 20)
    data = codec.compress(image, quality=1)
    np.testing.assert_array_equal(codec.decompress(data), reconstruction(codec, image, 1))


@pytest.fixture(scope="module")
def data(hyperprior_codec, picture):
    return hyperprior_codec.compress(picture(30, 50))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_changed_byte_is_always_an_error(hyperprior_codec, data, draw):
    position = draw.draw(st.integers(0, len(data) - 1))
    value = draw.draw(st.integers(1, 255))
    damaged = bytearray(data)
    damaged[position] ^= value
    with pytest.raises(PqmError) as error:
        hyperprior_codec.decompress(bytes(damaged), max_pixels=64 * 64)
    assert "\n" not in str(error.value)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_cut_or_longer_file_is_an_error(hyperprior_codec, data, draw):
    end = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(PqmError):
        hyperprior_codec.decompress(data[:end])
    with pytest.raises(PqmError):
        hyperprior_codec.decompress(data + draw.draw(st.binary(min_size=1, max_size=9)))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_noise_behind_a_good_header_is_an_error(hyperprior_codec, data, noise):
    with pytest.raises(PqmError):
        hyperprior_codec.decompress(data[:9] + noise)


def test_each_kind_of_trouble_has_its_error(hyperprior_codec, codec, data, picture):
    foreign = codec.compress(picture(16, 16))
    cases = [
        (b"", TruncatedFileError, "0 bytes"),
        (foreign, NotPqmFileError, "not a hyperprior file"),
        (data[:3] + bytes([data[3] | 0x20]) + data[4:], UnsupportedVersionError, "version 1"),
        (data[:4] + b"\0\0" + data[6:], WrongModelError, "another model"),
        (data[:8] + b"\x07" + data[9:], CorruptFileError, "quality 8, the model has 2"),
        (data[:6] + b"\xff\xff\x03\xff\xff\x03\x01" + data[9:], TooLargeError, "65536 x 65536"),
        (data[:6] + b"\xff\x1f\xff\x1f\x01" + data[9:], TruncatedFileError, "too few"),
    ]
    for damaged, error, message in cases:
        with pytest.raises(error, match=message):
            hyperprior_codec.decompress(damaged)
    with pytest.raises(NotPqmFileError):
        codec.decompress(data)


def test_an_image_or_quality_that_cannot_be_coded_is_refused(hyperprior_codec, picture):
    image = picture(8, 8)
    for bad in (image[..., 0], image.astype(np.float32), image[:0], image[..., :2]):
        with pytest.raises(ValueError, match=r"uint8 \(H, W, 3\)"):
            hyperprior_codec.compress(bad)
    for quality in (0, 3):
        with pytest.raises(ValueError, match=f"quality must be from 1 to 2, got {quality}"):
            hyperprior_codec.compress(image, quality=quality)


def test_a_model_of_the_wrong_kind_is_one_clear_error(hyperprior_folder, tiny_model):
    with pytest.raises(ModelError, match="kind 'hyperprior', not 'pqmim'"):
        load_model(hyperprior_folder)
    with pytest.raises(ModelError, match="kind 'pqmim', not 'hyperprior'"):
        HyperpriorCodec.load(tiny_model)


def test_a_model_with_another_weight_or_setting_has_another_fingerprint(
    hyperprior_codec, hyperprior_folder, tmp_path
):
    for name in ("weight", "table"):
        shutil.copytree(hyperprior_folder, tmp_path / name)
        tensors = load_file(tmp_path / name / "weights.safetensors")
        changed = "params/log_deviation" if name == "weight" else "latents/weights"
        tensors[changed][0] += 1
        save_file(tensors, tmp_path / name / "weights.safetensors")
        other = HyperpriorCodec.load(tmp_path / name)
        assert other.model.fingerprint != hyperprior_codec.model.fingerprint
    manifest = json.loads((hyperprior_folder / "model.json").read_text())
    del manifest["hyperprior"]
    (tmp_path / "weight" / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="hyperprior"):
        HyperpriorCodec.load(tmp_path / "weight")


def test_export_to_other_runtimes_is_refused_in_one_line(hyperprior_folder, tmp_path, capsys):
    command = ["export", str(hyperprior_folder), "--format", "onnx", "-o", str(tmp_path / "out")]
    assert main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "a model of kind 'hyperprior', not 'pqmim'" in line
