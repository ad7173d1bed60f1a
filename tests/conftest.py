"""A tiny model with random weights: whatever it makes of a picture, it must make it exactly."""

import os
import shutil
import signal
import tempfile

import pytest

# Programs here are small and run a few times: optimising them would take most of the time.
QUICK_COMPILATION = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ["XLA_FLAGS"] = f"{QUICK_COMPILATION} {os.environ.get('XLA_FLAGS', '')}"

# Compiled programs are shared by all processes of a session, and by nothing else.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["PQMIM_TESTS_CACHE"] = tempfile.mkdtemp(prefix="pqmim-tests-")
    os.environ["PQMIM_CACHE_DIR"] = os.environ["PQMIM_TESTS_CACHE"]
    os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{os.environ['PQMIM_TESTS_CACHE']}/xla"
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"


def pytest_unconfigure():
    """The first process of a session ends last."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["PQMIM_TESTS_CACHE"], ignore_errors=True)


def pytest_collection_modifyitems(items):
    """The slowest files first: processes that share them out then end together."""
    items.sort(key=lambda item: item.path.parent.name != "training")


# Commands run in JAX unless a test asks otherwise: a tiny model is not worth an export.
os.environ.setdefault("PQMIM_RUNTIME", "jax")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_counts():
    """Programs started in the background ignore SIGINT, and so would all that the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a model with M = 4 codebooks of 16 codewords, f = 16, all codewords in use."""
    from pqmim_jax.training.random_model import save_random_model, tiny_config

    folder = tmp_path_factory.mktemp("tiny")
    save_random_model(folder, tiny_config())
    return folder


@pytest.fixture(scope="session")
def told_model(tmp_path_factory):
    """Folder of a model like `tiny_model` whose MIM knows the quality, and listens."""
    from pqmim_jax.training.random_model import save_random_model, tiny_config

    config = tiny_config()
    config.mim.update(knows_quality=True, trunk="lean", depth=2)
    folder = tmp_path_factory.mktemp("told")
    save_random_model(folder, config)
    return folder


@pytest.fixture(scope="session")
def other_model(tiny_model, tmp_path_factory):
    """Folder of a model like `tiny_model` but for one weight."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(tiny_model, folder, dirs_exist_ok=True)
    tensors = load_file(folder / "weights.safetensors")
    tensors["mim/head/output/bias"][0, 0] += 1
    save_file(tensors, folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="session")
def other_decoder_model(tiny_model, tmp_path_factory):
    """Folder of a model like `tiny_model` but for what it paints: it is named `other_decoder`."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("models") / "other_decoder"
    shutil.copytree(tiny_model, folder)
    tensors = load_file(folder / "weights.safetensors")
    tensors["autoencoder/to_pixels/bias"] += 0.25
    save_file(tensors, folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="session")
def told_codec(told_model):
    """`told_model` loaded."""
    from pqmim_jax import Codec

    return Codec.load(told_model)


@pytest.fixture(scope="session")
def pyramid_model(tmp_path_factory):
    """Folder of a `pyramid` model as tiny, noise in every weight; it refines its latents once."""
    from pqmim_jax.training.random_model import save_noisy_model, tiny_pyramid_config

    folder = tmp_path_factory.mktemp("pyramid")
    save_noisy_model(folder, tiny_pyramid_config())
    return folder


@pytest.fixture(scope="session")
def codec(tiny_model):
    """`tiny_model` loaded."""
    from pqmim_jax import Codec

    return Codec.load(tiny_model)
