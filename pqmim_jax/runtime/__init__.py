"""The codec without JAX: NumPy, Pillow and ONNX Runtime, with an exported model."""

from pqmim_jax.runtime.manifest import ExportError

__all__ = ["ExportError", "load_codec"]


def __getattr__(name: str):
    # Loaded on first use: `pqmim --help` names the kinds of export, and needs no NumPy for that.
    if name == "load_codec":
        from pqmim_jax.runtime.load import load_codec

        return load_codec
    raise AttributeError(f"module 'pqmim_jax.runtime' has no attribute {name!r}")
