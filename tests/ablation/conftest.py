import numpy as np
import pytest
from PIL import Image

CONFIG = """
from pqmim_jax.ablation import default_config
from pqmim_jax.training.random_model import tiny_config


def get_config():
    config = default_config.get_config()
    tiny = tiny_config()
    config.mim.update(tiny.mim)
    config.codec.update(tiny.codec)
    config.data.update(source="folder:{train}", num_threads=0, prefetch=0, min_scale=0.9)
    config.data.update(cache_mb=8, max_scale=1.0)
    config.mim_training.update(autoencoder="{model}", crop=96, steps=4, batch_size=2)
    config.mim_training.update(warmup_steps=1, schedule="qlds(stages=3)", schedule_share=0.0)
    config.checkpoints.every = 100
    config.log_every = 2
    config.ablation.update(seeds=(0, 1), crops=6, resamples=50, reference="qlds(stages=2)")
    config.ablation.training.mim_training.mask = ("uniform",)
    config.ablation.coding.update(order=("qlds",), stages=(2, 3))
    config.ablation.schedules = ("one_shot",)
    config.evaluation.update(source="folder:{held_out}", decode_images=1)
    return config
"""


@pytest.fixture(scope="session")
def ablation_config(tmp_path_factory, tiny_model):
    """Path of a config: one mask, two seeds, three schedules on a tiny model."""
    folder = tmp_path_factory.mktemp("ablation")
    rng = np.random.default_rng(0)
    for name, count in (("train", 3), ("held_out", 2)):
        (folder / name).mkdir()
        for i in range(count):
            coarse = rng.integers(0, 255, (7, 8 + i, 3)).astype(np.uint8)
            picture = Image.fromarray(coarse).resize((112 + 8 * i, 104), Image.BICUBIC)
            picture.save(folder / name / f"{i}.png")
    path = folder / "config.py"
    text = CONFIG.format(train=folder / "train", held_out=folder / "held_out", model=tiny_model)
    path.write_text(text)
    return path


@pytest.fixture
def no_repository(monkeypatch, tmp_path):
    """Tables without a commit: the checkout may be committed to while a test runs."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
