"""Which runtime runs a model, and the exports that are kept for it."""

import numpy as np
import pytest

from pqmim_jax import loading
from pqmim_jax.model_store import ModelError
from pqmim_jax.runtime import ExportError
from pqmim_jax.runtime.programs import OnnxPrograms

PICTURE = np.random.default_rng(5).integers(0, 256, (40, 70, 3), dtype=np.uint8)


@pytest.fixture
def machine(monkeypatch):
    """Function that says what is installed, and what the environment says."""
    for name in ("PQMIM_RUNTIME", "JAX_PLATFORMS"):
        monkeypatch.delenv(name, raising=False)

    def describe(*installed, **environment):
        monkeypatch.setattr(loading, "_installed", lambda *names: set(names) <= set(installed))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return loading.default_runtime()

    return describe


def test_the_default_runtime(machine):
    assert machine("jax") == "jax"
    assert machine("jax", "onnxruntime") == "jax"  # nothing to export with
    assert machine("jax", "onnxruntime", "onnx") == "onnx"
    assert machine("onnxruntime") == "onnx"
    assert machine("jax", "onnxruntime", "onnx", "jax_cuda12_plugin") == "jax"


def test_the_environment_decides_too(machine):
    all_of_it = ("jax", "onnxruntime", "onnx", "jax_cuda13_plugin")
    assert machine(*all_of_it, JAX_PLATFORMS="cpu") == "onnx"
    assert machine(*all_of_it[:3], JAX_PLATFORMS="tpu,cpu") == "jax"
    assert machine(*all_of_it[:3], PQMIM_RUNTIME="jax") == "jax"
    assert machine(*all_of_it, PQMIM_RUNTIME="onnx") == "onnx"
    with pytest.raises(ValueError, match="PQMIM_RUNTIME is 'torch'; choices: jax, onnx"):
        machine(*all_of_it, PQMIM_RUNTIME="torch")


def test_an_export_is_made_once_and_files_go_both_ways(tiny_model, codec, tmp_path, monkeypatch):
    monkeypatch.setenv("PQMIM_CACHE_DIR", str(tmp_path))
    said = []
    first = loading.load_codec(tiny_model, runtime="onnx", say=said.append)
    assert said == [f"preparing model {tiny_model} for ONNX Runtime, once"]
    assert isinstance(first.programs, OnnxPrograms)
    assert len(list(tmp_path.glob("onnx-*/manifest.json"))) == 1
    monkeypatch.setattr("pqmim_jax.export.export_model", None)
    second = loading.load_codec(tiny_model, runtime="onnx", say=said.append)
    assert len(said) == 1
    for writer, reader in ((codec, second), (second, codec)):
        encoded = writer.encode(PICTURE, quality=3)
        decoded = reader.decode(encoded.data)
        expected = writer.decompress(encoded.data).astype(int)
        assert decoded.decoder_matches
        assert np.abs(decoded.pixels - expected).max() <= 1


def test_without_a_place_for_exports_jax_does_it(tiny_model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PQMIM_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(loading, "default_runtime", lambda model=None: "onnx")
    with pytest.warns(UserWarning, match="ONNX Runtime is not used"):
        codec = loading.load_codec(tiny_model)
    assert not isinstance(codec.programs, OnnxPrograms)
    with pytest.raises(OSError):
        loading.load_codec(tiny_model, runtime="onnx")


def test_a_model_that_is_not_there(tmp_path):
    for runtime in ("jax", "onnx"):
        with pytest.raises(ModelError, match="no model"):
            loading.load_codec(tmp_path / "none", runtime=runtime)


def test_nothing_to_export_with_is_said(tiny_model, monkeypatch):
    monkeypatch.setattr(loading, "_installed", lambda *names: names == ("onnxruntime",))
    with pytest.raises(ExportError, match="needs --model FOLDER"):
        loading.load_codec(tiny_model)
