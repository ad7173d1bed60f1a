"""Plain named tensors, and the decoder that PyTorch makes of them."""

import importlib.util
import json
import os
import sys

import numpy as np
import pytest
import torch_golden
from safetensors.numpy import load_file

from pqmim_jax import Codec
from pqmim_jax.export import export_model
from pqmim_jax.model_store import DEFAULT, load_model

# An interpreter with PyTorch, where this one has none.
TORCH_PYTHON = os.environ.get("PQMIM_TORCH_PYTHON", sys.executable)


@pytest.fixture(scope="module")
def folder(stored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "tensors"
    export_model(stored, "safetensors", folder)
    return folder


def test_every_weight_is_there_under_its_path(folder, stored):
    tensors = load_file(folder / "weights.safetensors")
    manifest = json.loads((folder / "manifest.json").read_text())
    guide = (folder / "NAMES.txt").read_text()
    kernel = stored.autoencoder["decoder"]["block_0"]["mlp"]["expand"]["kernel"]
    np.testing.assert_array_equal(tensors["autoencoder.decoder.block_0.mlp.expand.kernel"], kernel)
    np.testing.assert_array_equal(
        tensors["mim.block_0.attention.position_bias"],
        stored.mim["block_0"]["attention"]["position_bias"],
    )
    assert tensors.keys() == manifest["tensors"].keys()
    for name, value in tensors.items():
        described = manifest["tensors"][name]
        assert described["shape"] == list(value.shape)
        assert described["range"] == [value.min(), value.max()]
        assert f"\n{name}  {tuple(value.shape)}\n" in guide
    codebooks = np.fromfile(folder / "codebooks.bin", "<f4").reshape(4, 16, 4)
    np.testing.assert_array_equal(codebooks, stored.autoencoder["quantizer"]["codebooks"])


@pytest.mark.skipif(
    sys.executable == TORCH_PYTHON and importlib.util.find_spec("torch") is None,
    reason="no PyTorch here (PQMIM_TORCH_PYTHON names an interpreter that has it)",
)
@pytest.mark.parametrize("name", ["tiny_model", "pyramid_model"])
@pytest.mark.parametrize("quality", [2, 4])
def test_pytorch_decodes_the_same_picture(request, tmp_path, name, quality):
    stored = load_model(request.getfixturevalue(name))
    export_model(stored, "safetensors", tmp_path / "tensors")
    image = np.random.default_rng(quality).integers(0, 256, (96, 80, 3), dtype=np.uint8)
    codec = Codec.of(stored)
    encoded = codec.encode(image, quality=quality)
    found = torch_golden.decoded_by_torch(
        TORCH_PYTHON, tmp_path / "tensors", encoded.indices, quality
    )
    assert np.abs(codec.decompress(encoded.data).astype(int) - found).max() <= 1


@pytest.mark.parametrize("name", ["packaged", "pyramid"])
def test_jax_decodes_what_pytorch_decoded(request, name):
    """Where PyTorch is not: what it made of models' codes, when it was asked."""
    golden = np.load(torch_golden.FILE)
    assert golden["script"] == torch_golden.script_hash(), f"record anew: {torch_golden.__doc__}"
    model = request.getfixturevalue("pyramid_model") if name == "pyramid" else DEFAULT
    indices, quality, pixels = (golden[f"{name}_{k}"] for k in ("indices", "quality", "pixels"))
    codec = Codec.load(model)
    found = codec.decode_indices(indices.astype(np.int32), int(quality), pixels.shape[:2])
    assert np.abs(found.astype(int) - pixels).max() <= 1
    assert pixels.std() > 20
