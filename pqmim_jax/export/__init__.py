"""Models for other runtimes: ONNX programs, StableHLO, plain tensors."""

from pqmim_jax.export.export import export_model

__all__ = ["export_model"]
