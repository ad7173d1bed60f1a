"""A codec of an exported folder."""

from importlib import util
from pathlib import Path

from pqmim_jax.codec.codec import Codec
from pqmim_jax.runtime.manifest import ExportError
from pqmim_jax.runtime.model import load_exported
from pqmim_jax.runtime.programs import OnnxPrograms


def load_codec(folder: str | Path, *, threads: int | None = None) -> Codec:
    """The `Codec` of a folder that `pqmim export MODEL --format onnx -o FOLDER` made.

    It makes and reads the same files as `Codec.load(MODEL)`.

    Args:
      threads: how many windows or regions are coded at once (any number gives the same bytes).

    Raises:
      ExportError: the folder is missing, damaged or of another version, or ONNX Runtime is not
        installed.
    """
    if util.find_spec("onnxruntime") is None:
        raise ExportError('ONNX Runtime is not installed: pip install "onnxruntime"')
    model = load_exported(folder)
    return Codec(model, OnnxPrograms(model, threads), model.codebooks)
