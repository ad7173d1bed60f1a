"""Plain named tensors, and the decoder that PyTorch makes of them."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pqmim_jax.export import export_model

SCRIPT = Path(__file__).parents[2] / "tools" / "torch_decoder.py"
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
        tensors["mim.block_0.attention.relative_bias"],
        stored.mim["block_0"]["attention"]["relative_bias"],
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
@pytest.mark.parametrize("quality", [2, 4])
def test_pytorch_decodes_the_same_picture(folder, codec, tmp_path, quality):
    image = np.random.default_rng(quality).integers(0, 256, (96, 80, 3), dtype=np.uint8)
    encoded = codec.encode(image, quality=quality)
    np.save(tmp_path / "indices.npy", encoded.indices)
    paths = [folder, tmp_path / "indices.npy", "-o", tmp_path / "picture.npy"]
    command = [TORCH_PYTHON, SCRIPT, *paths, "--quality", quality]
    subprocess.run(list(map(str, command)), check=True)
    expected = codec.decompress(encoded.data).astype(int)
    assert np.abs(expected - np.load(tmp_path / "picture.npy")).max() <= 1
