"""The codec without JAX: NumPy, Pillow and ONNX Runtime, with an exported model."""

from pqmim_jax.runtime.load import load_codec
from pqmim_jax.runtime.manifest import ExportError

__all__ = ["ExportError", "load_codec"]
