import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

NUM_IMAGES = 13


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """13 pictures of odd sizes in nested folders; picture k (in order of path) has red = 10 k."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for k in range(NUM_IMAGES):
        pixels = rng.integers(0, 256, (40 + 3 * k, 71 - 2 * k, 3), np.uint8)
        pixels[..., 0] = 10 * k
        folder = root / "abc"[k // 5]
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{k:02d}.png")
    return root


@pytest.fixture
def config(image_folder):
    """A 24-pixel pipeline over `image_folder` in two threads."""
    return ConfigDict(
        {
            "source": f"folder:{image_folder}",
            "cache_mb": 0,
            "crop": 24,
            "augmentation": "rescaled_crop",
            "min_scale": 0.6,
            "max_scale": 1.0,
            "flip": True,
            "synthetic_share": 0.0,
            "num_threads": 2,
            "prefetch": 2,
            "crops_per_image": 1,
        }
    )
