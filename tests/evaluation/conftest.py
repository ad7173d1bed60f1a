import numpy as np
import pytest
from PIL import Image


def smooth_photo(height=96, width=128, seed=0):
    rows, columns = np.mgrid[:height, :width] / 20
    waves = [np.sin(rows + shift + seed) * np.cos(columns - shift) for shift in (0, 1, 2)]
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    return np.clip(np.stack(waves, -1) * 90 + 128 + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def photo():
    return smooth_photo()


@pytest.fixture(scope="session")
def pictures_folder(tmp_path_factory):
    """Two small pictures, more than one coding window each, and something else."""
    path = tmp_path_factory.mktemp("pictures")
    for i, (name, size) in enumerate({"a.png": (30, 40), "b.png": (50, 70)}.items()):
        Image.fromarray(smooth_photo(*size, seed=i)).save(path / name)
    (path / "notes.txt").write_text("not a picture")
    return path
