"""The tiny model and its exports."""

import json

import pytest


@pytest.fixture(scope="session")
def stored(tiny_model):
    """`tiny_model` as it lies on disk."""
    from pqmim_jax.model_store import load_model

    return load_model(tiny_model)


@pytest.fixture(scope="session")
def onnx_folder(stored, tmp_path_factory):
    """`tiny_model` exported to ONNX."""
    from pqmim_jax.export import export_model

    folder = tmp_path_factory.mktemp("exports") / "onnx"
    export_model(stored, "onnx", folder)
    return folder


@pytest.fixture(scope="session")
def manifest(onnx_folder):
    return json.loads((onnx_folder / "manifest.json").read_text())
