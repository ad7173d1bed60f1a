from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.cli import main
from pqmim_jax.codec import Codec


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def error_lines(self):
        return self.err.splitlines()


@pytest.fixture
def pqmim(capsys):
    """Runs the command in this process: `pqmim("info", file).code`."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def codec_loaded_once(codec, monkeypatch):
    """Commands on the tiny model share one compiled codec: what they do with it is under test."""
    monkeypatch.setattr(Codec, "load", lambda *_, **__: codec)


@pytest.fixture
def png(tmp_path):
    """A picture of 70 x 50 pixels: more than one coding window, and no multiple of f."""
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path
