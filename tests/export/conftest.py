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
def told_folder(told_model, tmp_path_factory):
    """`told_model` exported to ONNX, with counts by quality."""
    from dataclasses import replace

    import numpy as np

    from pqmim_jax.export import export_model
    from pqmim_jax.model_store import load_model

    model = load_model(told_model)
    m, k = model.counts.shape
    counts = np.random.default_rng(0).integers(0, 1000, (m, m, k))
    folder = tmp_path_factory.mktemp("exports") / "told"
    export_model(replace(model, counts=counts), "onnx", folder)
    return folder


@pytest.fixture(scope="session")
def manifest(onnx_folder):
    return json.loads((onnx_folder / "manifest.json").read_text())
